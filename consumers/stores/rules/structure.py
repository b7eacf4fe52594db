"""What must hold between the parts of a rules file, before any database is asked."""

from collections import Counter
from collections.abc import Iterator

from consumers.domain.work import Finding
from consumers.stores.rules.model import Lookup, Rules, Table


def problems(rules: Rules) -> list[Finding]:
    """Everything in the file that contradicts itself. The tree of tables comes first: the rest builds on it."""
    tree = list(_tree(rules))
    if tree:
        return tree
    found = [*_root(rules), *_customer(rules), *_ignore(rules), *_sqlite(rules)]
    for name, table in rules.tables.items():
        found += [*_child(rules, name, table), *_shared(rules, name, table), *_deletion(name, table)]
        found += _since(rules, name, table)
        found += _columns(rules, name, table)
    return found


def _sqlite(rules: Rules) -> Iterator[Finding]:
    """What a SQLite file does not have."""
    if rules.store.backend != "sqlite":
        return
    places = {"store.schema": rules.store.schema_name}
    if rules.ledger is not None:
        places["ledger.schema"] = rules.ledger.schema_name
    for place, schema in places.items():
        if schema != "main":
            yield Finding("schema", place, "a SQLite file has one schema, called main.", "write main.")
    if rules.customer.type == "uuid":
        repair = "write text: ids are compared as they are written."
        yield Finding("customer_type", "customer.type", "SQLite has no type for UUIDs.", repair)


def _tree(rules: Rules) -> Iterator[Finding]:
    roots = [name for name, table in rules.tables.items() if table.parent is None]
    if len(roots) != 1:
        yield Finding(
            "root",
            "tables",
            f"{len(roots)} tables have no parent; one must, and it holds the customer id.",
            "give every other table a parent and a join.",
        )
    for name, table in rules.tables.items():
        if table.parent is not None and table.parent not in rules.tables:
            yield Finding("parent", f"tables.{name}.parent", "this table is not in the file.", "name a mapped table.")
        elif _circular(rules, name):
            yield Finding("parent", f"tables.{name}.parent", "its parents go in a circle.", "hang it below the root.")


def _circular(rules: Rules, name: str) -> bool:
    seen: set[str] = set()
    current: str | None = name
    while current is not None and current in rules.tables:
        if current in seen:
            return True
        seen.add(current)
        current = rules.tables[current].parent
    return False


def _root(rules: Rules) -> Iterator[Finding]:
    place, root = f"tables.{rules.root}", rules.tables[rules.root]
    if not root.key:
        yield Finding("key", f"{place}.key", "the root table needs its key.", "name the primary key: key: [id].")
    if root.join is not None:
        yield Finding("join", f"{place}.join", "the root table has no parent to join.", "take it out.")
    if root.deletes and rules.ledger is None:
        message = "once its rows are gone only a ledger tells that they were."
        yield Finding("ledger", "ledger", message, "write ledger: {schema: NAME}, or mask the rows.")
    elif rules.ledger is None and root.flag is None:
        yield Finding(
            "flag", f"{place}.flag", "without a ledger only a flag tells what is done.", "name a boolean column."
        )


def _customer(rules: Rules) -> Iterator[Finding]:
    root = rules.tables[rules.root]
    if rules.customer.lookup is not None:
        yield from _lookup(rules, rules.customer.lookup)
        return
    if rules.customer.column is None and len(root.key) != 1:
        yield Finding(
            "customer_column",
            "customer.column",
            "the root table's key is not one column, so it cannot be the customer id.",
            "name the column of the root table that holds the customer id.",
        )
        return
    strategy = root.mask.get(rules.customer_column)
    if strategy is not None and strategy.kind != "unique_token":
        yield Finding(
            "customer_column",
            f"tables.{rules.root}.mask.{rules.customer_column}",
            "the customer id can only be replaced by a fresh token.",
            "write unique_token, or keep the column with a reason.",
        )


