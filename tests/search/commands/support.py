"""Shared by the tests of the command line."""

SEARCH = ("--study", "tiny.toml", "--gpus", "0", "--budget", "1")
"""Options of a small search."""
