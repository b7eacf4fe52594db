"""Rows that are newer than the command, on databases without places of rows: left alone, with all that hangs on them.

When a customer's command was committed is staged with his rows as far down as a table asks for it.
"""

from collections.abc import Sequence

from sqlalchemy import TextClause, bindparam

from consumers.stores.sql.names import quote, statement
from consumers.stores.sql.staged.levels import Level
from consumers.stores.sql.staged.words import Words
from consumers.stores.sql.verification import SPARED

COMMITTED = "committed"


def picked_rows(words: Words, root: Level, picked: str) -> str:
    """The locked root rows as s; where it is asked for, with when each command was committed, k.id.

    That is bound as customers are: a list of [ordinal, microseconds] as `customers`.
    """
    if not root.asks:
        return f"{picked} AS s"
    return f"{words.customers('integer')} {words.join} {picked} AS s ON s.ord = k.ord"


def committed(level: Level) -> str:
    """The column that has it while the rows of a level are staged."""
    return f"s.{COMMITTED}" if level.rules.parent else "k.id"


def taken(words: Words, level: Level) -> str:
    """A WHERE that leaves out newer rows of the level, c; empty where nothing tells."""
    return f" WHERE ({_newer(words, level)}) IS NOT TRUE" if level.rules.since else ""


def spared(words: Words, path: Sequence[Level]) -> TextClause | None:
    """Ordinals of customers with newer rows of the last level; None where no flag could say so."""
    level, parent = path[-1], path[-2] if path[1:] else None
    if parent is None or not level.rules.since or not path[0].rules.flag:
        return None
    return statement(
        f"SELECT DISTINCT s.ord FROM {parent.staged} AS s "  # noqa: S608 - names are quoted
        f"{words.join} {parent.relation.sql} AS p ON {parent.by_key('p', 's')} "
        f"{words.join} {level.relation.sql} AS c ON {level.by_join(words, 'c', 'p')} WHERE {_newer(words, level)}"
    )


def flag_of(level: Level) -> str:
    """What the flag of a staged root row, s, becomes: who was spared something is to be taken again, whole."""
    return f"s.ord NOT IN {{{{{SPARED}}}}}" if level.carries else "TRUE"


def knowing(level: Level, clause: TextClause) -> TextClause:
    """The statement about rows of the level, which may have `flag_of` in it."""
    return clause.bindparams(bindparam(SPARED, expanding=True)) if level.carries and level.rules.flag else clause


def _newer(words: Words, level: Level) -> str:
    column = level.relation.columns[level.rules.since or ""]
    return words.newer(f"c.{quote(column.name)}", committed(level))
