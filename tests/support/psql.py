"""A printed migration, as a person runs it."""

from collections.abc import Iterator


def statements(sql: str) -> Iterator[str]:
    """As psql cuts them: by the semicolon at the end of a line, outside of a dollar-quoted block."""
    pending = ""
    for line in sql.splitlines():
        pending += line + "\n"
        if line.endswith(";") and pending.count("$lapse$") % 2 == 0:
            yield pending
            pending = ""
