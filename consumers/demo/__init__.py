"""The whole pipeline on this machine: real broker, real table, real databases, generated people."""
