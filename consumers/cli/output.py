"""Tables for a person, JSON for a program."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from consumers.domain.retention import micros

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
console = Console(highlight=False)


def show(rows: Sequence[dict[str, Any]], columns: Iterable[str], *, title: str, as_json: bool) -> None:
    """Print rows as a table, or as one JSON array."""
    if as_json:
        show_json(rows)
        return
    names = list(columns)
    table = Table(title=title, title_justify="left")
    for name in names:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(name)) for name in names))
    console.print(table)


def show_json(value: Any) -> None:
    """Print one JSON value."""
    json.dump(value, sys.stdout, indent=2, default=str)
    sys.stdout.write("\n")


def _cell(value: Any) -> Text:
    # Text, not str: brackets in a value are no markup
    if value is None:
        return Text("-")
    return Text(", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))


def moment_of(text: str | None, zone: tzinfo | None = None) -> int | None:
    """Microseconds of an ISO 8601 time a person typed; BadParameter if it is none, or has no zone and none is given."""
    if text is None:
        return None
    example = "write for example 2026-12-01T00:00+01:00"
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no ISO 8601 time; {example}") from None
    at = at if at.tzinfo else at.replace(tzinfo=zone)
    if at.tzinfo is None:
        raise typer.BadParameter(f"the time needs a zone; {example}")
    return micros(at.astimezone(UTC))


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, if a person looks at it; call what it gives with each step done."""
    errors = Console(stderr=True)
    with Progress(console=errors, disable=not errors.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda steps: bar.advance(task, steps)
