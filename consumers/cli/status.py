"""`lapse status`: how the whole stands."""

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from consumers.cli.context import app_of
from consumers.cli.output import AsJson, show, show_json
from consumers.operations.status import anything_away
from consumers.operations.status import status as read_status


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Lag in seconds, due, in flight, partial, overdue, dead letters, blockers.

    Exits 1 if something it asks is away; blockers alone are no failure of this command.
    """
    found = read_status(app_of(context).sources())
    if as_json:
        show_json(found)
    else:
        show([*_flat(found)], ("what", "value"), title="status", as_json=False)
    if anything_away(found):
        raise typer.Exit(1)


def _flat(found: Mapping[str, Any], under: str = "") -> Iterator[dict[str, Any]]:
    for name, value in found.items():
        what = f"{under}{name.replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{what}: ")
        else:
            for each in (value or ["none"]) if isinstance(value, list) else [value]:
                yield {"what": what, "value": each}
