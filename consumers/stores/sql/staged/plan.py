"""The statements of one service on a database without places of rows, made once from its rules and the live schema.

Rows are staged from the root down, before anything changes, and rewritten from the leaves up. The number of statements
of a batch is the number of tables, never of customers.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import TextClause

from consumers.domain.errors import PermanentError
from consumers.stores.rules.model import Rules
from consumers.stores.sql.catalog import Catalog
from consumers.stores.sql.links import looked_up
from consumers.stores.sql.names import listed, quote, statement
from consumers.stores.sql.sharing import referred_to, unshared
from consumers.stores.sql.staged.expressions import fresh_uuid, rewritten
from consumers.stores.sql.staged.levels import PICKED, Level, levels_of
from consumers.stores.sql.staged.shared import Shared, shared_rows
from consumers.stores.sql.staged.verification import checks, prints
from consumers.stores.sql.staged.words import Words


class Stage(NamedTuple):
    """One table of the batch. `change` and what follows is None where rows are only passed through to their children.

    `shared` comes before `fill`. `places` name the columns of `violations`, behind the customer's ordinal;
    `left` counts rows that had to go.
    """

    table: str
    drop: str
    create: str
    shared: Shared | None
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
    find = _Finder(words, rules, catalog, root)
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
        stages=[_stage(words, path, picked, _elsewhere(rules, catalog, path, picked)) for path in needed],
        counts=[
            (path[-1].table, statement(_count(find, path, _alone(rules, catalog, path, find.asked))))
            for path in paths
            if path[-1].changes
        ],
        unflagged=statement(f"SELECT DISTINCT k.ord {find.source()}{find.where()}") if root.rules.flag else None,
    )


class _Finder:
    """Finds unflagged root rows by customer id; `ord` counts the ids from 1."""

    def __init__(self, words: Words, rules: Rules, catalog: Catalog, root: Level) -> None:
        self.join = words.join
        self.flag = f"t0.{quote(root.rules.flag)} IS NOT TRUE" if root.rules.flag else ""
        self._words, self._rules, self._catalog, self._root = words, rules, catalog, root.relation.sql
        self._ids = words.customers(rules.customer.type)

    def source(self) -> str:
        """FROM … JOIN the root as t0."""
        lookup, found = self._found("t0")
        return f"FROM {self._ids}{lookup} {self.join} {self._root} AS t0 ON {found}"

    def where(self) -> str:
        """The condition for rows not anonymized yet."""
        return f" WHERE {self.flag}" if self.flag else ""

    def asked(self, root: str) -> str:
        """Finds something where the root row under this alias is of a customer asked for."""
        lookup, found = self._found(root)
        return f"SELECT 1 FROM {self._ids}{lookup} WHERE {found}"  # noqa: S608 - names are quoted

    def _found(self, root: str) -> tuple[str, str]:
        rules = self._rules
        column = self._catalog.relations[rules.store.schema_name, rules.customer_table].columns[rules.customer_column]

        def is_customer(alias: str) -> str:
            return self._words.is_customer(f"{alias}.{quote(column.name)}", column, rules.customer.type)

        return looked_up(rules, self._catalog, self.join, is_customer, root)


def _keys(level: Level) -> str:
    return ", ".join(level.staged_key())


def _create(words: Words, name: str, level: Level, printed: Mapping[str, str]) -> str:
    columns = level.relation.columns
    typed = level.typed_key(words)
    typed += [f"{each} {words.print_type}" for each in printed]
    typed += [f"n{number} {words.type_of(columns[column])}" for number, column in enumerate(level.drawn)]
    return f"CREATE TEMPORARY TABLE {name} (ord {words.ord_type}, {', '.join(typed)})"


def _elsewhere(rules: Rules, catalog: Catalog, path: Sequence[Level], picked: str) -> Sequence[str]:
    """Conditions one of which is true where somebody else needs a row of the last level, if it is shared."""

    def of_batch(root: str) -> str:
        return f"SELECT 1 FROM {picked} AS b WHERE {path[0].by_key(root, 'b')}"  # noqa: S608 - names are quoted

    return list(referred_to(rules, catalog, path[-1].table, "c", of_batch)) if path[-1].found else []


def _stage(words: Words, path: Sequence[Level], picked: str, elsewhere: Sequence[str]) -> Stage:
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
        shared=shared_rows(words, path, elsewhere) if level.found else None,
        fill=_fill(words, path, picked, printed, elsewhere),
        change=change,
        counts=statement(f"SELECT ord, count(*) FROM {level.staged} GROUP BY ord"),  # noqa: S608
        violations=violations,
        left=statement(_left(words, level)) if level.rules.deletes else None,
        places=places,
    )


def _fill(
    words: Words, path: Sequence[Level], picked: str, printed: Mapping[str, str], elsewhere: Sequence[str]
) -> TextClause:
    level = path[-1]
    drawn = {f"n{number}": fresh_uuid(words) for number, _ in enumerate(level.drawn)}
    columns = ", ".join(["ord", *level.staged_key(), *printed, *drawn])
    cells = ", ".join(["s.ord", *(f"c.{quote(column)}" for column in level.key), *printed.values(), *drawn.values()])
    if level.found:
        rows = (
            f"SELECT {cells} FROM {level.found} AS s {words.join} {level.relation.sql} AS c "  # noqa: S608 - as above
            f"ON {level.by_key('c', 's')} WHERE {unshared(elsewhere)}"
        )
        return statement(f"INSERT INTO {level.staged} ({columns}) {rows}")
    if len(path) == 1:
        rows = f"SELECT {cells} FROM {picked} AS s {words.join} {level.relation.sql} AS c ON {level.by_key('c', 's')}"  # noqa: S608
    else:
        parent = path[-2]
        # distinct: two rows of a customer may lead to one and the same row
        rows = (
            f"SELECT DISTINCT {cells} FROM {parent.staged} AS s "  # noqa: S608 - names are quoted
            f"{words.join} {parent.relation.sql} AS p ON {parent.by_key('p', 's')} "
            f"{words.join} {level.relation.sql} AS c ON {level.by_join('c', 'p')}"
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


def _alone(rules: Rules, catalog: Catalog, path: Sequence[Level], of_batch: Callable[[str], str]) -> Sequence[str]:
    """Conditions under which nobody else needs the rows on the way down."""
    return [
        unshared(referred_to(rules, catalog, level.table, f"t{depth}", of_batch))
        for depth, level in enumerate(path)
        if level.found
    ]


def _count(find: _Finder, path: Sequence[Level], alone: Sequence[str]) -> str:
    last, alias = path[-1], f"t{len(path) - 1}"
    joins = "".join(
        f" {find.join} {level.relation.sql} AS t{depth} ON {level.by_join(f't{depth}', f't{depth - 1}')}"
        for depth, level in enumerate(path)
        if depth > 0
    )
    where = " AND ".join([each for each in (find.flag, *alone) if each])
    rows = f"SELECT min(k.ord) AS ord {find.source()}{joins}{f' WHERE {where}' if where else ''} "
    rows += f"GROUP BY {listed(last.key, alias)}"
    return f"SELECT ord, count(*) FROM ({rows}) AS counted GROUP BY ord"  # noqa: S608 - names are quoted
