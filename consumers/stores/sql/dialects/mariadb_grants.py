"""What the role of a MariaDB session may do, its own grants and those of its roles alike."""

import re
from collections.abc import Iterable, Iterator

from sqlalchemy import Connection

_NAME = r'(?:`((?:[^`]|``)+)`|"((?:[^"]|"")+)"|(\*))'
_GRANT = re.compile(rf"GRANT (.+?) ON {_NAME}\.{_NAME} TO ")


def tables_without_trigger(connection: Connection, schema: str, tables: Iterable[str]) -> list[str]:
    """The tables whose triggers the role would not be shown: those for which it has no TRIGGER privilege."""
    granted = list(_triggers(row[0] for row in connection.exec_driver_sql("SHOW GRANTS")))
    return [
        table for table in tables if not any(_covers(where, schema) and what in {"*", table} for where, what in granted)
    ]


def _triggers(grants: Iterable[str]) -> Iterator[tuple[str, str]]:
    for each in grants:
        match = _GRANT.match(each)
        if match and {"TRIGGER", "ALL PRIVILEGES"} & set(match[1].split(", ")):
            yield (match[2] or match[3] or match[4], match[5] or match[6] or match[7])


def _covers(written: str, schema: str) -> bool:
    """Whether the database of a grant, a pattern where _ and % are not escaped, is this one."""
    if written == "*":
        return True
    # a pattern that only matches the name is not followed: who grants by one is told to name the database
    return written.replace("\\_", "_").replace("\\%", "%") == schema
