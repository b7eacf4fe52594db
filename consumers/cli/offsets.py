"""`lapse offsets`: where a group reads on; the flags are those of Kafka's own tool."""

import csv
import re
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from consumers.app import App
from consumers.cli.context import app_of
from consumers.cli.output import AsJson, moment_of, show
from consumers.domain import resetting
from consumers.domain.errors import PermanentError
from consumers.domain.resetting import Logs
from consumers.operations import offsets as operations
from consumers.operations.installing import positions
from consumers.operations.offsets import Group, Reset, Target

commands = typer.Typer(help="Offsets of consumer groups.", no_args_is_help=True)
GroupName = Annotated[str, typer.Option("--group", help="state, ticker, anonymizer.NAME, or the group's full name.")]
Topic = Annotated[str | None, typer.Option(help="Only some partitions, as TOPIC:0,1,2.")]
ToEarliest = Annotated[bool, typer.Option("--to-earliest", help="To the first record still in the log.")]
ToLatest = Annotated[bool, typer.Option("--to-latest", help="To the end of the log. Skips what is not handled.")]
ToCurrent = Annotated[bool, typer.Option("--to-current", help="To where it stands; to the end where it never was.")]
ToOffset = Annotated[int | None, typer.Option(help="To this offset, as far as the log reaches.")]
ShiftBy = Annotated[int | None, typer.Option(help="So many records on, or back with a minus.")]
ToDatetime = Annotated[
    str | None, typer.Option(help="To what was appended since this time (ISO 8601; UTC without a zone).")
]
ByDuration = Annotated[str | None, typer.Option(help="To what was appended within this time, such as P1DT6H.")]
FromFile = Annotated[Path | None, typer.Option(help="To the offsets in this file, lines of topic,partition,offset.")]
ToBackup = Annotated[bool, typer.Option("--to-backup", help="To before a restored database's backup.")]
TakenAt = Annotated[str | None, typer.Option(help="When the backup was taken, where it has no ledger: with zone.")]
Export = Annotated[bool, typer.Option("--export", help="Print topic,partition,offset lines for --from-file.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done: so it is without --execute.")]
Execute = Annotated[bool, typer.Option("--execute", help="Do it; without this only show what would be done.")]

# as Kafka's tool: no weeks, months or years
_DURATION = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


@commands.command("show")
def show_offsets(context: typer.Context, group: GroupName, as_json: AsJson = False) -> None:
    """Where a group stands in each partition, and how much is left."""
    app = app_of(context)
    found = operations.named_group(app.names, group)
    members = app.groups.members(found.name)
    rows = [
        {
            "partition": number,
            "committed": log.committed,
            "first": log.first,
            "end": log.end,
            "lag": max(log.end - max(log.committed or 0, log.first), 0),
            "members": members,
        }
        for number, log in sorted(operations.logs_of(app.offsets, found).items())
    ]
    title = f"{found.name} on {found.topic}, {members} members"
    show(rows, ("partition", "committed", "first", "end", "lag"), title=title, as_json=as_json)


