"""One file from its first line to its last acknowledgement, over as many runs as it takes."""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from consumers.domain.errors import PermanentError
from consumers.domain.retention import moment
from consumers.importing.checking import Checked, check, digest_of, header_of
from consumers.importing.pace import Pace
from consumers.importing.progress import Position, Progress, ProgressFile, run_name
from consumers.importing.publishing import Outcome, Producer, Publishing
from consumers.importing.schedules import Reading
from consumers.ports import Clock
from producer_client import InvalidEventError
from producer_client.checks import source_name


class ChangedFileError(PermanentError):
    """The file was changed while it was read: let whoever writes it finish, then run the same command again."""


@contextmanager
def opened(path: Path | None) -> Iterator[BinaryIO]:
    """A file that can be read twice; standard input (None) and pipes are copied to one that has no name.

    The copy can be read by this user only, and is gone with the process, however that ends.
    """
    if path is None:
        with _copied(sys.stdin.buffer) as copy:
            yield copy
        return
    with path.open("rb") as given:
        if path.is_file():
            yield given
        else:
            with _copied(given) as copy:
                yield copy


@contextmanager
def _copied(stream: BinaryIO) -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(stream, copy)
        yield copy


class Load:
    """An import: `check` it, then `publish` it.

    Args:
        file: What `opened` gave.
        rejects: The report of refused lines.
        progress: The progress file.
        source: The service in whose name the schedules are published.
        personal_data: A customer id in which this pattern is found is refused.
        clock: Kept with the progress, so that a later run judges every line as the first did.

    Raises:
        PermanentError: The source cannot stand in an event.
        HeaderError: The first line does not name the columns.
        ForeignProgressError: The progress file is none.
    """

    def __init__(
        self,
        file: BinaryIO,
        rejects: Path,
        progress: Path,
        source: str,
        personal_data: re.Pattern[str],
        clock: Clock,
    ) -> None:
        _check_source(source)
        self._file, self._rejects, self._clock = file, rejects, clock
        columns, self._start = header_of(file)
        self._as_it_was = _stamp(file)
        self._identity = (digest_of(file), source, personal_data.pattern)
        self._progress = ProgressFile(progress)
        self._kept = self._progress.read()
        self._checked_at = self._kept.checked_at if self._kept else clock.now()
        self._reading = Reading(columns, source, personal_data, moment(self._checked_at))

    def check(self, step: Callable[[int], None]) -> Checked:
        """Read every line; refused ones are reported in their file, which is written anew by each run."""
        return check(self._file, self._start, self._reading, self._rejects, step)

    def begin(self, destination: str) -> Progress:
        """Where to publish from: the first line, or where an earlier run came to.

        Raises:
            ForeignProgressError: The progress kept is of another file, or went to another destination.
        """
        run = run_name(*self._identity, destination)
        if self._kept is None:
            return Progress(run, self._checked_at, Position(1, self._start, 0))
        self._progress.refuse_foreign(self._kept, run)
        return self._kept

    def publish(
        self,
        producer: Producer,
        begin: Progress,
        per_second: int | None,
        stopped: Callable[[], bool],
        step: Callable[[int], None],
    ) -> Outcome:
        """Publish what is not acknowledged yet; progress is kept with every batch, and removed with the last.

        Raises:
            ChangedFileError: Somebody writes to the file.
        """
        done = begin.at.acknowledged

        def keep(at: Position) -> None:
            nonlocal done
            if _stamp(self._file) != self._as_it_was:
                raise ChangedFileError
            self._progress.write(begin._replace(at=at))
            step(at.acknowledged - done)
            done = at.acknowledged

        pace = Pace(per_second, self._clock)
        outcome = Publishing(producer, self._reading, pace, self._clock, stopped).run(self._file, begin.at, keep)
        if outcome.state == "complete":
            self._progress.remove()
        return outcome


def _check_source(source: str) -> None:
    try:
        source_name(source)
    except InvalidEventError as error:
        raise PermanentError(f"--{error}") from None


def _stamp(file: BinaryIO) -> tuple[int, int]:
    found = os.fstat(file.fileno())
    return found.st_size, found.st_mtime_ns
