"""`lapse dlq`: dead letters and the decision to do without one."""

from typing import Annotated

import typer

from consumers.app import new_stamp
from consumers.cli.context import By, app_of
from consumers.operations.customers import discard_halting, discard_held
from consumers.runtime.control import read_policy

commands = typer.Typer(help="Dead letters.", no_args_is_help=True)
Position = Annotated[str, typer.Argument(help="The record: topic-partition-offset.", metavar="RECORD")]
Customer = Annotated[str | None, typer.Option(help="The customer it holds; left out for one that halts everything.")]
Reason = Annotated[str, typer.Option(help="Why; kept with the decision.")]


@commands.callback()
def _dlq() -> None:
    """Dead letters."""


@commands.command()
def discard(context: typer.Context, record: Position, by: By, reason: Reason, customer: Customer = None) -> None:
    """Do without a record for ever, on every replay too. What it would have postponed is not postponed."""
    app = app_of(context)
    if customer is None:
        discard_halting(app.table, record, new_stamp)
        return
    sink = app.sink()
    discard_held(app.items(sink), customer, record, by, reason, read_policy(app.table), app.clock)
    sink.flush()
