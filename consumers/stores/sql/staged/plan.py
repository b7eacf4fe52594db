"""The statements of one service on a database without places of rows, made once from its rules and the live schema.

Rows are staged from the root down, before anything changes, and rewritten from the leaves up. The number of statements
of a batch is the number of tables, never of customers.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import TextClause

from consumers.domain.errors import PermanentError
from consumers.stores.rules.model import Rules
from consumers.stores.sql.catalog import Catalog
from consumers.stores.sql.names import listed, quote, statement
from consumers.stores.sql.staged.expressions import fresh_uuid, rewritten
from consumers.stores.sql.staged.levels import PICKED, Level, levels_of
from consumers.stores.sql.staged.verification import checks, prints
from consumers.stores.sql.staged.words import Words


class Stage(NamedTuple):
    """One table of the batch. `change` and what follows is None where rows are only passed through to their children.

    `places` name the columns of `violations`, behind the customer's ordinal; `left` counts rows that had to go.
    """

    table: str
    drop: str
    create: str
    fill: TextClause
    change: TextClause | None
    counts: TextClause
    violations: TextClause | None
    left: TextClause | None
    places: Sequence[str]


class StagedPlan(NamedTuple):
    """`stages` from the root down. `lock` and `unflagged` take `customers`; `kept` is `lock`'s ordinals."""

    drop_picked: str
    create_picked: str
    lock: TextClause
    kept: TextClause
    forget: TextClause
    stages: Sequence[Stage]
    counts: Sequence[tuple[str, TextClause]]
    unflagged: TextClause | None


def plan_for(words: Words, rules: Rules, catalog: Catalog) -> StagedPlan:
    """Build every statement.

    Raises:
        PermanentError: the schema lacks what the rules name; pre-flight says what.
    """
    try:
        return _plan(words, rules, catalog)
    except KeyError:
        failure = PermanentError("the database does not match the rules; run pre-flight", code="preflight")
    raise failure


def _plan(words: Words, rules: Rules, catalog: Catalog) -> StagedPlan:
    paths = levels_of(words, rules, catalog)
    root, picked = paths[0][0], words.temporary(rules.store.schema_name, PICKED)
    parents = {each.rules.parent for path in paths for each in path}
    find = _Finder(words, rules, root)
    needed = [path for path in paths if path[-1].changes or path[-1].table in parents]
    return StagedPlan(
        drop_picked=f"{words.drop} IF EXISTS {picked}",
        create_picked=_create(words, picked, root, {}),
        lock=statement(
            f"INSERT INTO {picked} (ord, {_keys(root)}) "
            f"SELECT k.ord, {listed(root.key, 't0')} {find.source()}{find.where()}{words.lock}"
        ),
        kept=statement(f"SELECT DISTINCT ord FROM {picked}"),  # noqa: S608
        forget=statement(f"DELETE FROM {picked} WHERE ord = {{{{ord}}}}"),  # noqa: S608
        stages=[_stage(words, path, picked) for path in needed],
        counts=[(path[-1].table, statement(_count(words, find, path))) for path in paths if path[-1].changes],
        unflagged=statement(f"SELECT DISTINCT k.ord {find.source()}{find.where()}") if root.rules.flag else None,
    )


class _Finder:
    """Finds unflagged root rows by customer id; `ord` counts the ids from 1."""

    def __init__(self, words: Words, rules: Rules, root: Level) -> None:
        self.join = words.join
        column = root.relation.columns[rules.customer_column]
        found = words.is_customer(f"t0.{quote(column.name)}", column, rules.customer.type)
        self._from = f"FROM {words.customers(rules.customer.type)} {words.join} {root.relation.sql} AS t0 ON {found}"
        self._flag = f" WHERE t0.{quote(root.rules.flag)} IS NOT TRUE" if root.rules.flag else ""

    def source(self) -> str:
        """FROM … JOIN the root as t0."""
        return self._from

    def where(self) -> str:
        """The condition for rows not anonymized yet."""
        return self._flag


def _keys(level: Level) -> str:
    return ", ".join(level.staged_key())


def _create(words: Words, name: str, level: Level, printed: Mapping[str, str]) -> str:
    columns = level.relation.columns
    typed = [f"k{number} {_key_type(words, level, column)}" for number, column in enumerate(level.key)]
    typed += [f"{each} {words.print_type}" for each in printed]
    typed += [f"n{number} {words.type_of(columns[column])}" for number, column in enumerate(level.drawn)]
    return f"CREATE TEMPORARY TABLE {name} (ord {words.ord_type}, {', '.join(typed)})"


def _key_type(words: Words, level: Level, column: str) -> str:
    return words.ord_type if column == level.relation.rowid else words.type_of(level.relation.columns[column])


