"""Chaos: real services and role processes under a seeded storm of faults, then the books against an oracle.

storm (what strikes when) · nursery, roles (the processes) · hands, strikes (aiming, striking) · customers, fates,
flow (the load) · books (oracle and check), found, report · run (all of it). `python -m tests.chaos --help`.
"""
