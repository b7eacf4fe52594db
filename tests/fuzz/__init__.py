"""What anybody may send, made wrong on purpose: frames, headers, rules files, settings, CSV.

`python -m tests.fuzz --help` says how to run many; the tests here run a few, the same ones each time.
"""
