"""How Lapse is developed: what `make` runs, on the standard library alone."""
