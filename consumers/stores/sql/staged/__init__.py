"""Databases whose rows have no place of their own (MariaDB, SQLite): rows are staged by their key in temporary tables.

First every row that a batch will change is put there, with fingerprints of what it holds; then tables are rewritten by
joining what is staged; then everything is looked at again.
"""
