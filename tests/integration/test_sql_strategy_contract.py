"""What each strategy declares of types, NULL, length and repetition, held against a database of each kind."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from consumers.stores.rules.declared import FAMILIES, Family
from consumers.stores.rules.strategies import DECLARED, AnyStrategy
from consumers.stores.rules.urls import Backend
from tests.support.other_databases import OtherDatabase, new_mariadb, new_sqlite
from tests.support.sql_store import RULES, Database, new_database, task

pytestmark = pytest.mark.integration
TYPES: Mapping[Backend, Mapping[Family, str]] = {
    "postgresql": {
        "text": "varchar(80)",
        "whole": "integer",
        "numeric": "numeric(12, 2)",
        "float": "double precision",
        "date": "date",
        "uuid": "uuid",
        "enum": "mood",
        "boolean": "boolean",
        "json": "jsonb",
        "other": "bytea",
    },
    "mariadb": {
        "text": "varchar(80)",
        "whole": "int",
        "numeric": "decimal(12, 2)",
        "float": "double",
        "date": "date",
        "uuid": "uuid",
        "enum": "enum('good', 'OTHER')",
        "boolean": "boolean",
        "json": "JSON",
        "other": "blob",
    },
    "sqlite": {
        "text": "varchar(80)",
        "whole": "integer",
        "numeric": "decimal(12, 2)",
        "float": "double",
        "date": "date",
        "uuid": "uuid",
        "boolean": "boolean",
        "json": "JSON",
        "other": "blob",
    },
}
UUID = "01234567-89ab-4def-8123-456789abcdef"
VALUES = {
    "text": "'CANARY value'",
    "whole": "1234",
    "numeric": "1234.5",
    "float": "12.5",
    "date": "'1980-05-17'",
    "uuid": f"'{UUID}'",
    "enum": "'good'",
    "boolean": "false",
    "json": """'{"a": 1, "b": 2}'""",
    "other": "NULL",
}
STATIC = {"whole": "7", "numeric": "7", "float": "7.5", "date": "2000-02-29", "uuid": UUID, "boolean": "true"}
FORMS = {
    "unique_email": "{unique_email: {domain: a.example}}",
    "template": '{template: "Customer {token}"}',
    "bucket": "{bucket: {size: 10}}",
    "json": "{json: {remove: [$.a], other_paths: keep}}",
    "hash": "{hash: {accept_reversible: for the test}}",
    "partial_mask": "{partial_mask: {characters: 4, accept_reversible: for the test}}",
}
Pair = tuple[str, Family]


def form(kind: str, family: str) -> str:
    if kind == "static":
        return f"{{static: {STATIC.get(family, 'OTHER')}}}"
    if kind == "truncate":
        return "{truncate: {characters: 2}}" if family == "text" else "{truncate: year}"
    return FORMS.get(kind, kind)


class Cells:
    """A table `cells` with a column for every strategy on every family of types the database has."""

    def __init__(self, backend: Backend, database: Database | OtherDatabase, schema: str) -> None:
        self.families = TYPES[backend]
        self.pairs = [(kind, family) for kind in DECLARED for family in self.families]
        self.fitting = [(k, f) for k, f in self.pairs if f in DECLARED[k].types[backend]]
        self.database, self.schema = database, schema
        columns = [f"{kind}_{family} {self.families[family]}" for kind, family in self.pairs]
        own = "id varchar(64) PRIMARY KEY, done boolean NOT NULL DEFAULT false"
        database.run(f"CREATE TABLE cells ({', '.join([own, *columns])})")

    def rules(self, masked: list[Pair]) -> str:
        """Rules that mask these columns and keep the others."""
        mask = "".join(f"      {kind}_{family}: {form(kind, family)}\n" for kind, family in masked)
        kept = ", ".join(f"{kind}_{family}" for kind, family in self.pairs if (kind, family) not in masked)
        head = RULES[: RULES.index("customer:")].replace("schema: crm", f"schema: {self.schema}")
        keep = f"    keep:\n      not the subject: [{kept}]\n" if kept else ""
        return (
            f"{head}customer: {{type: text}}\nledger: {{schema: {self.schema}}}\n"
            f"tables:\n  cells:\n    flag: done\n    key: [id]\n{keep}    mask:\n{mask}"
        )

    def add(self, customer: str, *, null: bool) -> None:
        """A row with the old values, or with none."""
        values = ["NULL" if null else value_of(pair) for pair in self.pairs]
        names = ", ".join(f"{kind}_{family}" for kind, family in self.pairs)
        self.database.run(f"INSERT INTO cells (id, {names}) VALUES ('{customer}', {', '.join(values)})")

    def found(self, customer: str) -> dict[Pair, Any]:
        """What the cells hold, by strategy and family."""
        names = ", ".join(f"{kind}_{family}" for kind, family in self.pairs)
        [row] = self.database.rows(f"SELECT {names} FROM cells WHERE id = '{customer}'")
        return dict(zip(self.pairs, row, strict=True))


def value_of(pair: Pair) -> str:
    return VALUES["json" if pair == ("json", "text") else pair[1]]


@pytest.fixture(scope="module", params=list(TYPES))
def cells(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cells]:
    folder: Path = tmp_path_factory.mktemp("rules")
    if request.param == "postgresql":
        mood = "CREATE TYPE mood AS ENUM ('good', 'OTHER')"
        with new_database(request.getfixturevalue("postgres"), folder, mood) as database:
            yield Cells(request.param, database, "public")
    elif request.param == "mariadb":
        with new_mariadb(request.getfixturevalue("mariadb"), folder, "") as other:
            yield Cells(request.param, other, other.name)
    else:
        with new_sqlite(folder, "") as file:
            yield Cells(request.param, file, "main")


def test_every_strategy_is_declared_on_families_there_are() -> None:
    assert all(declared.types.keys() == TYPES.keys() for declared in DECLARED.values())
    assert set(TYPES["postgresql"]) == FAMILIES


def test_preflight_takes_a_strategy_on_the_types_it_declares_and_no_other(cells: Cells) -> None:
    found = cells.database.store(cells.rules(cells.pairs)).preflight()

    refused = {each.place.removeprefix("tables.cells.mask.") for each in found}
    assert {each.code for each in found} <= {"type_mismatch", "enum_member"}
    assert refused == {f"{kind}_{family}" for kind, family in set(cells.pairs) - set(cells.fitting)}


def test_cells_are_what_their_strategy_declares(cells: Cells) -> None:
    store = cells.database.store(cells.rules(cells.fitting))
    assert store.preflight() == []
    for customer, null in (("one", False), ("other", False), ("none", True)):
        cells.add(customer, null=null)
    old = cells.found("one")

    assert [each.outcome for each in store.anonymize([task("one"), task("other"), task("none")])] == ["DONE"] * 3
    one, other, none = (cells.found(customer) for customer in ("one", "other", "none"))
    for pair in cells.fitting:
        declared = DECLARED[pair[0]]
        assert (none[pair] is None) == (declared.null == "stays"), pair
        assert (one[pair] == other[pair]) == declared.repeats == (not declared.unique), pair
        assert not declared.differs or one[pair] != old[pair], pair
        assert one[pair] is not None or pair[0] == "set_null" or pair[1] == "other", pair
    for kind, strategy in masked(cells).items():
        assert not strategy.longest or len(one[kind, "text"]) == strategy.longest, kind


def masked(cells: Cells) -> Mapping[str, AnyStrategy]:
    mask = cells.database.rules(cells.rules(cells.fitting)).tables["cells"].mask
    return {name.removesuffix("_text"): each for name, each in mask.items() if name.endswith("_text")}
