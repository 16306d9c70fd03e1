"""Storage of searches: the home folder, databases, locks, and the log of epochs."""
