"""Driver of a search: options, preparation, price, launch."""