def _lookup(rules: Rules, lookup: Lookup) -> Iterator[Finding]:
    place = "customer.lookup.table"
    if rules.customer.column is not None:
        message = "the customer id stands in the root table or is looked up, not both."
        yield Finding("customer_column", "customer.column", message, "leave one of column and lookup.")
    if lookup.table == rules.root:
        message = "the root table need not be looked up in."
        yield Finding("lookup", place, message, "write column: NAME instead of the lookup.")
    elif lookup.table not in {*rules.tables, *rules.ignored}:
        message = f"nobody has said what happens to {lookup.table}, which tells whose a row was."
        repair = f"map it below {rules.root}, as rows: delete or masked, or ignore it with a reason."
        yield Finding("unmapped_table", place, message, repair)


def _child(rules: Rules, name: str, table: Table) -> Iterator[Finding]:
    if table.parent is not None and table.flag is not None:
        yield Finding(
            "not_available",
            f"tables.{name}.flag",
            "a flag on a child table is not available yet.",
            f"keep the flag on {rules.root}; its children follow it.",
        )


def _shared(rules: Rules, name: str, table: Table) -> Iterator[Finding]:
    if table.shared is None:
        return
    place, root = f"tables.{name}.shared", rules.tables[rules.root]
    if table.parent is None:
        yield Finding("shared", place, "a row of the root table is one customer's.", "take it out.")
        return
    if table.deletes:
        message = "customers anonymized before still refer to its rows, so they cannot be deleted."
        yield Finding("shared", place, message, "mask its columns instead of rows: delete.")
    if root.flag is None:
        message = "only a flag tells which of the customers that share a row are anonymized already."
        yield Finding("flag", place, message, f"name a boolean column of {rules.root}: flag: NAME.")


def _since(rules: Rules, name: str, table: Table) -> Iterator[Finding]:
    if table.since is None:
        return
    place, above = f"tables.{name}.since", rules.lineage(name)[:-1]
    for each in (each for each in above if rules.tables[each].deletes):
        message = f"rows of {each} are deleted, and one that is left alone would still refer to them."
        yield Finding("since", place, message, f"write since for {each}, or take it out.")
    for each in (each for each, its in rules.tables.items() if its.shared and above):
        message = f"a row that is left alone may refer to rows of {each}, which are shared and would be masked."
        yield Finding("since", place, message, f"write since for {rules.root} alone, or take it out.")
    if not any(rules.tables[each].changes for each in rules.below(name)):
        message = f"nothing of {name} is masked or deleted, nor of what is below it."
        yield Finding("since", place, message, "take it out.")
    if table.since in table.mask and table.mask[table.since].kind == "static":
        message = f"with one time for all, {table.since} may tell of rows masked before that they are newer."
        yield Finding("since", f"tables.{name}.mask.{table.since}", message, "keep it, or use another strategy.")


def _deletion(name: str, table: Table) -> Iterator[Finding]:
    if table.deletes and (table.mask or table.keep or table.token or table.flag):
        message = "rows are deleted, so no column can be masked, kept or set."
        yield Finding("rows", f"tables.{name}.rows", message, "choose one.")


def _columns(rules: Rules, name: str, table: Table) -> Iterator[Finding]:
    mentioned = Counter([*table.mask, *table.kept])
    mentioned.update(column for column in (table.flag, table.token and table.token.column) if column)
    mentioned.update(column for column in table.key if not _replaced_key(rules, name, column))
    for column, times in mentioned.items():
        if times > 1:
            yield Finding(
                "column_twice", f"tables.{name}", f"the column {column} is given {times} roles.", "leave it one."
            )


def _replaced_key(rules: Rules, name: str, column: str) -> bool:
    found = name == rules.customer_table == rules.root and column == rules.customer_column
    return found and column in rules.tables[name].mask


def _ignore(rules: Rules) -> Iterator[Finding]:
    for name in sorted(rules.ignored & set(rules.tables)):
        yield Finding("ignore", "ignore", f"{name} is both mapped and ignored.", "leave it in one place.")
