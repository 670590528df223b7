"""Uses many devices at once, by Dask distributed: benches on each of them, and pictures shared out among them."""
