"""A small explicit-state model of claim, vote, barrier, commit and replay; `docs/model.md` says what it covers.

Read in this order: `customer` (what the item says), `decisions` (what is made of it), `world` (all there is),
`state_consumer`, `ticker`, `service`, `surroundings`, `faults` (who does what, one function per step), `properties`
(what must hold), `scenarios` and `mutants` (what is explored). `checker` knows nothing of Lapse.
"""
