"""Figures and tables of the paper, trained by Ray's workers and logged to MLflow."""
