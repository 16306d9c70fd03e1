"""Estimates of the score that a configuration has over seeds, from one reading or more.

noise       variance between trainings of one configuration with different seeds
surface     a Gaussian process over configurations and their cost, conditioned on noisy readings
estimate    scores with standard errors, and the probability of being on the front
"""
