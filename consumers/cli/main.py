"""Joins the commands and turns errors into exit codes: 0 done, 1 refused or failed, 2 usage, 130 interrupted."""

import logging
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from consumers.adapters.logs import configure_logs
from consumers.cli import (
    auditing,
    customers,
    demo,
    dlq,
    importing,
    installing,
    offsets,
    rules,
    run,
    services,
    state,
    status,
    ticks,
    verifying,
)
from consumers.cli.context import CliContext
from consumers.domain.errors import LapseError, TransientError

AWAY = (
    "Something this command needs does not answer. Check that it runs and that the settings name it "
    "(kafka.bootstrap_servers, table.endpoint_url, store.url of a rules file); then run the same command again."
)
Config = Annotated[Path | None, typer.Option("--config", help="Settings file; lapse.yaml here if there is one.")]

lapse = typer.Typer(
    name="lapse",
    help="Makes personal data lapse on its due date.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@lapse.callback()
def _shared(context: typer.Context, config: Config = None) -> None:
    configure_logs(as_json=not sys.stderr.isatty(), level=logging.CRITICAL)
    context.obj = CliContext(config)


lapse.command()(demo.demo)
lapse.command()(run.run)
lapse.add_typer(ticks.commands, name="tick")
lapse.add_typer(services.commands, name="service")
lapse.command("stop")(services.stop_all)
lapse.command("resume")(services.resume)
lapse.command()(status.status)
lapse.command()(customers.customer)
lapse.add_typer(customers.hold_commands, name="hold")
lapse.command()(auditing.audit)
lapse.command()(verifying.verify)
lapse.add_typer(state.commands, name="state")
lapse.command("import")(importing.import_file)
lapse.add_typer(dlq.commands, name="dlq")
lapse.add_typer(installing.policy_commands, name="policy")
lapse.add_typer(rules.commands, name="rules")
lapse.add_typer(offsets.commands, name="offsets")
lapse.add_typer(installing.topic_commands, name="topics")
lapse.add_typer(installing.table_commands, name="table")


def main() -> None:
    """Run a command and exit."""
    try:
        lapse(standalone_mode=True)
    except LapseError as error:
        typer.secho(f"error: {error}", err=True, fg=typer.colors.RED)
        if isinstance(error, TransientError):
            typer.echo(AWAY, err=True)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - a defect of ours; its text may hold a person's data, so only where it is
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}"
        typer.secho(f"internal error: {type(error).__name__} at {place}", err=True, fg=typer.colors.RED)
        sys.exit(1)
