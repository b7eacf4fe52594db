"""A table of people to be anonymized, narrow or as wide as real ones, on PostgreSQL and MariaDB."""

from collections.abc import Sequence
from typing import NamedTuple

from consumers.stores import SqlStore
from tests.support.other_databases import OtherDatabase
from tests.support.sql_store import Database

TABLE = "CREATE TABLE people (customer_id varchar(40) PRIMARY KEY, {}, anonymized boolean NOT NULL DEFAULT false)"
RULES = """
version: 1
service: crm
purpose: marketing
store: {{kind: sql, url: "${{CRM_URL}}", schema: {schema}, statement_timeout: 5min}}
customer: {{type: text, column: customer_id}}
ledger: {{schema: {ledger}}}
tables:
  people:
    key: [customer_id]
    flag: anonymized
    mask: {{{mask}}}
    keep:
      not personal: [{kept}]
"""


class Width(NamedTuple):
    """Columns behind the customer id, a person's values, the rules of each column, and what a bare UPDATE does."""

    columns: str
    values: str
    mask: str
    kept: str
    update: str


NARROW = Width(
    columns="name varchar(80) NOT NULL, email varchar(120) UNIQUE, segment varchar(20)",
    values="'Name of {id}', '{id}@example.invalid', 'north'",
    mask="name: {static: Anonymized}, email: {unique_email: {domain: anonymized.invalid}}",
    kept="segment",
    update="name = 'Anonymized', email = <email>",
)
WIDE = Width(
    columns="personal_number varchar(12) NOT NULL, name varchar(80) NOT NULL, email varchar(120) UNIQUE, "
    "phone varchar(20), street varchar(120), birth_date date, remark varchar(200), "
    "postcode varchar(10), segment varchar(20), balance numeric(12, 2), created timestamp NULL",
    values="'198005171234', 'Name of {id}', '{id}@example.invalid', '+46 70 123 45 67', 'Storgatan 17, 2 tr', "
    "'1980-05-17', 'called about {id}', '123 45', 'north', 1234.50, '2020-01-02 03:04:05'",
    mask="personal_number: zeros, name: {static: Anonymized}, "
    "email: {unique_email: {domain: anonymized.invalid}}, phone: set_null, street: set_null, "
    "birth_date: {truncate: year}, remark: redact",
    kept="postcode, segment, balance, created",
    update="personal_number = repeat('0', char_length(personal_number)), name = 'Anonymized', email = <email>, "
    "phone = NULL, street = NULL, birth_date = <year>, remark = <redacted>",
)
WIDTHS = {"narrow": NARROW, "12 columns": WIDE}
POSTGRESQL = {
    "<email>": "replace(CAST(gen_random_uuid() AS text), '-', '') || '@anonymized.invalid'",
    "<year>": "date_trunc('year', birth_date)",
    "<redacted>": r"regexp_replace(remark, '[^\x01-/:-@[-`{-\x7f]', 'X', 'g')",
}
MARIADB = {
    "<email>": "concat(lower(hex(random_bytes(16))), '@anonymized.invalid')",
    "<year>": "date_format(birth_date, '%Y-01-01')",
    "<redacted>": r"regexp_replace(remark, '[^\\x01-/:-@[-`{-\\x7f]', 'X')",
}


class People:
    """One database with such a table; `ids` are in it."""

    def __init__(self, database: Database | OtherDatabase, width: Width, ids: Sequence[str]) -> None:
        self.postgresql = isinstance(database, Database)
        self.database, self._width, self._ids = database, width, ids
        schema = "public" if self.postgresql else database.name
        self._ledger = "lapse" if self.postgresql else database.name
        self._rules = RULES.format(schema=schema, ledger=self._ledger, mask=width.mask, kept=width.kept)
        self._rows = [f"('{each}', {width.values.format(id=each)}, false)" for each in ids]

    def store(self) -> SqlStore:
        """A store over the table."""
        store = self.database.opened(SqlStore(self.database.rules(self._rules)))
        store.create_ledger()
        assert store.preflight() == []
        return store

    def fill(self) -> None:
        """Everybody as they were, an empty ledger."""
        self.database.run(f"TRUNCATE TABLE {self._ledger}.lapse_ledger")
        self.database.run("TRUNCATE TABLE people")
        for first in range(0, len(self._rows), 2_000):
            self.database.run(f"INSERT INTO people VALUES {', '.join(self._rows[first : first + 2_000])}")
        self.database.run("ANALYZE people" if self.postgresql else "ANALYZE TABLE people")

    def update(self, ids: Sequence[str]) -> str:
        """The bare statement that does to these people what the rules say, not verified."""
        sets = self._width.update
        for name, written in (POSTGRESQL if self.postgresql else MARIADB).items():
            sets = sets.replace(name, written)
        listed = ", ".join(f"'{each}'" for each in ids)
        return f"UPDATE people SET {sets}, anonymized = true WHERE customer_id IN ({listed}) AND NOT anonymized"
