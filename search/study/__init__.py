"""Study files: the search space, its branches, and the tables that configure a search."""
