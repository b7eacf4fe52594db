"""`lapse state`: the table against what was published of it."""

from contextlib import closing
from typing import Annotated

import typer

from consumers.app import App, new_stamp
from consumers.cli.context import app_of
from consumers.cli.output import AsJson, progress, show, show_json
from consumers.operations.rebuilding import Rebuild
from consumers.operations.statelog import StateLog
from consumers.operations.tending import audit, touch

commands = typer.Typer(help="The table and what was published of it.", no_args_is_help=True)
Execute = Annotated[bool, typer.Option("--execute", help="Do it; without this only count what would be done.")]
AFTERWARDS = """then, in this order:
  lapse service list              modes as the copy had them, none of a lost table: `lapse service enable|stop NAME`
  lapse status                    a `lapse stop` since the copy is forgotten too: stop again
  lapse run state                 folds the events again; everybody waits at the barrier until it has
  lapse dlq list                  records that halted before do so again, also those discarded since the copy"""


@commands.command()
def rebuild(context: typer.Context, execute: Execute = False, as_json: AsJson = False) -> None:
    """Rebuild a restored or lost table from lapse.state, every role stopped; the events are then folded over it.

    Of a lost table, make it first: `lapse table apply` makes it and then refuses the POSITION rows, which is right.
    Then, lost or restored, `lapse policy apply`: a copy has the policy of its day.
    """
    app = app_of(context)
    with closing(app.sink()) as sink:
        rebuilding = Rebuild(
            table=app.table,
            items=app.items(sink),
            sink=sink,
            reader=app.reader,
            offsets=app.offsets,
            groups=app.groups,
            names=app.names,
            clock=app.clock,
            stamp=new_stamp,
        )
        with progress("rebuilt", None) as done:
            found = rebuilding.run(execute=execute, done=done)
        still_open = sorted(set(rebuilding.still_open())) if execute else []
    if as_json:
        show_json({**found._asdict(), "open": [each._asdict() for each in still_open]})
        return
    typer.echo(
        f"customers {found.customers}, missing or older {found.written}, claimed within a day {found.claimed_lately}"
    )
    if not execute:
        typer.echo("nothing was written; --execute does it")
        return
    if still_open:
        title = "carried out somewhere, but not committed by the table: its next claim finds them ALREADY_DONE there"
        show([each._asdict() for each in still_open], ("command_id", "purpose", "service"), title=title, as_json=False)
    typer.echo(AFTERWARDS)


@commands.command("audit")
def audit_state(context: typer.Context, execute: Execute = False, as_json: AsJson = False) -> None:
    """Publish again whatever lapse.state has older than the table."""
    app = app_of(context)
    with closing(app.sink()) as sink, progress("looked at", None) as done:
        found = audit(_log(app), app.items(sink), sink, execute=execute, done=done)
    _tell(found._asdict(), execute=execute, as_json=as_json)


@commands.command("touch")
def touch_state(context: typer.Context, execute: Execute = False, as_json: AsJson = False) -> None:
    """Put every customer where the policy in force puts him: after a shorter retention, a new purpose, other kinds."""
    app = app_of(context)
    with closing(app.sink()) as sink, progress("looked at", None) as done:
        found = touch(app.table, _log(app), app.items(sink), sink, execute=execute, done=done)
    _tell(found._asdict(), execute=execute, as_json=as_json)


def _tell(found: dict[str, int], *, execute: bool, as_json: bool) -> None:
    if as_json:
        show_json(found)
        return
    typer.echo(", ".join(f"{name} {count}" for name, count in found.items()))
    if not execute:
        typer.echo("nothing was written; --execute does it")


def _log(app: App) -> StateLog:
    return StateLog(app.reader, app.offsets, app.names.state)
