"""The statements of one service, made once from its rules and the live schema.

Children are rewritten before their parents and the root last, so that every join still meets the old values. The
number of statements of a batch is the number of tables, never of customers.

Which rows of a shared table nobody else needs is decided once, under their locks, and remembered by their places: what
is below such a table starts from there.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import TextClause

from consumers.domain.errors import PermanentError
from consumers.stores.rules.model import Rules
from consumers.stores.sql.catalog import Catalog
from consumers.stores.sql.expressions import fresh_uuid, rewritten
from consumers.stores.sql.links import looked_up
from consumers.stores.sql.names import listed, quote, statement
from consumers.stores.sql.reaching import (
    Level,
    ancestors,
    by_place,
    decisions,
    join_condition,
    joined,
    joins,
    key_condition,
    left_alone,
    locked_rows,
    path_to,
    taken,
)
from consumers.stores.sql.sharing import is_shared, nobody_else, referred_to, unshared
from consumers.stores.sql.unmet import Unmet, unmet_of
from consumers.stores.sql.verification import SPARED, Check, Verification, masked, verification_of

_ID_TYPES = {"integer": "bigint", "uuid": "uuid"}  # bigint also meets smaller and larger integer columns


# numbers of rows, each with the customers who have so many: most have as many as others
_COUNTED = "SELECT n, array_agg(ord) FROM (SELECT ord, count(*) AS n FROM changed GROUP BY ord) AS counted GROUP BY n"


class Lock(NamedTuple):
    """Locks rows of a table. Of a shared one: ordinals of customers `refused`, then who gets which row, `decided`."""

    table: str
    rows: TextClause
    refused: TextClause | None
    decided: TextClause | None


class Plan(NamedTuple):
    """`lock_root` gives (ord, key columns as text); the others take those back as `ord` and `k0`, `k1` and so on.

    `creates` are temporary tables. `verifications` are those of tables with rows rewritten; `left` counts rows where
    all must have been deleted. `taken` are the locked rows that are not newer than the command, `spared` ordinals of
    customers with rows below them that are; their rows get no flag, so that their next command takes all of them.
    """

    lock_root: TextClause
    taken: TextClause | None
    spared: Sequence[TextClause]
    creates: Sequence[str]
    lock_children: Sequence[Lock]
    rewrites: Sequence[tuple[str, TextClause]]
    verifications: Mapping[str, Verification]
    left: Mapping[str, TextClause]
    counts: Sequence[tuple[str, TextClause]]
    unflagged: TextClause | None
    key_size: int
    unmet: Sequence[Unmet]
    reopen: TextClause | None


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
    paths = [path_to(rules, catalog, table) for table in rules.tables]
    shared = [path[-1].decided for path in paths if path[-1].decided]
    shallow_first = sorted(paths, key=len)
    find = _Finder(rules, catalog, shallow_first[0][0])
    changing = [path for path in reversed(shallow_first) if path[-1].changes]
    newer = [path for path in shallow_first[1:] if path[-1].rules.since and find.flag]
    verifications = {
        path[-1].table: verification_of(number, path[-1].rules, path[-1].relation, _flag(newer, "v"))
        for number, path in enumerate(changing)
        if not path[-1].rules.deletes
    }
    return Plan(
        lock_root=statement(find.lock()),
        taken=_taken(shallow_first[0][0]),
        spared=[statement(f"SELECT DISTINCT k.ord FROM {left_alone(path)}") for path in newer],  # noqa: S608
        creates=[*map(decisions, shared), *(each.create for each in verifications.values())],
        lock_children=[_lock(rules, catalog, path) for path in shallow_first[1:]],
        rewrites=[
            (path[-1].table, _rewrite(path, verifications.get(path[-1].table), _flag(newer, "old")))
            for path in changing
        ],
        verifications=verifications,
        left={path[-1].table: statement(_lock_child(path)) for path in changing if path[-1].rules.deletes},
        counts=[
            (path[-1].table, statement(_count(find, path, nobody_else(rules, catalog, path[-1].table, find.asked))))
            for path in shallow_first
            if path[-1].changes
        ],
        unflagged=statement(find.unflagged()) if find.flag else None,
        key_size=len(shallow_first[0][0].rules.key),
        unmet=[
            _unmet(find, path, nobody_else(rules, catalog, path[-1].table))
            for path in shallow_first
            if path[-1].rules.mask or path[-1].rules.deletes
        ],
        reopen=statement(find.reopen()) if find.flag else None,
    )


def _flag(newer: Sequence[Any], alias: str) -> str:
    """What the flag of a row becomes; `alias` knows whose it is."""
    return f"NOT {alias}.ord = ANY(CAST({{{{{SPARED}}}}} AS bigint[]))" if newer else "true"


def _taken(root: Level) -> TextClause | None:
    if not root.rules.since:
        return None
    key = ", ".join(f"CAST(k.k{number} AS text)" for number, _ in enumerate(root.rules.key))
    rows = f"{locked_rows(root)} JOIN {root.relation.sql} AS t0 ON {key_condition(root, 't0')}"
    return statement(f"SELECT k.ord, {key} FROM {rows}{taken(root, 't0')}")  # noqa: S608 - names are quoted


class _Finder:
    """Finds unflagged root rows by customer id; `ord` counts the ids from 1."""

    def __init__(self, rules: Rules, catalog: Catalog, root: Level) -> None:
        self._root = root
        self._rules, self._catalog = rules, catalog
        customer = catalog.relations[rules.store.schema_name, rules.customer_table].columns[rules.customer_column]
        id_type = _ID_TYPES.get(rules.customer.type, customer.type)
        self._ids = f"unnest(CAST(CAST({{{{customers}}}} AS text[]) AS {id_type}[])) WITH ORDINALITY AS k(id, ord)"
        self._column = quote(customer.name)
        self.flag = f"t0.{quote(root.rules.flag)} IS NOT TRUE" if root.rules.flag else ""

    def source(self) -> str:
        """FROM … JOIN the root as t0."""
        lookup, found = self._found("t0")
        return f"FROM {self._ids}{lookup} JOIN {self._root.relation.sql} AS t0 ON {found}"

    def asked(self, root: str) -> str:
        """Finds something where the root row under this alias is of a customer asked for."""
        lookup, found = self._found(root)
        return f"SELECT 1 FROM {self._ids}{lookup} WHERE {found}"  # noqa: S608 - names are quoted

    def _found(self, root: str) -> tuple[str, str]:
        return looked_up(self._rules, self._catalog, "JOIN", lambda alias: f"{alias}.{self._column} = k.id", root)

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
        table, (lookup, found) = f"{self._root.relation.sql} AS t0", self._found("t0")
        return f"UPDATE {table} SET {flag} FROM {self._ids}{lookup} WHERE {found} AND {self.done()}"  # noqa: S608


def _lock(rules: Rules, catalog: Catalog, path: Sequence[Level]) -> Lock:
    last, alias = path[-1], f"t{len(path) - 1}"
    if not last.decided:
        return Lock(last.table, statement(_lock_child(path)), None, None)

    def of_batch(root: str) -> str:
        return f"SELECT 1 FROM {locked_rows(path[0])} WHERE {key_condition(path[0], root)}"  # noqa: S608

    # statements of their own: only what begins once the rows are locked sees every reference made before
    elsewhere = list(referred_to(rules, catalog, last.table, alias, of_batch))
    refused = f"SELECT DISTINCT k.ord FROM {joined(path)} WHERE {is_shared(elsewhere)}"  # noqa: S608 - names are quoted
    decided = (
        f"INSERT INTO {last.decided} SELECT min(k.ord), {alias}.tableoid, {alias}.ctid FROM {joined(path)} "  # noqa: S608
        f"WHERE {unshared(elsewhere)} GROUP BY {alias}.tableoid, {alias}.ctid"
    )
    return Lock(
        last.table,
        statement(_lock_child(path)),
        statement(refused) if last.rules.shared == "refuse" else None,
        statement(decided),
    )


def _lock_child(path: Sequence[Level]) -> str:
    last, alias = path[-1], f"t{len(path) - 1}"
    order = listed(last.rules.key or last.relation.primary_key, alias) or f"{alias}.ctid"
    rows = f"SELECT 1 FROM {joined(path)} ORDER BY {order} FOR UPDATE OF {alias}"  # noqa: S608 - names are quoted
    return f"SELECT count(*) FROM ({rows}) AS locked"  # noqa: S608 - names are quoted


def _rewrite(path: Sequence[Level], verification: Verification | None, flag: str) -> TextClause:
    last = path[-1]
    source, condition = locked_rows(path[0]), key_condition(path[0], "c")
    if last.decided:
        source, condition = f"{last.decided} AS k", by_place("c")
    elif len(path) > 1:
        source, condition = ancestors(path), join_condition(last, "c", f"t{len(path) - 2}") + taken(last, "c")
    if verification is None:
        changed = f"DELETE FROM {last.relation.sql} AS c USING {source} WHERE {condition} RETURNING k.ord"  # noqa: S608
        return statement(f"WITH changed AS ({changed}) {_COUNTED}")
    assignments, parameters = _assignments(last, flag)
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


def _assignments(level: Level, flag: str) -> tuple[str, dict[str, Any]]:
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
        made.append(f"{quote(level.rules.flag)} = {flag}")
    return ", ".join(made), parameters


def _count(find: _Finder, path: Sequence[Level], alone: Sequence[str]) -> str:
    alias = f"t{len(path) - 1}"
    where = " AND ".join([each for each in (find.flag, *alone) if each])
    rows = (
        f"SELECT min(k.ord) AS ord {find.source()}{joins(path)}{f' WHERE {where}' if where else ''} "
        f"GROUP BY {alias}.tableoid, {alias}.ctid"
    )
    return f"SELECT ord, count(*) FROM ({rows}) AS counted GROUP BY ord"  # noqa: S608 - names are quoted


def _unmet(find: _Finder, path: Sequence[Level], alone: Sequence[str]) -> Unmet:
    level, alias = path[-1], f"t{len(path) - 1}"
    rows = f"count(DISTINCT ({alias}.tableoid, {alias}.ctid))"
    found = [Check("rows", "true")] if level.rules.deletes else list(masked(level.rules, level.relation, alias))
    counts = ", ".join(f"{rows} FILTER (WHERE {each.wrong})" for each in found)
    anything = " OR ".join(each.wrong for each in found)
    where = " AND ".join([find.done(), *alone, f"({anything})"])
    return unmet_of(
        level.table, f"SELECT k.ord, {counts} {find.source()}{joins(path)} WHERE {where} GROUP BY k.ord", found
    )
