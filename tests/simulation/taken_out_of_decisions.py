"""Rules taken out of what is decided: commits, replays, completion, the life of a command, due dates."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from unittest.mock import patch

from consumers.adapters.memory.store import MemoryStore
from consumers.anonymizer import commit
from consumers.anonymizer.carrying import Carrying
from consumers.anonymizer.commit import Commits, Outcome, Ruling
from consumers.anonymizer.consumer import Anonymizer
from consumers.domain import commands, due, outcomes, verdicts, votes
from consumers.domain.commands import Decided
from consumers.domain.item import Command, Item, Last, outstanding
from consumers.domain.policy import Policy, Purpose
from consumers.domain.registers import Product, Register
from consumers.domain.verdicts import Verdict
from consumers.ports import Record
from consumers.ticker import sweep
from schemas.codec import decode
from tests.simulation import gated
from tests.simulation.installation import POLICY, Installation
from tests.simulation.taken_out import both

# ---- commit point ----------------------------------------------------------------------------------------------------


def due_not_checked(_: Installation) -> Any:
    def may(_item: Item, _purpose: Purpose, command: Command, service: str, policy: Policy, now: int) -> bool:
        issued = command.phase == "ISSUED" and service in command.services
        return issued and votes.agreed(command, now - policy.lease)

    return patch.object(verdicts, "_may_commit", may)


def votes_not_checked(_: Installation) -> Any:
    def may(item: Item, purpose: Purpose, command: Command, service: str, policy: Policy, now: int) -> bool:
        return service in command.services and due.is_due(item, purpose, policy, now)

    return patch.object(verdicts, "_may_commit", may)


def vote_survives(_: Installation) -> Any:
    attempt = commands._attempt

    def kept(item: Item, purpose: Purpose, *rest: Any) -> Command:
        new, old = attempt(item, purpose, *rest), item.of(purpose.name).command
        if old is None or not old.votes:
            return new
        return new._replace(votes=old.votes, phase="ISSUED" if votes.agreed(old, 0) else "ASKED")

    return both(
        patch.object(commands, "_attempt", kept), patch.object(verdicts, "agreed", lambda _command, _after: True)
    )


def id_by(name: Callable[[Item, Purpose, Policy], str]) -> Any:
    def named(item: Item, purpose: Purpose, policy: Policy) -> str:
        text = f"{item.customer_id} {purpose.name} {name(item, purpose, policy)}"
        return str(uuid.uuid5(due.COMMAND_NAMESPACE, text))

    return patch.object(commands, "command_id", named)


def id_kept(_: Installation) -> Any:
    """The id of the last command, where there was one."""
    made = due.command_id

    def named(item: Item, purpose: Purpose, policy: Policy) -> str:
        last = item.of(purpose.name).last
        return last.id if last else made(item, purpose, policy)

    return patch.object(commands, "command_id", named)


# ---- replay ----------------------------------------------------------------------------------------------------------


def ledger_ignored(_: Installation) -> Any:
    carry = MemoryStore._carry_out

    def again(self: Any, task: Any) -> Any:
        self.rows_of_ledger.pop(task.command_id, None)
        return carry(self, task)

    return both(
        patch.object(gated.GatedStore, "ledger", lambda _self, _commands: {}),
        patch.object(MemoryStore, "_carry_out", again),
    )


def replay_not_written(_: Installation) -> Any:
    settle = Commits._settle

    def unwritten(self: Any, judged: Sequence[Ruling], policy: Policy, rulings: dict[str, Ruling]) -> Any:
        replays = [each for each in judged if each.verdict.step == "REPLAY"]
        for each in replays:
            carried = Verdict("CONFIRM", each.verdict.item)
            rulings[each.order.customer_id] = each._replace(
                verdict=carried, stored=each.stored._replace(item=each.verdict.item)
            )
        return settle(self, [each for each in judged if each not in replays], policy, rulings)

    return patch.object(Commits, "_settle", unwritten)


def replay_not_confirmed(_: Installation) -> Any:
    """Acted upon as soon as it is written, as if the barrier before had waited for what came since."""
    judged = verdicts.judge

    def at_once(item: Item, *rest: Any, waited: bool, **named: Any) -> Any:
        verdict = judged(item, *rest, waited=waited, **named)
        return verdict._replace(step="CONFIRM") if verdict.step == "REPLAY" else verdict

    return patch.object(commit, "judge", at_once)


def newer_activity_ignored(_: Installation) -> Any:
    return patch.object(verdicts, "counted", lambda *_: [])


# ---- completion ------------------------------------------------------------------------------------------------------


def one_is_enough(_: Installation) -> Any:
    def left(command: Command) -> tuple[str, ...]:
        return () if command.outcomes else outstanding(command)

    return patch.object(outcomes, "outstanding", left)


def dry_run_counts(_: Installation) -> Any:
    rehearse = Anonymizer._rehearse

    def counted(self: Any, orders: Sequence[Any]) -> None:
        rehearse(self, orders)
        self._carrying._commits.record([Outcome(order, "NOTHING_FOUND") for order in orders], POLICY)

    return both(
        patch.object(Anonymizer, "_rehearse", counted), patch.object(Anonymizer, "_owes", lambda _self, _orders: False)
    )


def superseded_counts(_: Installation) -> Any:
    """As an outcome, which the command keeps when it is committed."""
    carry_out = Carrying.carry_out

    def kept(item: Item, purpose: str, message: str, service: str, outcome: str, now: int, until: Any = None) -> Any:
        state = item.of(purpose)
        if outcome == "SUPERSEDED" and state.command and state.command.id == message:
            command = state.command._replace(outcomes={**state.command.outcomes, service: "NOTHING_FOUND"})
            return item.having(purpose, state._replace(command=command))
        return outcomes.record_outcome(item, purpose, message, service, outcome, now, until)

    def carried(self: Any, orders: Mapping[Any, Record]) -> None:
        carry_out(self, orders)
        self._commits.record([Outcome(order, "SUPERSEDED") for order in orders], POLICY)

    return both(patch("consumers.anonymizer.commit.record_outcome", kept), patch.object(Carrying, "carry_out", carried))


def result_believed(whole: Installation) -> Any:
    served = sweep._served

    def believing(stored: Any, control: Any, past: Any, now: int) -> Decided:
        item = stored.item
        for record in whole.world.records("results"):
            told = decode(record.value, {"AnonymizationResult"}).fields
            if told["customer_id"] == item.customer_id and told["outcome"] == "DONE":
                args = told["purpose"], told["command_id"], told["service"], "DONE", now
                item = outcomes.record_outcome(item, *args) or item
        return served(stored._replace(item=item), control, past, now)

    return patch.object(sweep, "_served", believing)


# ---- life cycle ------------------------------------------------------------------------------------------------------


def lease_never_over(_: Installation) -> Any:
    return patch.object(sweep, "serve_leases", lambda item, *_args, **_more: Decided(item))


def id_from_a_counter(_: Installation) -> Any:
    """One that begins again where the table was lost, as it is here each time."""
    return id_by(lambda *_: "1")


def id_from_schedules(_: Installation) -> Any:
    def of(item: Item, purpose: Purpose, policy: Policy) -> str:
        listed = [product for name, product in item.products.items() if policy.lists(purpose, name)]
        return " ".join(sorted(each.schedule.event_id for each in listed if each.schedule))

    return id_by(of)


def always_sent_again(_: Installation) -> Any:
    """An expired command before its commit, due or not, with the votes it has."""

    def sent(item: Item, name: str, command: Command, policy: Policy, *rest: Any) -> Decided:
        again = command._replace(lease_until=rest[-1] + policy.lease, sent_at=rest[-1])
        state = item.of(name)._replace(command=again)
        return Decided(item.having(name, state), (commands.Sent(name, again),))

    return patch.object(commands, "_serve", sent)


# ---- due dates -------------------------------------------------------------------------------------------------------


def cutoff_by_time(_: Installation) -> Any:
    def counting(item: Item, purpose: Purpose, policy: Policy) -> list[Product]:
        last: Last | None = item.of(purpose.name).last
        since = last.committed_at if last else 0
        listed = [product for name, product in item.products.items() if policy.lists(purpose, name)]
        return [each for each in listed if any(one and one.occurred_at > since for one in each)]

    return patch.object(due, "counted", counting)


def newest_only(_: Installation) -> Any:
    def one(product: Product, purpose: str) -> bool:
        newest = max((each for each in product if each), key=lambda each: each[:3])
        return purpose not in newest.spent

    return patch.object(due, "counts", one)


def newest_marked_only(_: Installation) -> Any:
    def marked(product: Product, purpose: str) -> Product:
        newest = max((each for each in product if each), key=lambda each: each[:3])

        def spent(register: Register | None) -> Register | None:
            return register._replace(spent=register.spent | {purpose}) if register is newest else register

        return Product(spent(product.schedule), spent(product.postpone))

    return patch.object(verdicts, "spend", marked)


def tie_to_the_schedule(_: Installation) -> Any:
    date = due.product_date

    def tied(product: Product, retention: Any) -> int:
        schedule, postpone = product
        if schedule and postpone and schedule.occurred_at == postpone.occurred_at:
            return due.scheduled_date(schedule, retention)
        return date(product, retention)

    return patch.object(due, "product_date", tied)
