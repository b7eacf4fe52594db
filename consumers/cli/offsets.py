"""`lapse offsets`: where a group reads on."""

from typing import Annotated

import typer

from consumers.app import App
from consumers.cli.context import app_of
from consumers.cli.output import AsJson, show
from consumers.domain.errors import PermanentError

commands = typer.Typer(help="Offsets of consumer groups.", no_args_is_help=True)
Group = Annotated[str, typer.Option(help="state, ticker, anonymizer.NAME, or the group's full name.")]
ToEarliest = Annotated[bool, typer.Option("--to-earliest", help="To the first record still in the log.")]
Execute = Annotated[bool, typer.Option("--execute", help="Do it; without this only show what would be done.")]


@commands.callback()
def _offsets() -> None:
    """Offsets of consumer groups."""


@commands.command()
def reset(
    context: typer.Context,
    group: Group,
    to_earliest: ToEarliest = False,
    execute: Execute = False,
    as_json: AsJson = False,
) -> None:
    """Set a group back, so that it handles everything again. Refused while the group has members."""
    if not to_earliest:
        raise typer.BadParameter("say where to: --to-earliest")
    app = app_of(context)
    name, topic = named_group(app, group)
    moved = app.groups.reset_to_earliest(name, topic) if execute else app.groups.would_reset_to_earliest(name, topic)
    rows = [
        {"group": name, "topic": topic, "partition": partition, "before": moved.before[partition], "after": after}
        for partition, after in sorted(moved.after.items())
    ]
    title = "reset, as read back" if execute else "would be reset; --execute does it"
    show(rows, ("group", "topic", "partition", "before", "after"), title=title, as_json=as_json)


def named_group(app: App, group: str) -> tuple[str, str]:
    """A group's full name and the topic it reads. PermanentError: no role has such a group."""
    prefix = app.names.prefix
    full = group if group.startswith(prefix) else prefix + group
    if full == app.names.state_group:
        return full, app.names.events
    if full == app.names.ticker_group:
        return full, app.names.ticks
    if full.startswith(app.names.anonymizer_group("")) and full != app.names.anonymizer_group(""):
        return full, app.names.commands
    raise PermanentError(f"no group {group}; choose state, ticker or anonymizer.NAME")
