"""A batch that keeps failing: tried again, then looked through for the records whose fault it is.

A batch is halved until the failing records stand alone, so that one among 500 costs 18 calls. What was handled on the
way is handled: a handler bears the same record twice.
"""

from collections.abc import Sequence
from pathlib import Path
from traceback import extract_tb
from typing import NamedTuple, Protocol

import structlog

from consumers.domain.errors import TransientError
from consumers.domain.failures import MOST_OF_BATCH, Kind, Share, Step, code_of, decide, kind_of
from consumers.ports import Record
from consumers.runtime.records import position_of

log = structlog.get_logger()


class Worker(Protocol):
    """Handles records, or gives one up."""

    def handle(self, records: Sequence[Record]) -> None:
        """Handle them completely. A second call with the same ones changes nothing."""

    def give_up(self, record: Record, code: str) -> None:
        """Keep a record that cannot be handled as a dead letter, with what must hold because of it."""


class Failed(NamedTuple):
    """The name of an error, and where it was raised."""

    code: str
    at: str


class Poison:
    """Stands between the loop and a handler, counting the tries of the batch in hand."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._tries = 0

    def forget(self) -> None:
        """The batch in hand is another one."""
        self._tries = 0

    def handle(self, records: Sequence[Record]) -> None:
        """Handle a batch, what is poison in it given up.

        Raises:
            TransientError: Nothing may be committed yet; call again with the same records.
            PermanentError: A person must repair something first.
        """
        failed = self._failure(records)
        if failed is not None:
            self._tries += 1
            log.error("handling_failed", code=failed.code, at=failed.at, records=len(records), tries=self._tries)
            if decide(Kind.POISON, self._tries) is Step.RETRY:
                raise TransientError(code=failed.code)
            for record, code in self._culprits(records):
                self._give_up(record, code)
        self.forget()

    def _failure(self, records: Sequence[Record]) -> Failed | None:
        """What these records fail with; None where they are handled now."""
        try:
            self._worker.handle(records)
        except Exception as error:
            if kind_of(error) in {Kind.AWAY, Kind.MISCONFIGURED}:
                raise
            return Failed(code_of(error), _place(error))
        return None

    def _culprits(self, records: Sequence[Record]) -> list[tuple[Record, str]]:
        """The records that fail alone, each with a code. TransientError: so many that it is no record's fault."""
        found: list[tuple[Record, str]] = []
        to_try = [records]
        while to_try:
            part = to_try.pop()
            failed = self._failure(part)
            if failed is None:
                continue
            if len(part) > 1:
                half = len(part) // 2
                to_try += [part[half:], part[:half]]
                continue
            found.append((part[0], failed.code))
            if decide(Kind.POISON, self._tries, Share(len(found), len(records))) is Step.PAUSE:
                raise TransientError(code=MOST_OF_BATCH)
        return found

    def _give_up(self, record: Record, code: str) -> None:
        try:
            self._worker.give_up(record, code)
        except Exception as error:
            if kind_of(error) in {Kind.AWAY, Kind.MISCONFIGURED}:
                raise
            refused = code_of(error)
        else:
            log.error("given_up", position=position_of(record), code=code)
            return
        # not even a dead letter can be made of it: nothing is lost while the role waits
        raise TransientError(code=refused)


def _place(error: Exception) -> str:
    """Where an error was raised, as file:line; its text may quote a record."""
    last = extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"
