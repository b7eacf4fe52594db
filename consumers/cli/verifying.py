"""`lapse verify`: data that came back to a service after they were anonymized."""

from contextlib import closing
from typing import Annotated, Any

import typer

from consumers.cli.context import By, app_of
from consumers.cli.output import AsJson, console, moment_of, progress, show, show_json
from consumers.operations.verifying import Resend, Returned, Verification, Verified

COLUMNS = ("command", "standing", "place", "rows")
Service = Annotated[str, typer.Option(help="The service.", metavar="NAME")]
Since = Annotated[
    str | None, typer.Option(metavar="T", help="Only what was carried out from then on; ISO 8601 with a zone.")
]
Again = Annotated[bool, typer.Option("--resend", help="Let what came back be erased again, with the next tick.")]
Reason = Annotated[str | None, typer.Option(help="Why; kept with the events of --resend.")]


def verify(
    context: typer.Context,
    service: Service,
    by: By,
    since: Since = None,
    resend: Again = False,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Look for data that came back to a service behind its ledger. Touches nothing without --resend.

    Exits 1 where something came back; with --resend where something is left that could not be sent again.
    """
    if resend and not reason:
        raise typer.BadParameter("--resend needs --reason: how these data came back")
    app, start = app_of(context), moment_of(since) or 0
    store, _ = app.store(service)
    with closing(store), closing(app.sink()) as sink, progress("commands", None) as done:
        sweep = Verification(
            service,
            store=store,
            table=app.table,
            items=app.items(sink),
            barrier=app.barrier(),
            clock=app.clock,
            parts=len(app.offsets.end(app.names.commands)),
            resend=Resend(sink, app.names.events, by, reason) if resend and reason else None,
        )
        found = sweep.run(start, done)
    _show_json(service, found) if as_json else _show(service, found)
    raise typer.Exit(1 if len(found.found) > found.sent else 0)


def _show_json(service: str, found: Verified) -> None:
    listed = [{**each._asdict(), "rows": dict(each.rows)} for each in found.found]
    show_json({"service": service, **found._asdict(), "found": listed})


def _show(service: str, found: Verified) -> None:
    if found.found:
        show([row for each in found.found for row in _rows(each)], COLUMNS, title="came back", as_json=False)
    console.print(f"{service}: {found.commands} commands looked at, data of {len(found.found)} came back")
    for line in _remarks(service, found):
        console.print(line)


def _rows(each: Returned) -> list[dict[str, Any]]:
    return [
        {"command": each.command_id, "standing": each.standing, "place": place, "rows": rows}
        for place, rows in sorted(each.rows.items())
    ]


def _remarks(service: str, found: Verified) -> list[str]:
    forgotten = sum(each.standing == "forgotten" for each in found.found)
    left = len(found.found) - forgotten - found.sent
    other_rules = sum(each.other_rules for each in found.found)
    remarks = {
        f"{found.sent} are due again: the next tick claims them": found.sent,
        f"{left} can be erased again: `lapse verify --service {service} --resend --reason WHY`": left,
        f"{forgotten} are forgotten: nothing is left to be due by; publish a schedule (`lapse import`)": forgotten,
        f"{other_rules} were carried out under other rules: what these left alone counts as come back": other_rules,
        f"{found.due} more are due or under way: nothing to do": found.due,
        f"{found.kept} more have come back themselves, with newer events: left alone": found.kept,
    }
    return [text for text, count in remarks.items() if count]
