"""What had to become of every row and cell, told from the rows that were put in; the product is not asked."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from tests.support.generated.model import NUMBER, Row, Schema, Table
from tests.support.generated.strategies import is_met

Cells = Mapping[str, str | None]
Picture = Mapping[str, Mapping[int, Cells]]
"""Every cell as text, by table and number of the row."""


COMMITTED = "2023-11-14 22:13:20.123456"
"""When the commands of `tests.support.sql_store.task` were committed. No time that is filled in is of that day."""


def reached(schema: Schema, customers: Sequence[str]) -> dict[str, dict[str, set[int]]]:
    """Numbers of the rows that belong to each customer of a batch, by table; those of flagged root rows do not count.

    Nor do rows that are newer than the command, and what hangs on them. A shared row that nobody else needs belongs to
    the first of them, with all below it.
    """
    found: dict[str, dict[str, set[int]]] = {}
    for each in customers:
        mine = _numbers(_of(schema, each, customers))
        for earlier in found.values():
            for table in schema.tables:
                if any(above.keeps_shared for above in schema.lineage(table)):
                    mine[table.name] -= earlier[table.name]
        found[each] = mine
    return found


def spared(schema: Schema, customers: Collection[str]) -> set[int]:
    """Numbers of the root rows that get no flag, since something below one of the same customer was left alone."""
    found: set[int] = set()
    for each in customers:
        of = _of(schema, each, customers)
        below = (row for table in schema.tables[1:] for row in _hanging(table, of) if _is_newer(table, row))
        found |= _numbers(of)[schema.root.name] if any(True for _ in below) else set()
    return found


def _numbers(rows: Mapping[str, list[Row]]) -> dict[str, set[int]]:
    return {name: {row[NUMBER] for row in each} for name, each in rows.items()}


def _of(schema: Schema, customer: str, batch: Collection[str]) -> dict[str, list[Row]]:
    root = schema.root
    mine = [row for row in root.rows if str(row[schema.customer]) == customer and not row.get(root.flag)]
    found: dict[str, list[Row]] = {root.name: [row for row in mine if not _is_newer(root, row)]}
    for table in schema.tables[1:]:
        rows = [row for row in _hanging(table, found) if not _is_newer(table, row)]
        found[table.name] = [row for row in rows if not (table.keeps_shared and _needed(schema, table, row, batch))]
    return found


def _hanging(table: Table, found: Mapping[str, list[Row]]) -> list[Row]:
    assert table.parent is not None
    wanted = {_joined(row, table.join.values()) for row in found[table.parent.name]}
    return [row for row in table.rows if _joined(row, table.join) in wanted - {None}]


def _is_newer(table: Table, row: Row) -> bool:
    return bool(table.since) and row[table.since] is not None and row[table.since] > COMMITTED


def _needed(schema: Schema, table: Table, row: Row, batch: Collection[str]) -> bool:
    """Whether somebody who is still there, and is not of the batch, refers to the row."""
    assert table.parent is not None
    owners = [(table.parent, list(table.join.values()), list(table.join))]
    for other in schema.everything:
        if other not in schema.tables or table not in schema.lineage(other):
            owners += [
                (other, list(each.columns), list(each.target.key)) for each in other.references if each.target is table
            ]
    return any(
        _joined(referrer, own) == _joined(row, theirs) and _is_there(schema, other, referrer, batch)
        for other, own, theirs in owners
        for referrer in other.rows
    )


def _is_there(schema: Schema, table: Table, row: Row, batch: Collection[str]) -> bool:
    """Whether a row leads to a customer who is neither flagged nor of the batch, or to nobody known."""
    if table is schema.root:
        return not row.get(table.flag) and (str(row[schema.customer]) not in batch or _is_newer(table, row))
    if table.parent is None:
        return True
    wanted = _joined(row, table.join)
    above = [each for each in table.parent.rows if wanted is not None and _joined(each, table.join.values()) == wanted]
    return not above or any(_is_there(schema, table.parent, each, batch) for each in above)


def _joined(row: Row, columns: Collection[str]) -> tuple[object, ...] | None:
    cells = tuple(row[name] for name in columns)
    return None if None in cells else cells


def wrong(
    schema: Schema,
    before: Picture,
    after: Picture,
    changed: Mapping[str, Collection[int]],
    unflagged: Collection[int] = (),
) -> Iterator[str]:
    """Every place that is not as it had to be, given the numbers of the rows that had to change, by table.

    `unflagged`: those of them that get no flag.
    """
    for table in schema.everything:
        mine = changed.get(table.name, ()) if table in schema.tables else ()
        for number, old in before[table.name].items():
            new = after[table.name].get(number)
            if table.deletes and number in mine:
                yield from (f"{table.name}: {number} was not deleted",) if new is not None else ()
            elif new is None:
                yield f"{table.name}: {number} is gone"
            elif number in mine:
                yield from (
                    f"{table.name}.{name}: {number}" for name in _unmet(table, old, new, flag=number not in unflagged)
                )
            elif new != old:
                differing = [name for name in old if old[name] != new[name]]
                yield f"{table.name}: {number} is no row of theirs, and changed in {differing}"
        if extra := after[table.name].keys() - before[table.name].keys():
            yield f"{table.name}: {sorted(extra)} came from nowhere"


def _unmet(table: Table, old: Cells, new: Cells, *, flag: bool) -> Iterator[str]:
    masked = table.masked
    for name, cell in new.items():
        column = table[name]
        if name in masked:
            if not is_met(masked[name], column.kind, old[name], cell):
                yield f"{name} ({masked[name]}: {old[name]!r} became {cell!r})"
        elif name == table.flag:
            if (cell in {"true", "1"}) != flag:
                yield f"{name} (flag: {cell!r})"
        elif name == table.token:
            if cell is None or len(cell) != 36:
                yield f"{name} (no token: {cell!r})"
        elif not (column.of and column.of in masked) and cell != old[name]:
            yield f"{name} (kept: {old[name]!r} became {cell!r})"
