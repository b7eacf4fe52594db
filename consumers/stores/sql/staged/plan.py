"""The statements of one service on a database without places of rows, made once from its rules and the live schema.

Rows are staged from the root down, before anything changes, and rewritten from the leaves up. The number of statements
of a batch is the number of tables, never of customers.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import TextClause

from consumers.domain.errors import PermanentError
from consumers.stores.rules.model import Rules
from consumers.stores.sql.catalog import Catalog
from consumers.stores.sql.names import listed, quote, statement
from consumers.stores.sql.sharing import nobody_else, referred_to, unshared
from consumers.stores.sql.staged.expressions import fresh_uuid, rewritten
from consumers.stores.sql.staged.finding import Finder
from consumers.stores.sql.staged.levels import PICKED, Level, levels_of
from consumers.stores.sql.staged.shared import Shared, shared_rows
from consumers.stores.sql.staged.since import COMMITTED, committed, flag_of, knowing, picked_rows, spared, taken
from consumers.stores.sql.staged.verification import Check, checks, masked, prints
from consumers.stores.sql.staged.words import Words
from consumers.stores.sql.unmet import Unmet, unmet_of


class Stage(NamedTuple):
    """One table of the batch. `change` and what follows is None where rows are only passed through to their children.

    `shared` comes before `fill`. `places` name the columns of `violations`, behind the customer's ordinal;
    `left` counts rows that had to go. `spared`: ordinals of customers with rows here that are newer than the command.
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
    spared: TextClause | None


class StagedPlan(NamedTuple):
    """`stages` from the root down. `lock` and `unflagged` take `customers`.

    `kept` is `lock`'s ordinals, joined by commas. `taken`: ordinals with a root row that is not newer than their
    command, once the first stage is filled. `reopen` picks, as `lock` does, the root rows whose flag is set, and clears
    it.
    """

    drop_picked: str
    create_picked: str
    lock: TextClause
    kept: TextClause
    forget: TextClause
    taken: TextClause | None
    stages: Sequence[Stage]
    counts: Sequence[tuple[str, TextClause]]
    unflagged: TextClause | None
    unmet: Sequence[Unmet]
    reopen: Sequence[TextClause]


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
    find = Finder(words, rules, catalog, root)
    needed = [path for path in paths if path[-1].changes or path[-1].table in parents]
    return StagedPlan(
        drop_picked=f"{words.drop} IF EXISTS {picked}",
        create_picked=_create(words, picked, root, {}),
        lock=statement(_pick(words, picked, root, f"{find.source()}{find.where()}")),
        kept=statement(f"SELECT group_concat(ord) FROM (SELECT DISTINCT ord FROM {picked}) AS kept"),  # noqa: S608
        forget=statement(f"DELETE FROM {picked} WHERE ord = {{{{ord}}}}"),  # noqa: S608
        taken=statement(f"SELECT DISTINCT ord FROM {root.staged}") if root.rules.since else None,  # noqa: S608
        stages=[_stage(words, path, picked, _elsewhere(rules, catalog, path)) for path in needed],
        counts=[
            (
                path[-1].table,
                statement(_count(words, find, path, nobody_else(rules, catalog, path[-1].table, find.asked))),
            )
            for path in paths
            if path[-1].changes
        ],
        unflagged=statement(f"SELECT DISTINCT k.ord {find.source()}{find.where()}") if root.rules.flag else None,
        unmet=[
            _unmet(words, find, path, nobody_else(rules, catalog, path[-1].table))
            for path in paths
            if path[-1].rules.mask or path[-1].rules.deletes
        ],
        reopen=_reopen(words, find, picked, root) if root.rules.flag else (),
    )


def _pick(words: Words, picked: str, root: Level, found: str) -> str:
    return f"INSERT INTO {picked} (ord, {_keys(root)}) SELECT k.ord, {listed(root.key, 't0')} {found}{words.lock}"


def _reopen(words: Words, find: Finder, picked: str, root: Level) -> list[TextClause]:
    sets = [(root.rules.flag or "", "FALSE"), *_as_it_was(root, {root.rules.flag})]
    change = words.update(root.relation, picked, root.by_key("c", "s"), sets)
    return [statement(_pick(words, picked, root, f"{find.source()} WHERE {find.done()}")), statement(change)]


def _keys(level: Level) -> str:
    return ", ".join(level.staged_key())


def _create(words: Words, name: str, level: Level, printed: Mapping[str, str]) -> str:
    columns = level.relation.columns
    typed = [f"{COMMITTED} {words.ord_type}"] if level.carries else []
    typed += level.typed_key(words)
    typed += [f"{each} {words.print_type}" for each in printed]
    typed += [f"n{number} {words.type_of(columns[column])}" for number, column in enumerate(level.drawn)]
    return f"CREATE TEMPORARY TABLE {name} (ord {words.ord_type}, {', '.join(typed)})"


def _elsewhere(rules: Rules, catalog: Catalog, path: Sequence[Level]) -> Sequence[str]:
    """Conditions one of which is true where somebody else needs a row of the last level, if it is shared."""

    def of_batch(root: str) -> str:
        return f"SELECT 1 FROM {path[0].staged} AS b WHERE {path[0].by_key(root, 'b')}"  # noqa: S608 - names are quoted

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
        counts=statement(_counted(level.staged)),
        violations=violations,
        left=statement(_left(words, level)) if level.rules.deletes else None,
        places=places,
        spared=spared(words, path),
    )


