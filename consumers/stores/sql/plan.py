"""The statements of one service, made once from its rules and the live schema.

Children are rewritten before their parents and the root last, so that every join still meets the old values. The
number of statements of a batch is the number of tables, never of customers.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import TextClause

from consumers.domain.errors import PermanentError
from consumers.stores.rules.model import Rules, Table
from consumers.stores.sql.catalog import Catalog, Column, Relation
from consumers.stores.sql.expressions import fresh_uuid, rewritten
from consumers.stores.sql.links import resolve_join
from consumers.stores.sql.names import listed, quote, statement
from consumers.stores.sql.unmet import Unmet, unmet_of
from consumers.stores.sql.verification import Check, Verification, masked, verification_of

_ID_TYPES = {"integer": "bigint", "uuid": "uuid"}  # bigint also meets smaller and larger integer columns


_COUNTED = "SELECT ord, count(*) FROM changed GROUP BY ord"


class Plan(NamedTuple):
    """`lock_root` gives (ord, key columns as text); the others take those back as `ord` and `k0`, `k1` and so on.

    `verifications` are those of tables with rows rewritten; `left` counts rows where all must have been deleted.
    """

    lock_root: TextClause
    lock_children: Sequence[TextClause]
    rewrites: Sequence[tuple[str, TextClause]]
    verifications: Mapping[str, Verification]
    left: Mapping[str, TextClause]
    counts: Sequence[tuple[str, TextClause]]
    unflagged: TextClause | None
    key_size: int
    unmet: Sequence[Unmet]
    reopen: TextClause | None


class _Level(NamedTuple):
    table: str
    rules: Table
    relation: Relation
    join: Mapping[str, str]  # child column: parent column; empty for the root


def plan_for(rules: Rules, catalog: Catalog) -> Plan:
    """Build every statement.

    Raises:
        PermanentError: the schema lacks what the rules name; pre-flight says what.
    """
    try:
        return _plan(rules, catalog)
    except KeyError:
        failure = PermanentError("the database does not match the rules; run pre-flight", code="preflight")
    raise failure


def _plan(rules: Rules, catalog: Catalog) -> Plan:
    paths = [_path(rules, catalog, table) for table in rules.tables]
    shallow_first = sorted(paths, key=len)
    customer = shallow_first[0][0].relation.columns[rules.customer_column]
    find = _Finder(rules, shallow_first[0][0], customer)
    changing = [path for path in reversed(shallow_first) if _changes(path[-1].rules)]
    verifications = {
        path[-1].table: verification_of(number, path[-1].rules, path[-1].relation)
        for number, path in enumerate(changing)
        if not path[-1].rules.deletes
    }
    return Plan(
        lock_root=statement(find.lock()),
        lock_children=[statement(_lock_child(path)) for path in shallow_first[1:]],
        rewrites=[(path[-1].table, _rewrite(path, verifications.get(path[-1].table))) for path in changing],
        verifications=verifications,
        left={path[-1].table: statement(_lock_child(path)) for path in changing if path[-1].rules.deletes},
        counts=[(path[-1].table, statement(_count(find, path))) for path in shallow_first if _changes(path[-1].rules)],
        unflagged=statement(find.unflagged()) if find.flag else None,
        key_size=len(shallow_first[0][0].rules.key),
        unmet=[_unmet(find, path) for path in shallow_first if path[-1].rules.mask or path[-1].rules.deletes],
        reopen=statement(find.reopen()) if find.flag else None,
    )


def _path(rules: Rules, catalog: Catalog, table: str) -> list[_Level]:
    path = []
    for name in rules.lineage(table):
        relation = catalog.relations[rules.store.schema_name, name]
        join = resolve_join(rules, catalog, name) if rules.tables[name].parent else {}
        path.append(_Level(name, rules.tables[name], relation, join or {}))
    return path


class _Finder:
    """Finds unflagged root rows by customer id; `ord` counts the ids from 1."""

    def __init__(self, rules: Rules, root: _Level, customer: Column) -> None:
        self._root = root
        id_type = _ID_TYPES.get(rules.customer.type, customer.type)
        self._ids = f"unnest(CAST(CAST({{{{customers}}}} AS text[]) AS {id_type}[])) WITH ORDINALITY AS k(id, ord)"
        self._customer = f"t0.{quote(customer.name)}"
        self.flag = f"t0.{quote(root.rules.flag)} IS NOT TRUE" if root.rules.flag else ""

    def source(self) -> str:
        """FROM … JOIN the root as t0."""
        return f"FROM {self._ids} JOIN {self._root.relation.sql} AS t0 ON {self._customer} = k.id"

    def where(self) -> str:
        """The condition for rows not anonymized yet."""
        return f" WHERE {self.flag}" if self.flag else ""

    def lock(self) -> str:
        """Lock in the order of the key."""
        key = self._root.rules.key
        as_text = ", ".join(f"CAST(t0.{quote(column)} AS text)" for column in key)
        order = listed(key, "t0")
        return f"SELECT k.ord, {as_text} {self.source()}{self.where()} ORDER BY {order} FOR UPDATE OF t0"

    def unflagged(self) -> str:
        """Which ids have rows not anonymized yet."""
        return f"SELECT DISTINCT k.ord {self.source()}{self.where()}"

    def done(self) -> str:
        """The condition for rows that count as anonymized."""
        return f"NOT ({self.flag})" if self.flag else "true"

    def reopen(self) -> str:
        """Clear the flags that are set."""
        flag = f"{quote(self._root.rules.flag or '')} = false"
        table = f"{self._root.relation.sql} AS t0"
        return f"UPDATE {table} SET {flag} FROM {self._ids} WHERE {self._customer} = k.id AND {self.done()}"  # noqa: S608


def _changes(table: Table) -> bool:
    return bool(table.deletes or table.mask or table.token or table.flag)


def _locked_rows(root: _Level) -> str:
    arrays = ", ".join(
        f"CAST(CAST({{{{k{number}}}}} AS text[]) AS {root.relation.columns[column].type}[])"
        for number, column in enumerate(root.rules.key)
    )
    names = ", ".join(f"k{number}" for number in range(len(root.rules.key)))
    return f"unnest(CAST({{{{ord}}}} AS bigint[]), {arrays}) AS k(ord, {names})"


def _key_condition(root: _Level, alias: str) -> str:
    return " AND ".join(f"{alias}.{quote(column)} = k.k{number}" for number, column in enumerate(root.rules.key))


def _join_condition(level: _Level, alias: str, parent: str) -> str:
    return " AND ".join(f"{alias}.{quote(own)} = {parent}.{quote(theirs)}" for own, theirs in level.join.items())


def _joins(path: Sequence[_Level]) -> str:
    """JOINs of the levels below the root, which is t0 already."""
    return "".join(
        f" JOIN {level.relation.sql} AS t{depth} ON {_join_condition(level, f't{depth}', f't{depth - 1}')}"
        for depth, level in enumerate(path)
        if depth > 0
    )


def _ancestors(path: Sequence[_Level]) -> str:
    """The locked root rows joined down to the parent of the last level."""
    root = path[0]
    return f"{_locked_rows(root)} JOIN {root.relation.sql} AS t0 ON {_key_condition(root, 't0')}{_joins(path[:-1])}"


def _lock_child(path: Sequence[_Level]) -> str:
    last, alias = path[-1], f"t{len(path) - 1}"
    order = listed(last.rules.key or last.relation.primary_key, alias) or f"{alias}.ctid"
    joined = f"{_ancestors(path)} JOIN {last.relation.sql} AS {alias} ON "
    joined += _join_condition(last, alias, f"t{len(path) - 2}")
    rows = f"SELECT 1 FROM {joined} ORDER BY {order} FOR UPDATE OF {alias}"  # noqa: S608 - names are quoted
    return f"SELECT count(*) FROM ({rows}) AS locked"  # noqa: S608 - names are quoted


def _rewrite(path: Sequence[_Level], verification: Verification | None) -> TextClause:
    last = path[-1]
    source, condition = _locked_rows(path[0]), _key_condition(path[0], "c")
    if len(path) > 1:
        source, condition = _ancestors(path), _join_condition(last, "c", f"t{len(path) - 2}")
    if verification is None:
        changed = f"DELETE FROM {last.relation.sql} AS c USING {source} WHERE {condition} RETURNING k.ord"  # noqa: S608
        return statement(f"WITH changed AS ({changed}) {_COUNTED}")
    assignments, parameters = _assignments(last)
    old = (
        f"SELECT k.ord, c.ctid AS id, c.tableoid AS relation, {verification.fingerprints} "  # noqa: S608 - names are quoted
        f"FROM {source} JOIN {last.relation.sql} AS c ON {condition}"
    )
    changed = (
        f"UPDATE {last.relation.sql} AS c SET {assignments} FROM old "  # noqa: S608 - names are quoted
        "WHERE c.tableoid = old.relation AND c.ctid = old.id "
        f"RETURNING old.ord, c.tableoid AS relation, c.ctid AS id, {verification.recorded}"
    )
    recorded = f"WITH old AS ({old}), changed AS ({changed}), recorded AS ({verification.insert}) {_COUNTED}"
    return statement(recorded, **parameters)


def _assignments(level: _Level) -> tuple[str, dict[str, Any]]:
    columns = level.relation.columns
    made: list[str] = []
    parameters: dict[str, Any] = {}
    for number, (name, strategy) in enumerate(level.rules.mask.items()):
        new = rewritten(strategy, columns[name], "c", f"v{number}")
        made.append(f"{quote(name)} = {new.sql}")
        parameters.update(new.parameters)
    if level.rules.token:
        made.append(f"{quote(level.rules.token.column)} = {fresh_uuid(columns[level.rules.token.column])}")
    if level.rules.flag:
        made.append(f"{quote(level.rules.flag)} = true")
    return ", ".join(made), parameters


def _count(find: _Finder, path: Sequence[_Level]) -> str:
    alias = f"t{len(path) - 1}"
    rows = f"count(DISTINCT ({alias}.tableoid, {alias}.ctid))"
    return f"SELECT k.ord, {rows} {find.source()}{_joins(path)}{find.where()} GROUP BY k.ord"


def _unmet(find: _Finder, path: Sequence[_Level]) -> Unmet:
    level, alias = path[-1], f"t{len(path) - 1}"
    rows = f"count(DISTINCT ({alias}.tableoid, {alias}.ctid))"
    found = [Check("rows", "true")] if level.rules.deletes else list(masked(level.rules, level.relation, alias))
    counts = ", ".join(f"{rows} FILTER (WHERE {each.wrong})" for each in found)
    anything = " OR ".join(each.wrong for each in found)
    where = f"WHERE {find.done()} AND ({anything}) GROUP BY k.ord"
    return unmet_of(level.table, f"SELECT k.ord, {counts} {find.source()}{_joins(path)} {where}", found)
