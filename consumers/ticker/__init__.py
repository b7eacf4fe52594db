"""The ticker: claims what is due, within its caps, and looks after commands whose lease is over."""
