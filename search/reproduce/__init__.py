"""Reproduction of the paper's figures and tables: trained by Ray's workers, logged to MLflow."""
