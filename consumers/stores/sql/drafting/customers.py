"""Which table holds the customers, and which of its columns the customer id."""

import re
from collections.abc import Iterator

from consumers.domain.errors import PermanentError
from consumers.stores.sql.catalog import Catalog, Column, Relation, TableName
from consumers.stores.sql.drafting.reach import parents
from consumers.stores.sql.preflight.customer import BASES

_WORDS = (
    "customer|client|consumer|person|people|user|member|patient|subscriber|borrower|debtor|policy_?holder|insured|guest|"
    "tenant|student|applicant|kund|kunder|personer|kunde|kunden"
)
_CALLED_SO = re.compile(rf"({_WORDS})s?", re.IGNORECASE)
_ID = re.compile(r"lapse_?id|customer_?(id|no|nr|number)|client_?(id|no|nr|number)|kundn(r|ummer)", re.IGNORECASE)
_SHOWN = 10
TABLES = {"r", "p", "h"}


def mappable(catalog: Catalog, schema: str) -> dict[TableName, Relation]:
    """The tables of a schema that rules can name; a partition is part of the table it belongs to."""
    return {
        name: each
        for name, each in catalog.relations.items()
        if name[0] == schema and each.kind in TABLES and not each.partition
    }


def customer_table(catalog: Catalog, schema: str, named: str | None) -> tuple[Relation, list[str]]:
    """The customers' table and others it might have been: the one named, else the likeliest.

    Likeliest is which is called as customers are, and reached from most tables by foreign keys.

    Raises:
        PermanentError: there is none of this name, none that is likelier than all others, or none at all.
    """
    tables = mappable(catalog, schema)
    if not tables:
        raise PermanentError(f"the role of --url sees no table in the schema {schema}; name another one with --schema")
    if named is not None:
        if (schema, named) not in tables:
            raise PermanentError(f"there is no table {named} in the schema {schema}, but {_listed(tables)}")
        return tables[schema, named], []
    ranked = sorted(((*_rank(catalog, each), each[1]) for each in tables), key=lambda each: (-each[0], -each[1], each))
    likely = [each for each in ranked if each[0]]
    if not likely or (len(likely) > 1 and likely[0][:2] == likely[1][:2]):
        raise PermanentError(_undecided([each[2] for each in likely], ranked))
    return tables[schema, likely[0][2]], [each[2] for each in likely[1:]]


def customer_column(table: Relation, named: str | None) -> str:
    """The column of the customer id: the one named, else one called so, else the only key column.

    Raises:
        PermanentError: there is none of this name, or nothing says which it is.
    """
    if named is not None:
        if named not in table.columns:
            raise PermanentError(f"there is no column {named} in {table.name}, but {', '.join(table.columns)}")
        return named
    called_so = [name for name in table.columns if _ID.fullmatch(name)]
    if len(called_so) == 1:
        return called_so[0]
    if len(table.primary_key) == 1:
        return table.primary_key[0]
    raise PermanentError(
        f"which column of {table.name} holds the customer id? Name it with --customer-column: "
        + ", ".join(name for name, column in table.columns.items() if any(_types(column)))
    )


def customer_type(column: Column, *, uuids: bool) -> str:
    """The type of ids in a column as rules name it; text where none fits. Without `uuids` those are text."""
    return next((kind for kind in _types(column) if uuids or kind != "uuid"), "text")


def _types(column: Column) -> Iterator[str]:
    return (kind for kind, bases in BASES.items() if column.base in bases)


def _rank(catalog: Catalog, table: TableName) -> tuple[int, int]:
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", table[1])
    if _CALLED_SO.fullmatch(name):
        called = 2
    else:
        called = int(any(_CALLED_SO.fullmatch(word) for word in re.split(r"[^A-Za-z]+", name)))
    return called, len(parents(catalog, table))


def _undecided(likely: list[str], ranked: list[tuple[int, int, str]]) -> str:
    if likely:
        return f"which table holds the customers? Name it with --customer-table: {', '.join(likely[:_SHOWN])}"
    most = sorted(ranked, key=lambda each: -each[1])[:_SHOWN]
    told = ", ".join(f"{name} (referred to by {reach})" for _, reach, name in most)
    return f"no table is called as customers are. Name theirs with --customer-table: {told}"


def _listed(tables: dict[TableName, Relation]) -> str:
    names = sorted(name for _, name in tables)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
