"""Where a search is kept: the home folder, databases, locks, and the log of epochs."""
