"""Trials of a search: records, state in memory, and their repository in Optuna's storage."""
