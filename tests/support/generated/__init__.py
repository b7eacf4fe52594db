"""Schemas nobody has written: drawn from a seed with their rules and rows, run on a real server, judged in Python.

`drawing` draws tables and rules, `filling` their rows, `ddl` prints them for a server, `running` carries the rules out
on it, and `truth` says what had to become of every cell without asking the product.
"""
