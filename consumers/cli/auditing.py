"""`lapse audit`: what is on record against what the events ask for; `lapse state audit` is about lapse.state alone."""

from typing import Annotated

import typer

from consumers.audit import Audited, audit_history
from consumers.cli.context import app_of
from consumers.cli.output import AsJson, console, moment_of, progress, show, show_json

COLUMNS = ("code", "customer_id", "purpose", "service", "command_id", "detail")
Since = Annotated[
    str | None,
    typer.Option("--from", metavar="T", help="Report what was committed or due from then on; ISO 8601 with a zone."),
]
Grace = Annotated[
    float | None,
    typer.Option(
        "--grace-hours", min=0, help="How long a due date or a service may wait. Default: the lease and a day."
    ),
]


def audit(context: typer.Context, since: Since = None, grace_hours: Grace = None, as_json: AsJson = False) -> None:
    """Compute from events who should have been anonymized and when; report where commands, trail or ledgers differ.

    Asks topics and the services' ledgers, never the table; the policy is that of lapse.yaml. Exits 1 where anything
    differs or could not be checked.
    """
    app = app_of(context)
    grace = None if grace_hours is None else int(grace_hours * 3600 * 1_000_000)
    with progress("partitions", len(app.offsets.end(app.names.events))) as done:
        found = audit_history(app.history(), since=moment_of(since), grace=grace, done=done)
    _show_json(found) if as_json else _show(found)
    raise typer.Exit(1 if found.differences else 0)


def _show_json(found: Audited) -> None:
    show_json(
        {**found._asdict(), "counts": found.counts, "differences": [each._asdict() for each in found.differences]}
    )


def _show(found: Audited) -> None:
    console.print(f"{found.customers} customers, {found.commits} commits, {found.held} held by an unreadable event")
    if not found.differences:
        console.print("no difference")
        return
    show([each._asdict() for each in found.differences], COLUMNS, title="differences", as_json=False)
    repairs = {each.code: each.repair for each in found.differences}
    for code, count in found.counts.items():
        console.print(f"{count} {code}: {repairs[code]}")