def _counted(staged: str) -> str:
    """Numbers of rows, each with the customers who have so many: drivers take long over a row for each customer."""
    each = f"SELECT ord, count(*) AS n FROM {staged} GROUP BY ord"  # noqa: S608 - names are quoted
    return f"SELECT n, group_concat(ord) FROM ({each}) AS counted GROUP BY n"  # noqa: S608


def _fill(
    words: Words, path: Sequence[Level], picked: str, printed: Mapping[str, str], elsewhere: Sequence[str]
) -> TextClause:
    level = path[-1]
    drawn = {f"n{number}": fresh_uuid(words) for number, _ in enumerate(level.drawn)}
    staged = {COMMITTED: committed(level)} if level.carries else {}
    staged |= dict(zip(level.staged_key(), (f"c.{quote(column)}" for column in level.key), strict=True))
    columns = ", ".join(["ord", *staged, *printed, *drawn])
    cells = ", ".join(["s.ord", *staged.values(), *printed.values(), *drawn.values()])
    if level.found:
        rows = (
            f"SELECT {cells} FROM {level.found} AS s {words.join} {level.relation.sql} AS c "  # noqa: S608 - as above
            f"ON {level.by_key('c', 's')} WHERE {unshared(elsewhere)}"
        )
        return statement(f"INSERT INTO {level.staged} ({columns}) {rows}")
    if len(path) == 1:
        rows = f"SELECT {cells} FROM {picked_rows(words, level, picked)} "  # noqa: S608 - names are quoted
        rows += f"{words.join} {level.relation.sql} AS c ON {level.by_key('c', 's')}"
    else:
        parent = path[-2]
        # distinct: two rows of a customer may lead to one and the same row
        rows = (
            f"SELECT DISTINCT {cells} FROM {parent.staged} AS s "  # noqa: S608 - names are quoted
            f"{words.join} {parent.relation.sql} AS p ON {parent.by_key('p', 's')} "
            f"{words.join} {level.relation.sql} AS c ON {level.by_join(words, 'c', 'p')}"
        )
    return statement(f"INSERT INTO {level.staged} ({columns}) {rows}{taken(words, level)}{words.lock}")


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
        sets.append((rules.flag, flag_of(level)))
    sets += _as_it_was(level, {name for name, _ in sets})
    change = words.update(level.relation, level.staged, level.by_key("c", "s"), sets)
    return knowing(level, statement(change, **parameters))


def _as_it_was(level: Level, written: Collection[str | None]) -> list[tuple[str, str]]:
    """What the database would set with every change."""
    columns = level.relation.columns.items()
    return [(name, f"c.{quote(name)}") for name, each in columns if each.on_update and name not in written]


def _violations(level: Level, found: Sequence[Any]) -> TextClause:
    wrong = ", ".join(f"max({each.wrong})" for each in found)
    anything = " OR ".join(f"({each.wrong})" for each in found)
    sql = (
        f"SELECT s.ord, {wrong} FROM {level.staged} AS s LEFT JOIN {level.relation.sql} AS c "  # noqa: S608
        f"ON {level.by_key('c', 's', renewed=True)} WHERE {anything} GROUP BY s.ord ORDER BY s.ord LIMIT 1"
    )
    values = {name: value for each in found for name, value in each.parameters.items()}
    return knowing(level, statement(sql, **values))


def _left(words: Words, level: Level) -> str:
    rows = f"FROM {level.staged} AS s {words.join} {level.relation.sql} AS c ON {level.by_key('c', 's')}"
    return f"SELECT count(*) {rows}"


def _count(words: Words, find: Finder, path: Sequence[Level], alone: Sequence[str]) -> str:
    last, alias = path[-1], f"t{len(path) - 1}"
    where = " AND ".join([each for each in (find.flag, *alone) if each]) or "TRUE"
    rows = f"SELECT min(k.ord) AS ord {find.source()}{_joins(words, find, path)} WHERE {where} "
    rows += f"GROUP BY {listed(last.key, alias)}"
    return f"SELECT ord, count(*) FROM ({rows}) AS counted GROUP BY ord"  # noqa: S608 - names are quoted


def _joins(words: Words, find: Finder, path: Sequence[Level]) -> str:
    """JOINs of the levels below the root, which is t0 already."""
    return "".join(
        f" {find.join} {level.relation.sql} AS t{depth} ON {level.by_join(words, f't{depth}', f't{depth - 1}')}"
        for depth, level in enumerate(path)
        if depth > 0
    )


def _unmet(words: Words, find: Finder, path: Sequence[Level], alone: Sequence[str]) -> Unmet:
    level, alias = path[-1], f"t{len(path) - 1}"
    found = [Check("rows", "TRUE")] if level.rules.deletes else list(masked(words, level, alias))
    wrong = {f"w{number}": each.wrong for number, each in enumerate(found)}
    cells = ["k.ord AS ord", *(f"{alias}.{quote(column)} AS k{number}" for number, column in enumerate(level.key))]
    cells += [f"({condition}) AS {name}" for name, condition in wrong.items()]
    where = " AND ".join([each for each in (find.done(), *alone) if each]) or "TRUE"
    rows = f"SELECT DISTINCT {', '.join(cells)} {find.source()}{_joins(words, find, path)} WHERE {where}"
    counts, anything = ", ".join(f"sum({name})" for name in wrong), " OR ".join(wrong)
    sql = f"SELECT ord, {counts} FROM ({rows}) AS looked WHERE {anything} GROUP BY ord"  # noqa: S608 - names are quoted
    return unmet_of(level.table, sql, found)
