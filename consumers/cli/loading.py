"""Runs an import and tells how it ended."""

import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import typer

from consumers.app import App
from consumers.cli.output import progress, show_json
from consumers.domain.errors import PermanentError, TransientError
from consumers.importing.checking import Checked
from consumers.importing.load import Load, opened
from consumers.importing.progress import Progress
from consumers.importing.publishing import Outcome
from producer_client import DEFAULT_PERSONAL_DATA, LapseProducer, ProducerClientError
from schemas.topics import load_topics


class Wanted(NamedTuple):
    """What was asked for. `file` None: standard input; `rate` None: as fast as the broker takes lines."""

    file: Path | None
    rejects: Path
    progress: Path
    source: str
    rate: int | None
    dry_run: bool


def load(app: App, wanted: Wanted, *, as_json: bool) -> None:
    """Check a file and publish its good lines.

    Raises:
        typer.Exit: Lines were refused.
        PermanentError: The file cannot be imported, or Ctrl-C.
        TransientError: The broker did not acknowledge every line.
    """
    try:
        checked, outcome = _load(app, wanted)
    except OSError as error:
        raise PermanentError(f"{error.filename or 'a file of this import'}: {error.strerror}") from None
    _tell(checked, outcome, wanted.rejects, as_json=as_json)
    if outcome and outcome.state != "complete":
        raise _unfinished(outcome)
    if checked.refused:
        raise typer.Exit(1)


def _load(app: App, wanted: Wanted) -> tuple[Checked, Outcome | None]:
    pattern = app.settings.personal_data or DEFAULT_PERSONAL_DATA
    with opened(wanted.file) as file:
        loading = Load(file, wanted.rejects, wanted.progress, wanted.source, pattern, app.clock)
        with progress("checked", None) as step:
            checked = loading.check(step)
        if wanted.dry_run:
            return checked, None
        begin = _begin(app, loading)
        with (
            closing(_producer(app, wanted.source, pattern)) as producer,
            _stop_signals() as stopped,
            progress("published", checked.good) as step,
        ):
            step(begin.at.acknowledged)
            return checked, loading.publish(producer, begin, wanted.rate, stopped, step)


def _begin(app: App, loading: Load) -> Progress:
    topics = app.topics()
    topics.check(load_topics()["events"])
    begin = loading.begin(f"{topics.cluster()} {app.names.events}")
    if begin.at.acknowledged:
        typer.echo(f"going on after line {begin.at.line}; {begin.at.acknowledged} lines are acknowledged", err=True)
    return begin


def _producer(app: App, source: str, pattern: re.Pattern[str]) -> LapseProducer:
    # what went wrong is told at the end, not as it happens: the Kafka client's own lines would tear the bar
    quiet = {**app.kafka, "log_level": 2}
    try:
        return LapseProducer(quiet, source=source, topic=app.names.events, personal_data=pattern)
    except ProducerClientError as error:
        raise PermanentError(str(error)) from None


@contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C or SIGTERM asks to finish what is under way; the next one ends at once."""
    stop = threading.Event()
    before: dict[signal.Signals, Any] = {}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def asked(*_: object) -> None:
        stop.set()
        restore()

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, asked)
    try:
        yield stop.is_set
    finally:
        restore()


def _tell(checked: Checked, outcome: Outcome | None, report: Path, *, as_json: bool) -> None:
    told = {
        "state": outcome.state if outcome else "checked",
        "lines": checked.good + checked.refused,
        "acknowledged": outcome.at.acknowledged if outcome else 0,
        "refused": checked.refused,
        "rejects": str(report) if checked.refused else None,
    }
    if as_json:
        show_json(told)
    else:
        typer.echo(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in told.items() if value is not None))


def _unfinished(outcome: Outcome) -> TransientError | PermanentError:
    place = f"up to line {outcome.at.line} all is acknowledged or refused; the same command goes on after it"
    if outcome.state == "undelivered":
        return TransientError(f"the broker did not acknowledge every line ({outcome.code}): {place}")
    return PermanentError(f"interrupted: {place}")
