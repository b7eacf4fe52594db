"""`lapse status`: how the whole stands."""

from collections.abc import Mapping
from typing import Any

import typer

from consumers.cli.context import app_of
from consumers.cli.output import AsJson, show, show_json
from consumers.operations.status import status as read_status


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Due, in flight, partial, held, lag, dead letters, blockers."""
    app = app_of(context)
    found = read_status(app.table, app.offsets, app.names, app.clock)
    if as_json:
        show_json(found)
        return
    show(list(_flat(found)), ("what", "value"), title="status", as_json=False)


def _flat(found: Mapping[str, Any], under: str = "") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for name, value in found.items():
        what = f"{under}{name}".replace("_", " ")
        rows += _flat(value, f"{what}: ") if isinstance(value, Mapping) else [{"what": what, "value": value}]
    return rows
