"""`lapse run`: the long-running roles."""

import signal
from typing import Annotated

import typer

from consumers.adapters.logs import configure_logs
from consumers.cli.context import app_of
from consumers.process import Process, named_roles

Roles = Annotated[list[str], typer.Argument(help="state, ticker, anonymizer or all.", metavar="ROLE...")]
Service = Annotated[
    str | None, typer.Option(help="Which service the anonymizer serves; all with a rules file if left out.")
]
CaughtUp = Annotated[bool, typer.Option("--until-caught-up", help="End when everything in the topics is handled.")]


def run(context: typer.Context, roles: Roles, service: Service = None, until_caught_up: CaughtUp = False) -> None:
    """Run roles until SIGTERM or Ctrl-C, which finish the batch in hand."""
    app = app_of(context)
    configure_logs(as_json=app.settings.log_json)
    process = Process(app, named_roles(app, roles, service))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: process.stop())
    process.run(until_caught_up=until_caught_up)
