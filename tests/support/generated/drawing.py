"""Draws a tree of tables and rules for it. Most of it fits; what does not is for pre-flight to find."""

import random
from collections.abc import Sequence

from tests.support.generated.ddl import TYPES, quote
from tests.support.generated.model import NUMBER, Column, Reference, Schema, Table
from tests.support.generated.strategies import TEXTS, fresh_strategy, strategy_for

TABLE_NAMES = (
    "customers", "Order", "select", "User Data", "group", "Ünïts", "a:b", "50%", "Table", "ORDERS", "it's",
    "t0", "k", "changed", "x" * 60,
)  # fmt: skip
COLUMN_NAMES = (
    "id", "Name", "from", "to", "e-mail", "Straße", "100%", "x:y", 'na"me', "select", "ORDER", "a b", "$1", "what?",
    "back\\slash", "k0", "ord", "c", "s", "others", "f0", "n0", "v0", "rowid", "old", "relation", "Key", "user", "it's",
    "id2", "a", "b", "cc", "d", "value", "{{customers}}", "%s", "status", "y" * 60,
)  # fmt: skip
KEYS = ("int", "big", "varchar")


class Drawing:
    """One schema of one seed. Chances are out of a hundred."""

    def __init__(self, dialect: str, seed: int) -> None:
        self.random = random.Random(f"{dialect} {seed}")
        self.dialect, self.seed = dialect, seed
        self.names = self.random.sample(TABLE_NAMES, len(TABLE_NAMES))
        self._columns: dict[str, list[str]] = {}
        self.customer: Column | None = None

    def chance(self, percent: int) -> bool:
        """Whether it happens this time."""
        return self.random.randrange(100) < percent

    def schema(self) -> Schema:
        """The schema with its rules, without rows."""
        root = self._table()
        customer = self.customer = self._customer(root)
        schema = Schema(self.dialect, self.seed, [root], customer.name, self._customer_type(customer))
        schema.has_ledger = self.chance(75)
        schema.ledger_is_there = self.chance(70)
        if not schema.has_ledger or self.chance(50):
            self._flag(root)
        for _ in range(self.random.choice((0, 1, 2, 2, 3, 4))):
            schema.tables.append(self._child(schema))
        self._words(schema)
        for table in schema.tables:
            self._cells(table)
        self._hazards(schema)
        self._since(schema)
        return schema

    def _words(self, schema: Schema) -> None:
        """What the rules say of shared tables, which takes a flag."""
        for table in schema.tables:
            if table.shared and not table.deletes and self.chance(75):
                table.keeps_shared = True
                if not schema.root.flag:
                    self._flag(schema.root)

    def name(self, table: Table) -> str:
        """A column's name that the table does not have yet, whatever its case."""
        waiting = self._columns.setdefault(table.name, self.random.sample(COLUMN_NAMES, len(COLUMN_NAMES)))
        taken = {each.name.lower() for each in table.columns}
        return next(each for each in waiting if each.lower() not in taken)

    def _add(self, table: Table, kind: str, **how: object) -> Column:
        size = self.random.choice((45, 60, 80)) if kind in {"varchar", "char", "latin", "binary"} else 0
        return table.put(Column(self.name(table), kind, size, **how))  # type: ignore[arg-type]  # the caller's words

    def _table(self) -> Table:
        table = Table(self.names.pop(), [Column(NUMBER, "int", nullable=False)], rowid=not self.chance(15))
        size = self.random.choice((1, 1, 2, 3))
        table.key = tuple(self._add(table, self.random.choice(KEYS), nullable=False).name for _ in range(size))
        table.named_key = table.key
        table.is_indexed = self.chance(75)
        return table

    def _customer(self, root: Table) -> Column:
        if len(root.key) == 1 and self.chance(30):
            return root[root.key[0]]
        kinds = ["varchar", "int", *(["uuid"] if "uuid" in TYPES[self.dialect] else ["nocase"])]
        column = self._add(root, self.random.choice(kinds), nullable=self.chance(20))
        if self.chance(30):
            root.uniques.append((column.name,))
        if column.kind in {"varchar", "uuid"} and self.chance(20):
            column.strategy = "unique_token"
        return column

    def _customer_type(self, customer: Column) -> str:
        return {"uuid": "uuid", "int": "integer", "big": "integer"}.get(customer.kind, "text")

    def _flag(self, root: Table) -> None:
        root.flag_is_there = self.chance(75)
        column = self._add(root, "bool", nullable=self.chance(20), default="DEFAULT false")
        root.flag = column.name

    def _child(self, schema: Schema) -> Table:
        parent = self.random.choice([each for each in schema.tables if not each.deletes])
        child = self._table()
        child.parent = parent
        how = self.random.choice(("key", "key", "key", "unique", "customer", "group", "looked up", "looked up"))
        if how == "customer" and schema.customer not in parent.masked and self._carries(schema, parent):
            self._joined(child, parent, [self._carries(schema, parent)])
        elif how == "unique":
            column = self._add(parent, self.random.choice(KEYS), nullable=self.chance(30))
            parent.uniques.append((column.name,))
            self._joined(child, parent, [column.name])
        elif how in {"group", "looked up"} and self.chance(75 if how == "looked up" else 30):
            self._shared(child, parent, looked_up=how == "looked up")
        else:
            self._joined(child, parent, list(parent.key))
        if self.chance(25):
            child.deletes = True
        if child.deletes or self.chance(30):
            child.named_key = ()
        return child

    def _carries(self, schema: Schema, table: Table) -> str:
        """The column of the table that holds the customer id; empty where it has none."""
        if table is schema.root:
            return schema.customer
        above = self._carries(schema, table.parent) if table.parent else ""
        return next((own for own, theirs in table.join.items() if theirs == above), "")

    def _joined(self, child: Table, parent: Table, theirs: Sequence[str]) -> None:
        for name in theirs:
            source = parent[name]
            own = child.put(Column(self.name(child), source.kind, source.size, nullable=self.chance(40)))
            child.join[own.name] = name
        unique = tuple(theirs) == parent.key or tuple(theirs) in parent.uniques
        child.join_is_foreign = unique and self.chance(60)
        child.join_is_written = not child.join_is_foreign or self.chance(50)

    def _shared(self, child: Table, parent: Table, *, looked_up: bool) -> None:
        """Rows that hang on what several parents may have in common: a group of theirs, or an address they point to."""
        theirs = self._add(parent, "int", nullable=self.chance(50))
        if looked_up:
            child.columns = [each for each in child.columns if each.name not in child.key]
            own = child.put(Column(self.name(child), "int", nullable=False))
            child.key = child.named_key = (own.name,)
            if self.chance(90):
                parent.references.append(Reference((theirs.name,), child))
        else:
            own = child.put(Column(self.name(child), "int", nullable=self.chance(50)))
        child.join = {own.name: theirs.name}
        child.shared = True

    def _cells(self, table: Table) -> None:
        for _ in range(self.random.randrange(2, 7)):
            column = self._add(table, self.random.choice([*TYPES[self.dialect]]), nullable=self.chance(65))
            column.filled = column.nullable and self.chance(20)
            masked = self.chance(75) and (column.kind != "checked" or self.chance(5))
            column.strategy = strategy_for(self.random, column, self.dialect) if masked else None
        if self.chance(45):
            self._unique(table)
        if self.chance(35) and not table.deletes and not table.token:
            self._token(table)
        if self.chance(35 if not table.deletes else 5) and not table.shared:
            self._self_reference(table)
        if self.chance(15) and table.parent is not None:
            self._second_reference(table)
        if self.chance(25):
            self._generated(table)
        if not table.is_indexed:
            table.accepts_scan = self.chance(30)

    def _unique(self, table: Table) -> None:
        """A column that is NOT NULL and unique, alone or beside one that stays."""
        column = self._add(table, self.random.choice(("varchar", "text", "varchar")), nullable=self.chance(25))
        if not table.deletes:
            column.strategy = (
                fresh_strategy(self.random) if self.chance(85) else strategy_for(self.random, column, self.dialect)
            )
        beside = [self._add(table, "int", nullable=False).name] if self.chance(30) else []
        table.uniques.append((column.name, *beside))

    def _token(self, table: Table) -> None:
        column = self._add(table, "varchar", nullable=False)
        column.strategy = self.random.choice(("zeros", "redact", {"static": "gone"}, "empty"))
        is_uuid = self.dialect == "postgresql"
        token = self._add(
            table, "uuid" if is_uuid else "varchar", nullable=is_uuid, default="" if is_uuid else "DEFAULT ''"
        )
        table.token, table.token_with = token.name, (column.name,)
        table.token_is_there = self.chance(50)
        if not table.token_is_there or self.chance(20):
            table.uniques.append((column.name,))

    def _self_reference(self, table: Table) -> None:
        own = []
        nullable = self.chance(80)
        for name in table.key:
            column = table.put(Column(self.name(table), table[name].kind, table[name].size, nullable=nullable))
            own.append(column)
        if nullable and not table.deletes and self.chance(30):
            own[0].strategy = "set_null"
        table.references.append(Reference(tuple(each.name for each in own), table, self._action(nullable=nullable)))

    def _second_reference(self, table: Table) -> None:
        parent = table.parent
        assert parent is not None
        own = [table.put(Column(self.name(table), parent[name].kind, parent[name].size)).name for name in parent.key]
        table.references.append(Reference(tuple(own), parent, self._action(nullable=True)))

    def _action(self, *, nullable: bool) -> str:
        return self.random.choice(("", "", "ON DELETE CASCADE", "ON DELETE SET NULL" if nullable else ""))

    def _generated(self, table: Table) -> None:
        referring = {name for each in table.references for name in each.columns}
        spared = {*table.key, *table.own, *table.join, *referring, NUMBER}
        kinds = {*TEXTS, "int"} - {"char"}
        plain = [each for each in table.columns if each.kind in kinds and not each.of and each.name not in spared]
        if not plain:
            return
        unique = [each for each in plain if self._is_unique(table, each.name)]
        source = self.random.choice(unique if unique and self.chance(50) else plain)
        kind = "int" if source.kind == "int" else self.random.choice(("text", "varchar"))
        may_be_null = source.nullable and not source.filled
        column = self._add(table, kind, nullable=may_be_null or self.chance(50), of=source.name)
        column.size = max(column.size, source.size) if self.chance(60) else column.size
        if kind != "int" and self.chance(50) and self._is_unique(table, source.name) and source is not self.customer:
            # the ids of two customers differ in case only
            table.uniques.append((column.name,))

    def _is_unique(self, table: Table, name: str) -> bool:
        return (name,) in [*table.uniques, table.key]

    def _hazards(self, schema: Schema) -> None:
        """What would fail or leak, now and then."""
        table = self.random.choice(schema.tables)
        changing = [*table.masked]
        if self.chance(4):
            schema.unmapped = (table, self._add(table, "text").name)
        if self.chance(10):
            self._referring(schema, table)
        if not changing:
            return
        name = self.random.choice(changing)
        if self.chance(8):
            table.extras.append(self._check(table, name))
        if self.chance(6):
            table.extras.append(self._trigger(table))
        if self.chance(8) and table[name].kind in {"varchar", "int"} and self.dialect != "mariadb":
            table.extras.append(
                f"CREATE UNIQUE INDEX part ON {quote(table.name)} ({quote(name)}) WHERE {quote(NUMBER)} < 0"
            )

    def _since(self, schema: Schema) -> None:
        """A time, of two tables at most, by which newer rows are left alone."""
        chosen = random.Random(f"since {self.dialect} {self.seed}")  # of its own: older seeds draw what they drew
        may = [each for each in schema.tables if schema.changes_at_or_below(each)] if chosen.random() < 0.5 else []
        if any(each.keeps_shared for each in schema.tables):
            may = may[:1] if may[:1] == [schema.root] else []
        for table in chosen.sample(may, min(len(may), chosen.choice((1, 2)))):
            kind = chosen.choice(("date", "time", *(["instant"] if "instant" in TYPES[self.dialect] else [])))
            column = self._add(table, kind, nullable=chosen.random() < 0.7)
            column.strategy = {"truncate": "month"} if chosen.random() < 0.2 else None
            table.since = column.name

    def _referring(self, schema: Schema, target: Table) -> None:
        other = Table(self.names.pop(), [Column(NUMBER, "int", nullable=False)], key=(NUMBER,))
        own = [other.put(Column(self.name(other), target[name].kind, target[name].size)).name for name in target.key]
        other.references.append(Reference(tuple(own), target, self._action(nullable=True)))
        schema.others.append(other)

    def _check(self, table: Table, column: str) -> str:
        condition = f"{quote(column)} IS NULL OR {quote(NUMBER)} >= 0"
        if self.dialect == "sqlite":  # which adds no constraint to a table that is there
            return f"CREATE UNIQUE INDEX expressed ON {quote(table.name)} (({condition}), {quote(NUMBER)})"
        return f"ALTER TABLE {quote(table.name)} ADD CONSTRAINT some_check CHECK ({condition})"

    def _trigger(self, table: Table) -> str:
        happens = self.random.choice(("UPDATE", "DELETE", "INSERT"))
        on = f"AFTER {happens} ON {quote(table.name)}"
        if self.dialect == "postgresql":
            return f"CREATE TRIGGER noticed {on} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"
        if self.dialect == "mariadb":
            return f"CREATE TRIGGER noticed {on} FOR EACH ROW SET @noticed = 1"
        return f"CREATE TRIGGER noticed {on} BEGIN SELECT 1; END"


def draw(dialect: str, seed: int) -> Schema:
    """The schema of this seed: the same each time."""
    return Drawing(dialect, seed).schema()
