"""`lapse import`: schedules from a file. What it needs is a package of its own, so it is imported only here."""

from pathlib import Path
from typing import Annotated

import typer

from consumers.cli.context import app_of
from consumers.cli.output import AsJson
from consumers.domain.errors import PermanentError

STDIN = Path("-")
File = Annotated[
    Path,
    typer.Argument(
        dir_okay=False,
        metavar="FILE.csv|-",
        help="CSV in UTF-8; columns customer_id, product, occurred_at and/or retention_starts_at, not_before.",
    ),
]
Rate = Annotated[int | None, typer.Option(min=1, help="Publish at most so many lines a second.")]
Source = Annotated[str, typer.Option(help="The service in whose name the schedules are published.")]
Rejects = Annotated[
    Path | None, typer.Option(help="Report of refused lines: line, column, code, no values. Default FILE.rejects.csv.")
]
Progress = Annotated[Path | None, typer.Option(help="What is acknowledged, to go on from. Default FILE.progress.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check every line and publish nothing.")]


def import_file(
    context: typer.Context,
    file: File,
    rate: Rate = None,
    source: Source = "import",
    rejects: Rejects = None,
    progress: Progress = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Publish a schedule for each line: when the product ended, from when its retention runs, not before when.

    The whole file is checked first; good lines are published, refused ones reported. Ctrl-C, or any other end, loses
    nothing: the same command goes on after the last line the broker acknowledged.

    occurred_at is when the product ended; retention_starts_at, where empty, is the same, and the other way round. Times
    are ISO 8601 with a zone.
    """
    if file != STDIN and not file.exists():  # typer's own check takes `-` for a missing file
        raise typer.BadParameter(f"there is no file {file}")
    try:
        from consumers.cli.loading import Wanted, load  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        raise PermanentError(f"{error.name} is not installed; install lapse-producer-client") from None
    beside = file if file != STDIN and file.is_file() else Path("import.csv")
    wanted = Wanted(
        file=None if file == STDIN else file,
        rejects=rejects or beside.with_name(f"{beside.name}.rejects.csv"),
        progress=progress or beside.with_name(f"{beside.name}.progress"),
        source=source,
        rate=rate,
        dry_run=dry_run,
    )
    load(app_of(context), wanted, as_json=as_json)
