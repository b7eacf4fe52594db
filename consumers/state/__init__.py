"""The state consumer: folds events into items, one conditional write per customer and batch."""
