"""The initial load: schedules from a file, published as a product service would."""
