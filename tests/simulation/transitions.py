"""The writes of the protocol by name: what an item's row says that it did not say before."""

from collections.abc import Mapping

from consumers.domain.item import Command, Item, outstanding


def transitions(before: Item, item: Item, name: str) -> list[str]:
    """What became of the command of a purpose."""
    was, now = before.of(name).command, item.of(name).command
    if now is None:
        ended = item.of(name).last
        return [] if was is None else [_ended(was, ended.outcomes if ended else {})]
    last = before.of(name).last
    if now.phase == "COMMITTED":
        return _committed(was, now, again=last is not None and last.id == now.id)
    return [f"claim {now.phase}"] if was is None else _uncommitted(was, now)


def _committed(was: Command | None, now: Command, *, again: bool) -> list[str]:
    if was is None:
        return ["replay" if again else "commit"]
    if was.phase != "COMMITTED":
        return ["commit"]
    if now.reopened.keys() - was.reopened.keys():
        return ["replay"]
    if confirmed_or_off := was.reopened.keys() - now.reopened.keys():
        confirmed = confirmed_or_off.issubset(outstanding(now))
        return ["replay confirmed" if confirmed else _closed(was, now.outcomes, "outcome")]
    if now.outcomes != was.outcomes:
        return ["outcome"]
    return ["sent again"] if now.sent_at != was.sent_at else []


def _ended(was: Command, outcomes: Mapping[str, str]) -> str:
    return "withdrawn" if was.phase != "COMMITTED" else _closed(was, outcomes, "complete")


def _closed(was: Command, outcomes: Mapping[str, str], otherwise: str) -> str:
    """A replay that was called off leaves the outcome there was, or none where there was none."""
    off = was.reopened and all(outcomes.get(service, "") == before for service, before in was.reopened.items())
    return "replay called off" if off else otherwise


def _uncommitted(was: Command, now: Command) -> list[str]:
    if now.attempt != was.attempt:
        return [f"anew {now.phase}"]
    if now.votes != was.votes:
        return ["last vote" if now.phase == "ISSUED" else "vote"]
    return ["lease extended"] if now.lease_until != was.lease_until else []


def others(before: Item, item: Item) -> list[str]:
    """What else was written."""
    told = []
    if item.products != before.products:
        told.append("registers")
    told += ["hold"] * bool(item.holds.keys() - before.holds.keys())
    told += ["hold lifted"] * bool(before.holds.keys() - item.holds.keys())
    told += ["discarded"] * bool(item.discarded.keys() - before.discarded.keys())
    retries = {name: state.retry_at for name, state in item.purposes.items()}
    return told + ["retry"] * any(at and at != before.of(name).retry_at for name, at in retries.items())
