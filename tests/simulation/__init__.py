"""A machine that tries to break the promises: the roles' real code under a seeded scheduler, and an eye on all.

| module | what it is |
|---|---|
| `processes` | roles as processes that stop at every call to the outside, where they wait, are killed or forgotten |
| `gated` | the ports one process sees: late, half done, not answered, stale, skewed |
| `installation` | an installation whose roles come and go |
| `product_services`, `chaos`, `disasters` | what happens to it: events, ticks, persons, faults, drawn from the seed |
| `repairs` | what an operator does about it, each a command line |
| `known` | what the test knows by itself: acknowledged, committed, due |
| `truth`, `transitions` | what really happened at table, logs and databases, and what is promised of it |
| `coverage` | which writes of the protocol a run has reached |
| `settling` | faults stop; every due customer has to end done, or held for a named reason |
| `histories` | one seed, one history |
| `mutants` | rules taken out one at a time: each must be caught |

`python -m tests.simulation --help` runs it; a seed replays exactly: `--story SEED`.
"""
