"""A fake per port that ships with Lapse: it passes the same contract tests as the real adapter."""
