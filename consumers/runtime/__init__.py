"""What every role runs on: the poll loop, the barrier, dead letters, health. Knows ports only.

The failure rules are a table in `domain.failures`; `loop` pauses by it, `poison` looks for what is to be given up.
"""
