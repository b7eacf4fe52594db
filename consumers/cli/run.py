"""`lapse run`: the long-running roles."""

import os
import signal
from types import FrameType
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
    """Run roles until SIGTERM or Ctrl-C, which finish the batch in hand; a second one ends at once."""
    app = app_of(context)
    configure_logs(as_json=app.settings.log_json)
    process = Process(app, named_roles(app, roles, service))
    end_on_signals(process)
    process.run(until_caught_up=until_caught_up)


def end_on_signals(process: Process) -> None:
    """Let the first signal stop the process, and the second end it: whatever is in hand is read again."""

    def signalled(number: int, _: FrameType | None) -> None:
        if process.stopping:
            os._exit(128 + number)
        process.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signalled)
