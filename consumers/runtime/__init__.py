"""What every role runs on: the poll loop, the barrier, dead letters, health. Knows ports only.

Of the failure rules, this package has: a bad record becomes a dead letter at once, a dependency that is away pauses.
Retry by record, parking, redrive and rebalance budgets belong beside them, in modules of their own.
"""
