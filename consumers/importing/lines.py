"""A file as lines with their places, and the columns its first line names.

One line is one record: no value of ours holds a line break, so a stray quote costs its line and not the rest of the
file. No text here repeats what a line says.
"""

import csv
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final, NamedTuple

from consumers.domain.errors import PermanentError

REQUIRED: Final = ("customer_id", "product")
TIMES: Final = ("occurred_at", "retention_starts_at")
COLUMNS: Final = (*REQUIRED, *TIMES, "not_before")
LONGEST_LINE: Final = 8192
"""Bytes: more than the longest id, product and times take together. What is longer is not kept in memory."""
_BOM: Final = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """A line without its end; `content` None: too long. `end` is the offset behind it."""

    number: int
    end: int
    content: bytes | None


class HeaderError(PermanentError):
    """The first line does not name the columns of an import."""

    def __init__(self, what: str, repair: str = "") -> None:
        given = repair or f"choose from {', '.join(COLUMNS)}"
        super().__init__(f"line 1, which names the columns: {what}; {given}")


def lines_of(file: BinaryIO, number: int = 0) -> Iterator[Line]:
    """The lines from where the file stands, the first of them after line `number`."""
    end = file.tell()
    while part := file.readline(LONGEST_LINE + 1):
        content = part.rstrip(b"\r\n") if len(part) <= LONGEST_LINE else None
        end += len(part)
        while not part.endswith(b"\n") and (part := file.readline(LONGEST_LINE)):
            end += len(part)
        number += 1
        yield Line(number, end, content)


def columns_of(first: Line | None) -> tuple[str, ...]:
    """The columns in the order of the file.

    Raises:
        HeaderError: A column is missing, unknown or there twice; it is named by its place, for the line may be data.
    """
    if first is None or first.content is None or not first.content:
        raise HeaderError("it is empty or too long")
    names = _cells(first.content.removeprefix(_BOM))
    for place, name in enumerate(names, 1):
        if name not in COLUMNS:
            raise HeaderError(f"column {place} is none of an import")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise HeaderError(f"{', '.join(twice)} is there twice", "leave one of them out")
    if missing := [name for name in REQUIRED if name not in names]:
        raise HeaderError(f"{', '.join(missing)} is missing")
    if not set(TIMES) & set(names):
        raise HeaderError(f"{' or '.join(TIMES)} is missing", "name at least one of the two")
    return names


def _cells(content: bytes) -> tuple[str, ...]:
    try:
        text = content.decode()
        names = cells_of(text)
    except (UnicodeDecodeError, csv.Error):
        raise HeaderError("it is not UTF-8 text in CSV", "save the file as CSV UTF-8") from None
    if len(names) == 1 and any(other in text for other in ";\t|"):
        raise HeaderError("the columns are not separated by commas", "save the file as CSV with commas")
    return tuple(names)


def cells_of(text: str) -> Sequence[str]:
    """The values of a line. csv.Error: a quote is open or stands inside a value."""
    return next(csv.reader((text,), strict=True), [])
