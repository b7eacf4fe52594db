"""Rows of a shared table: found, locked in one order, and only then looked at for who else refers to them."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import TextClause

from consumers.stores.sql.names import listed, statement
from consumers.stores.sql.sharing import is_shared
from consumers.stores.sql.staged.levels import Level
from consumers.stores.sql.staged.words import Words


class Shared(NamedTuple):
    """`find` gives each row to one customer of the batch; `refused` lists those who must not have theirs, if any."""

    drop: str
    create: str
    find: TextClause
    lock: TextClause
    refused: TextClause | None


def shared_rows(words: Words, path: Sequence[Level], elsewhere: Sequence[str]) -> Shared:
    """The statements before the rows of the last level are staged. `elsewhere`: conditions over it as c."""
    parent, level = path[-2], path[-1]
    keys = ", ".join(level.staged_key())
    typed, cells = ", ".join(level.typed_key(words)), listed(level.key, "c")
    found = f"FROM {level.found} AS s {words.join} {level.relation.sql} AS c ON {level.by_key('c', 's')}"
    return Shared(
        drop=f"{words.drop} IF EXISTS {level.found}",
        # read in the order of its key, so that rows are locked in it
        create=f"CREATE TEMPORARY TABLE {level.found} (ord {words.ord_type}, {typed}, PRIMARY KEY ({keys}))",
        find=statement(
            f"INSERT INTO {level.found} (ord, {keys}) SELECT min(s.ord), {cells} FROM {parent.staged} AS s "  # noqa: S608
            f"{words.join} {parent.relation.sql} AS p ON {parent.by_key('p', 's')} "
            f"{words.join} {level.relation.sql} AS c ON {level.by_join(words, 'c', 'p')} GROUP BY {cells}"
        ),
        lock=statement(f"SELECT count(*) {found}{words.lock}"),
        refused=statement(f"SELECT DISTINCT s.ord {found} WHERE {is_shared(elsewhere)}")
        if level.rules.shared == "refuse"
        else None,
    )