@commands.command()
def reset(
    context: typer.Context,
    group: GroupName,
    topic: Topic = None,
    to_earliest: ToEarliest = False,
    to_latest: ToLatest = False,
    to_current: ToCurrent = False,
    to_offset: ToOffset = None,
    shift_by: ShiftBy = None,
    to_datetime: ToDatetime = None,
    by_duration: ByDuration = None,
    from_file: FromFile = None,
    to_backup: ToBackup = False,
    taken_at: TakenAt = None,
    export: Export = False,
    dry_run: DryRun = False,
    execute: Execute = False,
    as_json: AsJson = False,
) -> None:
    """Set a group back, so that it handles records again. Refused while the group has members.

    The state group only goes back: nothing that postpones may be skipped.
    """
    app = app_of(context)
    found = operations.named_group(app.names, group)
    since, now = moment_of(to_datetime, UTC), app.clock.now()
    choices: list[tuple[object, Callable[[], Target]]] = [
        (to_earliest, lambda: _firsts),
        (to_latest, lambda: _ends),
        (to_current, lambda: resetting.to_current),
        (to_offset, lambda: partial(resetting.to_offset, offset=to_offset or 0)),
        (shift_by, lambda: partial(resetting.shifted, by=shift_by or 0)),
        (to_datetime, lambda: _since(app, found, since or 0)),
        (by_duration, lambda: _since(app, found, now - _duration(by_duration or ""))),
        (from_file, lambda: partial(resetting.to_given, given=_given(from_file or Path(), found.topic))),
        (to_backup, lambda: _to_backup(app, found, moment_of(taken_at))),
    ]
    targets = [target() for given, target in choices if given is not None and given is not False]
    if len(targets) != 1:
        raise typer.BadParameter("say where to, once: --to-earliest, --to-offset N, --to-datetime T, … (see --help)")
    if dry_run and execute:
        raise typer.BadParameter("--dry-run and --execute: choose one")
    before = operations.logs_of(app.offsets, found)
    after = operations.planned(before, targets[0], _partitions(topic, found))
    if found.name == app.names.state_group:
        resetting.refuse_forward(before, positions(app.table, before), after)
    _print(found, operations.reset(app.groups, found, before, after, execute=execute), export, execute, as_json)


def _print(group: Group, moved: list[Reset], export: bool, execute: bool, as_json: bool) -> None:
    if export:
        csv.writer(sys.stdout, lineterminator="\n").writerows(
            (group.topic, each.partition, each.after) for each in moved
        )
        return
    rows = [{"group": group.name, "topic": group.topic, **each._asdict()} for each in moved]
    title = "reset, as read back" if execute else "would be reset; --execute does it"
    show(rows, ("group", "topic", "partition", "before", "after"), title=title, as_json=as_json)


def _firsts(logs: Logs) -> dict[int, int]:
    return {number: log.first for number, log in logs.items()}


def _ends(logs: Logs) -> dict[int, int]:
    return {number: log.end for number, log in logs.items()}


def _since(app: App, group: Group, at: int) -> Target:
    first = app.offsets.since(group.topic, at)
    return lambda logs: {number: first[number] for number in logs}


def _duration(text: str) -> int:
    found = _DURATION.fullmatch(text)
    parts = {name: float(value) for name, value in found.groupdict().items() if value} if found else {}
    if not parts:
        raise typer.BadParameter(f"{text!r} is no length of time; write for example P1DT6H")
    return timedelta(**parts) // timedelta(microseconds=1)


def _given(file: Path, topic: str) -> dict[int, int]:
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            rows = [
                (named, int(partition), int(offset)) for named, partition, offset in filter(None, csv.reader(lines))
            ]
    except (OSError, ValueError) as error:
        raise PermanentError(f"{file}: {type(error).__name__}; lines must be topic,partition,offset") from None
    if others := {named for named, _, _ in rows} - {topic}:
        raise PermanentError(f"{file}: the group reads {topic}, not {', '.join(sorted(others))}")
    return {partition: offset for _, partition, offset in rows}


def _partitions(topic: str | None, group: Group) -> set[int] | None:
    if topic is None:
        return None
    name, _, listed = topic.partition(":")
    if name != group.topic:
        raise PermanentError(f"group {group.name} reads {group.topic}, not {name}")
    try:
        return {int(number) for number in listed.split(",")} if listed else None
    except ValueError:
        raise typer.BadParameter(f"{topic!r}: partitions are numbers, as {group.topic}:0,1,2") from None


def _to_backup(app: App, group: Group, taken_at: int | None) -> Target:
    service = group.name.removeprefix(app.names.anonymizer_group(""))
    if group.topic != app.names.commands:
        raise PermanentError("--to-backup is for the group of a service whose database was restored")
    operations.refuse_unless_stopped(app.table, service)
    store, _ = app.store(service)
    with closing(store):
        reached = store.reached()
    trail = partial(operations.finished_since, app.reader, app.offsets, app.names.results, service)
    return operations.to_backup(reached, app.settings.batch, trail, taken_at)
