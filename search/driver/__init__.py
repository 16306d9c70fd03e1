"""From a request to a running search: options, preparation, price, launch."""
