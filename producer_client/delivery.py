"""What became of an event: one report for each, free of personal data."""

import logging
from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

_log = logging.getLogger("producer_client")


class DeliveryReport(NamedTuple):
    """The broker's answer to one event.

    Attributes:
        event_id: The event, as `schedule` or `postpone` returned it.
        ok: Whether every in-sync replica has it. Only then is it certain to be acted on.
        error_code: The Kafka client's name for what failed, such as `_MSG_TIMED_OUT`; None if it was delivered. After a
            timeout the event may or may not have been written: send it again with the same `event_id`.
        topic: Where it went.
        partition: Its partition, -1 if it was not delivered.
        offset: Its offset, -1 if it was not delivered.
    """

    event_id: UUID
    ok: bool
    error_code: str | None
    topic: str
    partition: int
    offset: int


DeliveryCallback = Callable[[DeliveryReport], None]
"""Called once for each event, on any thread that polls: keep it short and thread-safe."""


def report(to: DeliveryCallback | None, outcome: DeliveryReport) -> None:
    """Calls back, or without a callback logs a failure. What a callback raises is logged by its type, never raised."""
    if to is None:
        if not outcome.ok:
            _log.error("event %s was not delivered: %s", outcome.event_id, outcome.error_code)
        return
    try:
        to(outcome)
    except Exception as error:  # noqa: BLE001 - the caller's code; it must not stop the reports of other events
        # No traceback: its message may hold the caller's data.
        _log.error("delivery callback raised %s for event %s", type(error).__name__, outcome.event_id)
