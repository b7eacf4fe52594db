"""Tables for a person, JSON for a program."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

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
