"""How Lapse is deployed, and how it is developed: image, charts, and what `make` runs."""
