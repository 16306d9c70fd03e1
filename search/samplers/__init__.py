"""Samplers that propose configurations, and the search space in Optuna's terms."""
