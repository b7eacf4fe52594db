"""`lapse dlq`: dead letters, sent again or done without."""

from contextlib import closing, suppress
from typing import Annotated, Any

import typer

from consumers.app import App, new_stamp
from consumers.cli.context import By, app_of
from consumers.cli.output import AsJson, moment_of, progress, show, show_json
from consumers.domain.errors import InvalidRecordError, PermanentError
from consumers.operations import dlq as operations
from consumers.operations.customers import when
from consumers.operations.discarding import abandon_command, discard_halting, discard_held, halting, held_by
from consumers.operations.dlq import Letter, Redrive, Selection
from consumers.ports import Record
from consumers.runtime.control import read_policy
from consumers.runtime.letterhead import Dead, dead_of
from schemas.codec import decode
from schemas.library import newest

commands = typer.Typer(help="Dead letters.", no_args_is_help=True)
Position = Annotated[
    str,
    typer.Argument(help="The record: its original topic-partition-offset, as `dlq list` prints it.", metavar="RECORD"),
]
Customer = Annotated[str | None, typer.Option(help="The customer it holds, where its dead letter does not tell.")]
Reason = Annotated[str, typer.Option(help="Why; kept with the decision.")]
Group = Annotated[str | None, typer.Option(help="Only of this group, by its full name.")]
Code = Annotated[str | None, typer.Option(help="Only with this error code.")]
Topic = Annotated[str | None, typer.Option(help="Only of records of this topic, by its full name.")]
Since = Annotated[str | None, typer.Option(help="Only letters since this time (ISO 8601, with zone).")]
Until = Annotated[str | None, typer.Option(help="Only letters before this time (ISO 8601, with zone).")]
Count = Annotated[int | None, typer.Option(min=1, help="At most so many, oldest first.")]
Parked = Annotated[bool, typer.Option("--parked", help="Also those that failed too often to be tried again unasked.")]
Every = Annotated[bool, typer.Option("--all", help="Also those sent again or discarded.")]
Execute = Annotated[bool, typer.Option("--execute", help="Do it; without this only show what would be done.")]
COLUMNS = ("record", "group", "code", "attempts", "state", "at")


@commands.command("list")
def list_letters(
    context: typer.Context,
    group: Group = None,
    code: Code = None,
    topic: Topic = None,
    since: Since = None,
    until: Until = None,
    count: Count = None,
    every: Every = False,
    as_json: AsJson = False,
) -> None:
    """Dead letters that wait for somebody, oldest first; no content, no customer."""
    app = app_of(context)
    found = operations.letters(app.reader, app.names.dead_letters)
    wanted = found if every else operations.waiting(found)
    chosen = _selection(group, code, topic, since, until, count).of(wanted)
    show([_row(each) for each in chosen], COLUMNS, title="dead letters", as_json=as_json)


@commands.command("show")
def show_letter(context: typer.Context, record: Position, group: Group = None, as_json: AsJson = False) -> None:
    """One dead letter with its content, decoded by its own schema. Shows the customer's id."""
    app = app_of(context)
    letter, found, _ = _found(app, record, group)
    told = {**_row(letter), "key": _text(found.key), **_content(found)}
    if as_json:
        show_json(told)
        return
    rows = [{"what": name, "value": value} for name, value in told.items()]
    show(rows, ("what", "value"), title="dead letter", as_json=False)


@commands.command()
def redrive(
    context: typer.Context,
    by: By,
    group: Group = None,
    code: Code = None,
    topic: Topic = None,
    since: Since = None,
    until: Until = None,
    count: Count = None,
    parked: Parked = False,
    execute: Execute = False,
    as_json: AsJson = False,
) -> None:
    """Send dead letters again, byte for byte, to the group that failed; other groups skip the copies."""
    app = app_of(context)
    found = operations.letters(app.reader, app.names.dead_letters)
    ready = operations.redrivable(found, parked=parked)
    chosen = _selection(group, code, topic, since, until, count).of(ready)
    if not execute:
        show([_row(each) for each in chosen], COLUMNS, title="would be sent again; --execute does it", as_json=as_json)
    else:
        with closing(app.sink()) as sink, progress("sent again", len(chosen)) as sent:
            done = Redrive(app.reader, sink, app.names.dead_letters, app.clock).run(chosen, by, sent)
        show_json({"sent": done}) if as_json else typer.echo(f"sent again: {done}")
    for state, why in (("PARKED", "failed too often; --parked sends them"), ("WAITING", "kept without content")):
        left = [each for each in operations.waiting(found) if each.state == state and each not in ready]
        if left:
            typer.echo(f"left out: {len(left)} ({why})", err=True)


@commands.command()
def discard(
    context: typer.Context,
    record: Position,
    by: By,
    reason: Reason,
    customer: Customer = None,
    group: Group = None,
) -> None:
    """Do without a record for ever, on every replay too. What it would have postponed is not postponed.

    Of a dead command: the service that failed is released from it, and that is kept as ABANDONED.
    """
    app = app_of(context)
    with closing(app.sink()) as sink:
        items, policy = app.items(sink), read_policy(app.table)
        marks = Redrive(app.reader, sink, app.names.dead_letters, app.clock)
        released = customer is not None
        if customer is not None:
            discard_held(items, customer, record, by, reason, policy, app.clock)
            with suppress(PermanentError):  # gone already: nothing is left to mark
                marks.mark(_found(app, record, app.names.state_group)[1], "DISCARDED", by, reason)
        else:
            _, letter, dead = _found(app, record, group)
            if record in halting(app.table):
                discard_halting(app.table, record, new_stamp)
                released = True
            for held in held_by(items, letter, record) if dead.origin.topic == app.names.events else ():
                discard_held(items, held, record, by, reason, policy, app.clock)
                released = True
            if dead.origin.topic == app.names.commands:
                service = dead.group.removeprefix(app.names.anonymizer_group(""))
                results = app.names.results
                if abandon_command(items, sink, results, letter, service, policy, app.clock):
                    typer.echo(f"{service} is released from the command")
                    released = True
            marks.mark(letter, "DISCARDED", by, reason)
        sink.flush()
    typer.echo("discarded" if released else "discarded; it held and halted nobody any more")


def _selection(
    group: str | None, code: str | None, topic: str | None, since: str | None, until: str | None, count: int | None
) -> Selection:
    return Selection(group, code, topic, moment_of(since), moment_of(until), count)


def _row(letter: Letter) -> dict[str, Any]:
    return {
        "record": str(letter.origin),
        "group": letter.group,
        "code": letter.code,
        "attempts": letter.origin.deliveries,
        "state": letter.state,
        "at": when(letter.at),
    }


def _found(app: App, position: str, group: str | None) -> tuple[Letter, Record, Dead]:
    topic = app.names.dead_letters
    letter = operations.named(operations.letters(app.reader, topic), position, group)
    for record in operations.whole(app.reader, topic, [letter]):
        if (dead := dead_of(record.headers)) is not None:
            return letter, record, dead
    raise PermanentError("the dead letter has just left its topic")


def _content(record: Record) -> dict[str, Any]:
    if record.value is None:
        return {"value": None}
    try:
        decoded = decode(record.value, newest())
    except InvalidRecordError as error:
        return {"undecodable": error.code, "value": record.value.hex()}
    return {"record_type": decoded.name, **decoded.fields}


def _text(key: bytes | None) -> str | None:
    return None if key is None else key.decode(errors="backslashreplace")
