"""From rules to the store they are about."""

from consumers.ports import Clock
from consumers.stores.rules import AnyRules, S3Rules
from consumers.stores.s3 import S3Store
from consumers.stores.sql import SqlStore


def open_store(rules: AnyRules, clock: Clock) -> SqlStore | S3Store:
    """The store of these rules; connects when it is first used. `clock` dates what a bucket cannot date itself."""
    return S3Store(rules, clock) if isinstance(rules, S3Rules) else SqlStore(rules)
