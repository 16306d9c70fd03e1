"""Jobs and the workers that train them, scheduled by Ray."""
