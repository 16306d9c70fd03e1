"""Expected hypervolume improvement where the cost is known and only the score needs a surrogate.

improvement   the expectation, in closed form (NumPy and SciPy alone)
costs         an approximation of costs, for many points at once
lessons       training data of the surrogate, stopped trials included
surrogate     a Gaussian process of the score                 (door to BoTorch)
proposer      candidates, and the best of them
sampler       Optuna's sampler, made of these
"""
