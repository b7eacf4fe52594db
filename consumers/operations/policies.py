"""The policy in the table, that no two roles decide by different rules."""

from consumers.domain import rows
from consumers.domain.errors import PermanentError
from consumers.domain.policy import Policy
from consumers.items import Items
from consumers.operations.abandoning import refuse_while_owed
from consumers.ports import Stamp, Table
from consumers.runtime.control import rewrite


def policy_in_force(table: Table) -> Policy | None:
    """The policy every role decides by, None where none was applied."""
    row = table.read([rows.ALL_POLICY]).get(rows.ALL_POLICY)
    return rows.policy(row.body) if row else None


def apply_policy(table: Table, policy: Policy, stamp: Stamp, items: Items | None = None) -> bool:
    """Put a policy in force with the next batch of every role. Whether anything changed.

    `items`: to refuse dropping a service that commands in flight wait for; without it that is not looked at.

    Raises:
        PermanentError: It has no purpose; it drops a service that owes an answer, or has a service in two: a
            database with two purposes has two services.
    """
    if not policy.purposes:
        raise PermanentError("lapse.yaml names no purposes; nothing would ever be due. Add `purposes:`")
    services = policy.services
    twice = sorted({service for service in services if services.count(service) > 1})
    if twice:
        raise PermanentError(f"in two purposes: {', '.join(twice)}. Give each purpose a service of its own")
    before = policy_in_force(table)
    if before and items:
        for service in sorted(set(before.services) - set(services)):
            refuse_while_owed(table, items, service)
    if before != policy:
        rewrite(table, rows.ALL_POLICY, stamp, lambda _: rows.to_json(policy))
    return before != policy
