"""Commands that read, serve or delete searches."""
