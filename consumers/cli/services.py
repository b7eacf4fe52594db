"""`lapse service`: which services are live."""

from contextlib import closing
from typing import Annotated

import typer

from consumers.app import new_stamp
from consumers.cli.context import By, app_of
from consumers.cli.output import AsJson, progress, show, show_json
from consumers.domain.policy import Mode
from consumers.operations import tending as operations
from consumers.operations.abandoning import abandon_all
from consumers.operations.customers import when
from consumers.operations.modes import ServiceMode, resume_everything, service_modes, set_mode, stop_everything
from consumers.operations.statelog import StateLog
from consumers.runtime.control import read_policy

commands = typer.Typer(help="Services: live, dry run, stopped.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The service.", metavar="NAME")]
Reason = Annotated[str | None, typer.Option(help="Why; kept with the mode.")]
Why = Annotated[str, typer.Option("--reason", help="Why; kept with the stop.")]
Service = Annotated[str | None, typer.Option(help="Only this service; everything if left out.")]
Abandon = Annotated[bool, typer.Option("--abandon", help="Release it from the commands in flight, for good.")]
Execute = Annotated[bool, typer.Option("--execute", help="Do it; without this only count.")]
COLUMNS = ("service", "purpose", "mode", "by", "at")


@commands.command("list")
def list_services(context: typer.Context, as_json: AsJson = False) -> None:
    """Every service of the policy in force, with its mode."""
    _print(service_modes(app_of(context).table), as_json=as_json)


@commands.command()
def enable(context: typer.Context, name: Name, by: By, as_json: AsJson = False) -> None:
    """Let a service change its database."""
    _set(context, name, "live", by, None, as_json=as_json)


@commands.command("dry-run")
def dry_run(
    context: typer.Context,
    name: Name,
    by: By,
    abandon: Abandon = False,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Let a service count and answer, touching nothing. Every new service starts so.

    Refused while commands in flight wait for it, unless it is released from them with --abandon, which is kept by name.
    """
    if abandon and not reason:
        raise typer.BadParameter("--abandon needs --reason: what these customers' data in this service becomes")
    app = app_of(context)
    sink = app.sink()
    items = app.items(sink)
    refusing = None if abandon else items
    mode = set_mode(app.table, name, "dry_run", by, app.clock, new_stamp, reason=reason, items=refusing)
    if abandon:
        policy = read_policy(app.table)
        released = abandon_all(app.table, items, sink, app.names.results, name, policy, app.clock)
        typer.echo(f"released from {released} commands", err=True)
    _print([mode], as_json=as_json)


@commands.command()
def stop(context: typer.Context, name: Name, by: By, reason: Reason = None, as_json: AsJson = False) -> None:
    """Pause a service; its purpose claims nobody until it is enabled again."""
    _set(context, name, "stopped", by, reason, as_json=as_json)


@commands.command()
def backfill(context: typer.Context, name: Name, execute: Execute = False, as_json: AsJson = False) -> None:
    """Send the completed commands of every customer to a service added since, and to it alone."""
    app = app_of(context)
    log = StateLog(app.reader, app.offsets, app.names.state)
    with closing(app.sink()) as sink, progress("looked at", None) as done:
        items, topic = app.items(sink), app.names.commands
        owed = operations.backfill(app.table, log, items, sink, topic, name, app.clock, execute=execute, done=done)
    if as_json:
        show_json({"commands": owed, "sent": execute})
    else:
        typer.echo(f"{owed} commands sent" if execute else f"{owed} commands would be sent; --execute does it")


def stop_all(context: typer.Context, by: By, reason: Why, service: Service = None) -> None:
    """Stop everything, or one service: no claims and no commits until `lapse resume`."""
    app = app_of(context)
    if service:
        set_mode(app.table, service, "stopped", by, app.clock, new_stamp, reason=reason)
    else:
        stop_everything(app.table, by, reason, app.clock, new_stamp)
    typer.echo(f"{service or 'everything'} is stopped; `lapse resume` lets it go on")


def resume(context: typer.Context, by: By, service: Service = None) -> None:
    """Let everything go on that `lapse stop` stopped, or one service."""
    app = app_of(context)
    if service:
        set_mode(app.table, service, "live", by, app.clock, new_stamp)
    else:
        resume_everything(app.table, by, app.clock, new_stamp)
    typer.echo(f"{service or 'everything'} goes on")


def _set(context: typer.Context, name: str, mode: Mode, by: str, reason: str | None, *, as_json: bool) -> None:
    app = app_of(context)
    _print([set_mode(app.table, name, mode, by, app.clock, new_stamp, reason=reason)], as_json=as_json)


def _print(modes: list[ServiceMode], *, as_json: bool) -> None:
    show([{**mode._asdict(), "at": when(mode.at)} for mode in modes], COLUMNS, title="services", as_json=as_json)
