"""`lapse service`: which services are live."""

from typing import Annotated

import typer

from consumers.app import new_stamp
from consumers.cli.context import By, app_of
from consumers.cli.output import AsJson, show
from consumers.domain.policy import Mode
from consumers.operations.customers import when
from consumers.operations.modes import ServiceMode, service_modes, set_mode

commands = typer.Typer(help="Services: live, dry run, stopped.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The service.", metavar="NAME")]
COLUMNS = ("service", "purpose", "mode", "by", "at")


@commands.command("list")
def list_services(context: typer.Context, as_json: AsJson = False) -> None:
    """Every service of the policy in force, with its mode."""
    _print(service_modes(app_of(context).table), as_json=as_json)


@commands.command()
def enable(context: typer.Context, name: Name, by: By, as_json: AsJson = False) -> None:
    """Let a service change its database."""
    _set(context, name, "live", by, as_json=as_json)


@commands.command("dry-run")
def dry_run(context: typer.Context, name: Name, by: By, as_json: AsJson = False) -> None:
    """Let a service count and answer, touching nothing. Every new service starts so."""
    _set(context, name, "dry_run", by, as_json=as_json)


@commands.command()
def stop(context: typer.Context, name: Name, by: By, as_json: AsJson = False) -> None:
    """Pause a service; its purpose claims nobody until it is enabled again."""
    _set(context, name, "stopped", by, as_json=as_json)


def _set(context: typer.Context, name: str, mode: Mode, by: str, *, as_json: bool) -> None:
    app = app_of(context)
    _print([set_mode(app.table, name, mode, by, app.clock, new_stamp)], as_json=as_json)


def _print(modes: list[ServiceMode], *, as_json: bool) -> None:
    show([{**mode._asdict(), "at": when(mode.at)} for mode in modes], COLUMNS, title="services", as_json=as_json)
