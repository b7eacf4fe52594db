"""Lapse's roles, in the order data flows.

1. `state`: reads events, keeps one due date per customer and purpose in the table.
2. `ticker`: reads ticks, claims what is due, sends commands.
3. `anonymizer`: one group per service; reads commands, passes the commit point, changes its database.

`domain` decides, `runtime` runs the loops, `ports` names what both need, `adapters` and `stores` fulfil it, `app` joins
them. `operations` and `cli` are a person's levers; `audit` computes from topics and ledgers alone what should have
happened. `local` and `demo` bring the whole to life on one machine.
"""
