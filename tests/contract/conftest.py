"""The adapters that a behaviour suite of this folder runs over."""

import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from consumers.adapters.dynamodb import DynamoTable, apply_table, connect
from consumers.adapters.memory.table import MemoryTable
from consumers.ports import Table
from tests.support.records import CLASSIC, KIP_848, Backend, InMemory, RealKafka


@pytest.fixture(scope="session")
def dynamodb_client(dynamodb: str) -> Iterator[Any]:
    client = connect(region="eu-north-1", endpoint_url=dynamodb, access_key_id="test", secret_access_key="test")
    with closing(client):
        yield client


@pytest.fixture(params=["memory", pytest.param("dynamodb", marks=pytest.mark.integration)])
def table(request: pytest.FixtureRequest) -> Table:
    return MemoryTable() if request.param == "memory" else new_table(request.getfixturevalue("dynamodb_client"))


def new_table(client: Any) -> DynamoTable:
    name = f"contract-{uuid.uuid4().hex}"
    apply_table(client, name, dev=True)
    return DynamoTable(client, name)


@pytest.fixture(
    params=[
        "memory",
        pytest.param("kafka", marks=pytest.mark.integration),
        pytest.param("kafka-consumer-protocol", marks=pytest.mark.integration),
    ]
)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with closing(_backend(request)) as backend:
        yield backend


def _backend(request: pytest.FixtureRequest) -> Backend:
    if request.param == "memory":
        return InMemory()
    return RealKafka(request.getfixturevalue("kafka"), CLASSIC if request.param == "kafka" else KIP_848)