def _stage(words: Words, path: Sequence[Level], picked: str) -> Stage:
    level = path[-1]
    if not level.key:
        raise KeyError(level.table)
    verified = level.changes and not level.rules.deletes
    printed = prints(words, level) if verified else {}
    change, violations, places = None, None, []
    if verified:
        change = _rewrite(words, level)
        found = list(checks(words, level))
        places = [each.place for each in found]
        violations = _violations(level, found)
    elif level.changes:
        change = statement(
            words.delete(level.relation, level.staged, [*zip(level.key, level.staged_key(), strict=True)])
        )
    return Stage(
        table=level.table,
        drop=f"{words.drop} IF EXISTS {level.staged}",
        create=_create(words, level.staged, level, printed),
        fill=_fill(words, path, picked, printed),
        change=change,
        counts=statement(f"SELECT ord, count(*) FROM {level.staged} GROUP BY ord"),  # noqa: S608
        violations=violations,
        left=statement(_left(words, level)) if level.rules.deletes else None,
        places=places,
    )


def _fill(words: Words, path: Sequence[Level], picked: str, printed: Mapping[str, str]) -> TextClause:
    level = path[-1]
    drawn = {f"n{number}": fresh_uuid(words) for number, _ in enumerate(level.drawn)}
    columns = ", ".join(["ord", *level.staged_key(), *printed, *drawn])
    cells = ", ".join(["s.ord", *(f"c.{quote(column)}" for column in level.key), *printed.values(), *drawn.values()])
    if len(path) == 1:
        rows = f"SELECT {cells} FROM {picked} AS s {words.join} {level.relation.sql} AS c ON {level.by_key('c', 's')}"  # noqa: S608
    else:
        parent = path[-2]
        # distinct: two rows of a customer may lead to one and the same row
        rows = (
            f"SELECT DISTINCT {cells} FROM {parent.staged} AS s "  # noqa: S608 - names are quoted
            f"{words.join} {parent.relation.sql} AS p ON {parent.by_key('p', 's')} "
            f"{words.join} {level.relation.sql} AS c ON {level.by_join(words, 'c', 'p')}"
        )
    return statement(f"INSERT INTO {level.staged} ({columns}) {rows}{words.lock}")


def _rewrite(words: Words, level: Level) -> TextClause:
    columns, rules = level.relation.columns, level.rules
    sets: list[tuple[str, str]] = []
    parameters: dict[str, Any] = {}
    for number, (name, strategy) in enumerate(rules.mask.items()):
        new = rewritten(words, strategy, columns[name], f"c.{quote(name)}", f"v{number}")
        sets.append((name, f"s.n{level.drawn.index(name)}" if name in level.drawn else new.sql))
        parameters.update({} if name in level.drawn else new.parameters)
    if rules.token:
        sets.append((rules.token.column, fresh_uuid(words)))
    if rules.flag:
        sets.append((rules.flag, "TRUE"))
    written = {name for name, _ in sets}
    # what the database would set with every change stays as it was
    sets += [(name, f"c.{quote(name)}") for name, each in columns.items() if each.on_update and name not in written]
    return statement(words.update(level.relation, level.staged, level.by_key("c", "s"), sets), **parameters)


def _violations(level: Level, found: Sequence[Any]) -> TextClause:
    wrong = ", ".join(f"max({each.wrong})" for each in found)
    anything = " OR ".join(f"({each.wrong})" for each in found)
    sql = (
        f"SELECT s.ord, {wrong} FROM {level.staged} AS s LEFT JOIN {level.relation.sql} AS c "  # noqa: S608
        f"ON {level.by_key('c', 's', renewed=True)} WHERE {anything} GROUP BY s.ord ORDER BY s.ord LIMIT 1"
    )
    return statement(sql, **{name: value for each in found for name, value in each.parameters.items()})


def _left(words: Words, level: Level) -> str:
    rows = f"FROM {level.staged} AS s {words.join} {level.relation.sql} AS c ON {level.by_key('c', 's')}"
    return f"SELECT count(*) {rows}"


def _count(words: Words, find: _Finder, path: Sequence[Level]) -> str:
    last, alias = path[-1], f"t{len(path) - 1}"
    joins = "".join(
        f" {find.join} {level.relation.sql} AS t{depth} ON {level.by_join(words, f't{depth}', f't{depth - 1}')}"
        for depth, level in enumerate(path)
        if depth > 0
    )
    rows = f"SELECT DISTINCT k.ord, {listed(last.key, alias)} {find.source()}{joins}{find.where()}"
    return f"SELECT ord, count(*) FROM ({rows}) AS counted GROUP BY ord"  # noqa: S608 - names are quoted
