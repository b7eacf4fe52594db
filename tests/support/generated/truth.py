"""What had to become of every row and cell, told from the rows that were put in; the product is not asked."""

from collections.abc import Collection, Iterator, Mapping

from tests.support.generated.model import NUMBER, Row, Schema, Table
from tests.support.generated.strategies import is_met

Cells = Mapping[str, str | None]
Picture = Mapping[str, Mapping[int, Cells]]
"""Every cell as text, by table and number of the row."""


def reached(schema: Schema, customers: Collection[str]) -> dict[str, dict[str, set[int]]]:
    """Numbers of the rows that belong to each customer, by table; those of flagged root rows do not count."""
    return {each: _of(schema, each) for each in customers}


def _of(schema: Schema, customer: str) -> dict[str, set[int]]:
    root = schema.root
    mine = [row for row in root.rows if str(row[schema.customer]) == customer and not row.get(root.flag)]
    found: dict[str, list[Row]] = {root.name: mine}
    for table in schema.tables[1:]:
        assert table.parent is not None
        wanted = {_joined(row, table.join.values()) for row in found[table.parent.name]}
        rows = [row for row in table.rows if _joined(row, table.join) in wanted - {None}]
        found[table.name] = rows
    return {name: {row[NUMBER] for row in rows} for name, rows in found.items()}


def _joined(row: Row, columns: Collection[str]) -> tuple[object, ...] | None:
    cells = tuple(row[name] for name in columns)
    return None if None in cells else cells


def wrong(schema: Schema, before: Picture, after: Picture, changed: Mapping[str, Collection[int]]) -> Iterator[str]:
    """Every place that is not as it had to be, given the numbers of the rows that had to change, by table."""
    for table in schema.everything:
        mine = changed.get(table.name, ()) if table in schema.tables else ()
        for number, old in before[table.name].items():
            new = after[table.name].get(number)
            if table.deletes and number in mine:
                yield from (f"{table.name}: {number} was not deleted",) if new is not None else ()
            elif new is None:
                yield f"{table.name}: {number} is gone"
            elif number in mine:
                yield from (f"{table.name}.{name}: {number}" for name in _unmet(table, old, new))
            elif new != old:
                differing = [name for name in old if old[name] != new[name]]
                yield f"{table.name}: {number} is no row of theirs, and changed in {differing}"
        if extra := after[table.name].keys() - before[table.name].keys():
            yield f"{table.name}: {sorted(extra)} came from nowhere"


def _unmet(table: Table, old: Cells, new: Cells) -> Iterator[str]:
    masked = table.masked
    for name, cell in new.items():
        column = table[name]
        if name in masked:
            if not is_met(masked[name], column.kind, old[name], cell):
                yield f"{name} ({masked[name]}: {old[name]!r} became {cell!r})"
        elif name == table.flag:
            if cell not in {"true", "1"}:
                yield f"{name} (no flag: {cell!r})"
        elif name == table.token:
            if cell is None or len(cell) != 36:
                yield f"{name} (no token: {cell!r})"
        elif not (column.of and column.of in masked) and cell != old[name]:
            yield f"{name} (kept: {old[name]!r} became {cell!r})"
