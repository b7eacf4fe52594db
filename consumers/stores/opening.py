"""From rules to the store they are about."""

from consumers.ports import Clock, LedgeredStore
from consumers.stores.rules import AnyRules, CustomRules, S3Rules
from consumers.stores.s3 import S3Store
from consumers.stores.sql import SqlStore, converted


def open_store(rules: AnyRules, clock: Clock) -> LedgeredStore:
    """The store of these rules; connects when it is first used. `clock` dates what a bucket cannot date itself."""
    if isinstance(rules, CustomRules):
        return rules.open(clock)
    return S3Store(rules, clock) if isinstance(rules, S3Rules) else SqlStore(rules)


def suits(rules: AnyRules, customer_id: str) -> bool:
    """Whether a customer of this service can have the id; who cannot is NOTHING_FOUND."""
    if isinstance(rules, CustomRules):
        return rules.suits(customer_id)
    if isinstance(rules, S3Rules):
        return all(objects.of(customer_id) for objects in rules.objects.values())
    return converted(customer_id, rules.customer.type) is not None
