"""`lapse customer` and `lapse hold`: one customer at a time."""

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from typing import Annotated

import typer

from consumers.app import App
from consumers.cli.context import By, app_of
from consumers.cli.output import AsJson, console, show, show_json
from consumers.domain.item import Item
from consumers.domain.work import Proof
from consumers.operations import customers as operations
from consumers.operations import story
from consumers.runtime.control import read_policy

hold_commands = typer.Typer(help="Holds: nothing happens to a customer while one stands.", no_args_is_help=True)
Customer = Annotated[str, typer.Argument(help="The customer's opaque id.", metavar="ID")]
OfCustomer = Annotated[str | None, typer.Argument(help="The customer's opaque id.", metavar="ID")]
OfCommand = Annotated[str | None, typer.Option("--command", help="A command's id, in place of the customer's.")]
Reason = Annotated[str, typer.Option(help="Why; kept with the hold.")]
HoldName = Annotated[str, typer.Argument(help="The hold's name, as `lapse hold list` prints it.", metavar="HOLD")]


def customer(
    context: typer.Context, customer_id: OfCustomer = None, command: OfCommand = None, as_json: AsJson = False
) -> None:
    """Due dates of a customer and why; commands, votes and holds; what each service answered and did.

    With --command the customer is found by what a log, a metric or a dead letter names.
    """
    if (customer_id is None) is (command is None):
        raise typer.BadParameter("name the customer, or one of his commands with --command")
    app = app_of(context)
    ledgers = {service: partial(_proofs, app, service) for service in app.services()}
    found = customer_id or story.customer_of(ledgers, app.reader, app.names.results, command or "")
    item = operations.customer(app.table, found)
    trail = story.trail_of(app.reader, app.offsets, app.names.results, found)
    commands = sorted({each["command"] for each in trail if isinstance(each, dict)} | _commands(item))
    told = {
        **operations.explained(item, read_policy(app.table)),
        "trail": trail,
        "ledgers": story.proofs_of(ledgers, commands),
    }
    if as_json:
        show_json(told)
    else:
        console.print(told)


def _proofs(app: App, service: str, commands: Sequence[str]) -> Sequence[Proof]:
    store, _ = app.store(service)
    with closing(store):
        return store.proofs(commands)


def _commands(item: Item) -> set[str]:
    known = [each for state in item.purposes.values() for each in (state.command, state.last)]
    return {each.id for each in known if each}


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
