"""A schema that is altered while a service runs: no further batch is carried out until pre-flight has looked again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consumers.domain.errors import LapseError, TransientError
from consumers.runtime.loop import Loop
from consumers.stores import SqlStore
from tests.support import other_databases, sql_store
from tests.support.other_databases import OtherDatabase, new_other
from tests.support.sql_store import Database, new_database, task
from tests.support.world import PURPOSE, World, closed

pytestmark = pytest.mark.integration
MINUTE = 60_000_000
COLUMN = "ALTER TABLE {}customers ADD COLUMN nickname varchar(40)"
ALTERED: dict[str, str | dict[str, str]] = {
    "a column": COLUMN,
    "a column renamed": "ALTER TABLE {}orders RENAME COLUMN address TO street",
    "a unique index": "CREATE UNIQUE INDEX one_status ON {}customers (status, id)",
    "an index dropped": {
        "crm.": "DROP INDEX crm.notes_customer_idx",
        "mariadb": "DROP INDEX customer_id ON customers",
        "sqlite": "DROP INDEX customers_by_id",
    },
    "a reference": {
        "crm.": "CREATE TABLE crm.cards (id int PRIMARY KEY, owner bigint REFERENCES crm.customers (id))",
        "other": "ALTER TABLE orders ADD COLUMN friend bigint REFERENCES customers (id)",
    },
    "a trigger": {
        "crm.": "CREATE TRIGGER t BEFORE UPDATE ON crm.customers FOR EACH ROW "
        "EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "mariadb": "CREATE TRIGGER t BEFORE UPDATE ON customers FOR EACH ROW SET @a = 1",
        "sqlite": "CREATE TRIGGER t AFTER UPDATE ON customers BEGIN SELECT 1; END",
    },
}
Any_ = Database | OtherDatabase


@pytest.fixture(params=["postgres", "mariadb", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any_]:
    if request.param == "postgres":
        with new_database(request.getfixturevalue("postgres"), tmp_path) as made:
            yield made
        return
    with new_other(request, tmp_path) as other:
        yield other


def add(database: Any_, *numbers: int) -> None:
    if isinstance(database, Database):
        sql_store.add_customers(database, numbers)
    else:
        other_databases.add_customers(database, numbers)


def schema_of(database: Any_) -> str:
    return "crm." if isinstance(database, Database) else ""


def alter(database: Any_, what: str) -> None:
    schema, written = schema_of(database), ALTERED[what]
    if isinstance(written, dict):
        kind = schema or ("sqlite" if "sqlite" in database.url else "mariadb")
        written = written.get(kind, written.get("other", ""))
    database.run(written.format(schema, schema))


class Service:
    """The role `anonymizer` of one service over a real store; everything else is in memory."""

    def __init__(self, store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = World(("crm",))
        stores: dict[str, Any] = {"crm": store}
        monkeypatch.setattr(self.world, "stores", stores)
        self.loop: Loop = self.world.loop("crm")

    def due(self, customer: str) -> None:
        """A command for this customer is sent."""
        self.world.publish(closed(customer))
        self.world.run("state")
        self.world.request_tick()
        self.world.run("ticker")

    def steps(self, number: int) -> None:
        for _ in range(number):
            self.loop.step()


def test_a_column_added_while_it_runs_stops_the_service_at_the_next_batch(
    database: Any_, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(database, 1, 2)
    service = Service(database.store(), monkeypatch)
    service.due("c1")
    service.steps(4)
    assert service.world.outcomes() == ["DONE"]
    started = service.world.clock.now()

    database.run(COLUMN.format(schema_of(database)))
    before = database.snapshot()
    service.due("c2")
    service.steps(2)

    # within the minute after which it would have looked in any case
    assert service.world.clock.now() - started < MINUTE
    assert database.snapshot() == before
    command = service.world.item("c2").of(PURPOSE).command
    assert command is not None
    assert (command.phase, service.world.outcomes()) == ("ISSUED", ["DONE"])
    assert service.world.healths["crm"].waiting_for == "RulesRefusedError"

    database.run(f"ALTER TABLE {schema_of(database)}customers DROP COLUMN nickname")
    service.steps(40)
    assert service.world.outcomes() == ["DONE", "DONE"]
    assert service.world.records("dead-letters") == []


def test_nothing_is_written_before_pre_flight_passes(database: Any_, monkeypatch: pytest.MonkeyPatch) -> None:
    add(database, 1)
    store = database.store()
    database.run(COLUMN.format(schema_of(database)))
    ledger = "lapse.lapse_ledger" if isinstance(database, Database) else "lapse_ledger"
    before = database.snapshot()
    service = Service(store, monkeypatch)
    service.due("c1")
    with pytest.raises(TransientError):
        service.loop._handler.assigned([])
    service.steps(40)
    assert database.snapshot() == before
    assert database.rows(f"SELECT count(*) FROM {ledger}") == [(0,)]
    assert service.world.outcomes() == []


@pytest.mark.parametrize("what", ALTERED)
def test_a_batch_on_tables_that_are_altered_is_rolled_back_until_pre_flight_has_looked(
    database: Any_, what: str
) -> None:
    add(database, 1, 2)
    store = database.store()
    assert store.preflight() == []
    database.run(f"CREATE TABLE {schema_of(database)}unrelated (id int PRIMARY KEY)")
    assert store.altered() is (schema_of(database) == "" and "sqlite" in database.url)  # a file counts every change
    assert store.preflight() == []
    store.anonymize([task("c1")])
    assert not store.altered()

    alter(database, what)
    before = database.snapshot()

    assert store.altered()
    with pytest.raises(LapseError) as refused:
        store.anonymize([task("c2")])
    # a name that is gone is told by the database, before the end of the batch
    assert refused.value.code == "schema_altered" or what == "a column renamed"
    assert database.snapshot() == before


@pytest.mark.parametrize(
    "own",
    [
        "CREATE TRIGGER t BEFORE UPDATE ON crm.half FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "ALTER TABLE crm.half ADD CHECK (remark <> 'x')",
        "CREATE TABLE crm.rest PARTITION OF crm.parts FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
    ],
)
def test_what_one_partition_gets_is_noticed_too(postgres: sql_store.PostgresServer, tmp_path: Path, own: str) -> None:
    mapped = "  parts: {parent: customers, join: {owner: id}, key: [owner], mask: {remark: {static: x}}}\n  notes:"
    with new_database(postgres, tmp_path) as database:
        database.run("CREATE TABLE crm.parts (owner bigint, remark text) PARTITION BY HASH (owner)")
        database.run("CREATE INDEX ON crm.parts (owner)")
        database.run("CREATE TABLE crm.half PARTITION OF crm.parts FOR VALUES WITH (MODULUS 2, REMAINDER 0)")
        store = database.store(sql_store.RULES.replace("  notes:", mapped))
        assert store.preflight() == []
        assert not store.altered()

        database.run(own)

        assert store.altered()
