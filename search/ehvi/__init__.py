"""A sampler that knows the cost: expected hypervolume improvement where only accuracy is unknown.

What a configuration costs is known before it is trained, so accuracy alone takes a surrogate.

    improvement   the expectation, in closed form (NumPy and SciPy alone)
    points        configurations as rows of numbers
    costs         what configurations cost: exactly, and roughly but at once
    curves        accuracies at rungs as guesses of final ones
    surrogate     a Gaussian process of accuracy                  (door to BoTorch)
    sampler       Optuna's sampler that is made of these
"""
