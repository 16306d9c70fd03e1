"""Study files: the search space, its conditions, and the tables that say how a search is run."""
