"""The loop of a search: propose, train, record, stop early, confirm."""
