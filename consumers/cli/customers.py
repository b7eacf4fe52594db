"""`lapse customer` and `lapse hold`: one customer at a time."""

from typing import Annotated

import typer

from consumers.app import App
from consumers.cli.context import By, app_of
from consumers.cli.output import AsJson, console, show, show_json
from consumers.operations import customers as operations
from consumers.runtime.control import read_policy

hold_commands = typer.Typer(help="Holds: nothing happens to a customer while one stands.", no_args_is_help=True)
Customer = Annotated[str, typer.Argument(help="The customer's opaque id.", metavar="ID")]
Reason = Annotated[str, typer.Option(help="Why; kept with the hold.")]
HoldName = Annotated[str, typer.Argument(help="The hold's name, as `lapse hold list` prints it.", metavar="HOLD")]


def customer(context: typer.Context, customer_id: Customer, as_json: AsJson = False) -> None:
    """Due dates of a customer and why, commands and holds."""
    app = app_of(context)
    found = operations.customer(app.table, customer_id)
    explained = operations.explained(found, read_policy(app.table))
    if as_json:
        show_json(explained)
    else:
        console.print(explained)


@hold_commands.command("list")
def list_holds(context: typer.Context, customer_id: Customer, as_json: AsJson = False) -> None:
    """The holds that stand for a customer."""
    app = app_of(context)
    found = operations.customer(app.table, customer_id)
    rows = [
        {"hold": name, **hold._asdict(), "since": operations.when(hold.since)} for name, hold in found.holds.items()
    ]
    show(rows, ("hold", "since", "code", "by", "reason"), title="holds", as_json=as_json)


@hold_commands.command("add")
def add(context: typer.Context, customer_id: Customer, by: By, reason: Reason) -> None:
    """Hold a customer; prints the hold's name."""
    app = app_of(context)
    sink = app.sink()
    name = operations.add_hold(app.items(sink), customer_id, by, reason, read_policy(app.table), app.clock)
    sink.flush()
    typer.echo(name)


@hold_commands.command("lift")
def lift(context: typer.Context, customer_id: Customer, hold: HoldName) -> None:
    """Lift a hold that `lapse hold add` set."""
    app: App = app_of(context)
    sink = app.sink()
    operations.lift_hold(app.items(sink), customer_id, hold, read_policy(app.table))
    sink.flush()
