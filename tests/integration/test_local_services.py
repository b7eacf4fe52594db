"""The local services for real: what a caller of `running` relies on."""

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
import sqlalchemy
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from consumers.local import LocalServicesError, Service, Services, refuse_foreign, running

pytestmark = pytest.mark.integration

Restart = Callable[[Service], None]


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with running() as started:
        yield started


def after_a_kill(service: Service) -> None:
    service.kill()
    service.restart()


@pytest.fixture(params=[Service.restart, after_a_kill], ids=["restart", "kill"])
def again(request: pytest.FixtureRequest) -> Restart:
    restart: Restart = request.param
    return restart


def produce(service: Service, topic: str) -> int:
    """Returns how many records are still unacknowledged."""
    producer = Producer({"bootstrap.servers": service.bootstrap_servers, "log_level": 0})
    producer.produce(topic, b"record")
    return int(producer.flush(20))


def admin(service: Service) -> AdminClient:
    return AdminClient({"bootstrap.servers": service.bootstrap_servers, "log_level": 0})


@contextmanager
def dynamodb(service: Service) -> Iterator[Any]:
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "eu-north-1"}
    client = boto3.client("dynamodb", endpoint_url=service.url, **keys)
    yield client
    client.close()


def create_table(service: Service, name: str) -> None:
    with dynamodb(service) as client:
        client.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "ID", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "ID", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )


def tables(service: Service) -> list[str]:
    with dynamodb(service) as client:
        return list(client.list_tables()["TableNames"])


def query(service: Service, *statements: str) -> object:
    """Runs the statements in one transaction; returns the first value of the last one."""
    engine = sqlalchemy.create_engine(service.url, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        results = [connection.execute(sqlalchemy.text(statement)) for statement in statements]
        return results[-1].scalar() if results[-1].returns_rows else None


def test_running_starts_what_is_of_this_machine(services: Services) -> None:
    for service in (services.kafka, services.dynamodb, services.postgres):
        refuse_foreign(service.address)
        assert service.log.parent == services.logs
        assert service.log.exists()


def test_kafka_keeps_its_topics(services: Services, again: Restart, request: pytest.FixtureRequest) -> None:
    topic = f"kept-{request.node.callspec.id}"
    client = admin(services.kafka)  # must outlive its answers
    client.create_topics([NewTopic(topic, 3, 1)])[topic].result(20)
    assert produce(services.kafka, topic) == 0
    again(services.kafka)
    assert topic in admin(services.kafka).list_topics(timeout=20).topics
    assert produce(services.kafka, topic) == 0


def test_postgres_keeps_its_commits(services: Services, again: Restart) -> None:
    query(services.postgres, "DROP TABLE IF EXISTS kept", "CREATE TABLE kept AS SELECT 7 AS id")
    again(services.postgres)
    assert query(services.postgres, "SELECT id FROM kept") == 7


def test_durable_dynamodb_keeps_its_tables_over_a_kill() -> None:
    with running("dynamodb", durable=True) as services:
        create_table(services.dynamodb, "kept")
        after_a_kill(services.dynamodb)
        assert tables(services.dynamodb) == ["kept"]


def test_postgres_holds_its_answer_while_paused(services: Services) -> None:
    services.postgres.pause()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(query, services.postgres, "SELECT 1")
        assert not wait([answer], timeout=0.5).done
        services.postgres.resume()
        assert answer.result(20) == 1


def test_two_runs_do_not_share_anything(services: Services) -> None:
    with running("dynamodb", "postgres") as others:
        assert others.dynamodb.url != services.dynamodb.url
        query(others.postgres, "CREATE TABLE theirs (id int)")
        assert query(services.postgres, "SELECT to_regclass('theirs')") is None
    assert query(services.postgres, "SELECT 1") == 1


def test_mariadb_process_shares_no_temporary_files() -> None:
    # the start of another server in the same directory would delete them, and fail what is under way
    with running("mariadb", backend="processes") as services:
        folders = [query(services.mariadb, f"SELECT @@{name}") for name in ("tmpdir", "datadir")]
    assert folders[0] != tempfile.gettempdir()
    assert str(folders[1]).startswith(str(folders[0]))


def test_service_that_was_not_asked_for_is_named() -> None:
    with running("postgres") as services, pytest.raises(LocalServicesError, match="kafka"):
        _ = services.kafka
