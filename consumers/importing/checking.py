"""The first pass: every line is read before anything is published; what is refused is written down."""

import csv
import hashlib
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import BinaryIO, NamedTuple

from consumers.importing.lines import Line, columns_of, lines_of
from consumers.importing.schedules import Reading, Refused

_STEP = 1000


class Checked(NamedTuple):
    """How many lines are schedules, and how many are refused."""

    good: int
    refused: int


def digest_of(file: BinaryIO) -> str:
    """SHA-256 of a file's content."""
    file.seek(0)
    digest = hashlib.sha256()
    while part := file.read(1 << 20):
        digest.update(part)
    return digest.hexdigest()


def header_of(file: BinaryIO) -> tuple[tuple[str, ...], int]:
    """The columns of a file, and the offset behind the line that names them. HeaderError: see there."""
    file.seek(0)
    first: Line | None = next(lines_of(file), None)
    columns = columns_of(first)
    return columns, first.end if first else 0


def check(file: BinaryIO, start: int, reading: Reading, report: Path, step: Callable[[int], None]) -> Checked:
    """Read every line after the first; refused ones are written to `report`, in CSV, without a value of any of them.

    The report is written anew, and removed if nothing is refused.
    """
    file.seek(start)
    good = 0
    refused = 0
    with report.open("w", encoding="utf-8", newline="") as target:
        rows = csv.writer(target)
        rows.writerow(Refused._fields)
        for read, line in zip(count(1), lines_of(file, 1), strict=False):
            verdict = reading.schedule(line)
            if isinstance(verdict, Refused):
                rows.writerow(verdict)
                refused += 1
            elif verdict is not None:
                good += 1
            if not read % _STEP:
                step(_STEP)
    if not refused:
        report.unlink()
    return Checked(good, refused)
