"""Terminal output while a search runs and when it has ended."""
