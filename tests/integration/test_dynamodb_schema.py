"""`lapse table apply` and `lapse table check` against an endpoint."""

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from typing import Any

import pytest

from consumers.adapters.dynamodb.client import connect
from consumers.adapters.dynamodb.schema import apply_table, check_table
from consumers.domain.errors import TransientError

pytestmark = pytest.mark.integration

STRING_KEY = [{"AttributeName": "ID", "AttributeType": "S"}]
HASH_ONLY = [{"AttributeName": "ID", "KeyType": "HASH"}]
PROVISIONED = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
WRONG_INDEX = {
    "IndexName": "due",
    "KeySchema": [{"AttributeName": "due_shard", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "ALL"},
    "ProvisionedThroughput": PROVISIONED,
}


@pytest.fixture(scope="module")
def client(dynamodb: str) -> Iterator[Any]:
    with client_for(dynamodb) as client:
        yield client


def client_for(url: str) -> AbstractContextManager[Any]:
    return closing(connect(region="eu-north-1", endpoint_url=url, access_key_id="test", secret_access_key="test"))


@pytest.fixture
def name() -> str:
    return f"schema-{uuid.uuid4().hex}"


def protected(client: Any, name: str) -> bool:
    return bool(client.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled"))


def test_apply_creates_a_table_that_check_agrees_with(client: Any, name: str) -> None:
    assert check_table(client, name) == ["the table is not there: run `lapse table apply`"]

    done = apply_table(client, name)

    assert done[:2] == ["table created", "deletion protection switched on"]
    assert check_table(client, name) == []
    assert protected(client, name)


def test_apply_twice_does_nothing_more(client: Any, name: str) -> None:
    apply_table(client, name)

    assert apply_table(client, name) == []


def test_apply_for_development_leaves_the_table_unprotected(client: Any, name: str) -> None:
    assert apply_table(client, name, dev=True) == ["table created"]

    assert apply_table(client, name, dev=True) == []
    assert check_table(client, name, dev=True) == []
    assert "deletion protection is off" in check_table(client, name)
    assert not protected(client, name)


def test_apply_protects_a_table_that_was_made_without(client: Any, name: str) -> None:
    apply_table(client, name, dev=True)

    assert "deletion protection switched on" in apply_table(client, name)
    assert check_table(client, name) == []


def test_check_names_every_difference_and_apply_leaves_them(client: Any, name: str) -> None:
    client.create_table(
        TableName=name,
        KeySchema=HASH_ONLY,
        AttributeDefinitions=[*STRING_KEY, {"AttributeName": "due_shard", "AttributeType": "N"}],
        GlobalSecondaryIndexes=[
            {**WRONG_INDEX, "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}}
        ],
        ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
    )
    expected = [
        "the key is not ID (hash), SubID (range)",
        "the key attribute SubID is not of type S",
        "the key attribute due_shard is not of type S",
        "the key attribute next_action_at is not of type N",
        "the key of the index due is not due_shard (hash), next_action_at (range)",
        "the projection of the index due is not KEYS_ONLY",
        "the billing mode is not PAY_PER_REQUEST",
    ]

    assert check_table(client, name, dev=True) == expected
    assert apply_table(client, name, dev=True) == []
    assert check_table(client, name, dev=True) == expected


def test_check_misses_the_index(client: Any, name: str) -> None:
    client.create_table(
        TableName=name, KeySchema=HASH_ONLY, AttributeDefinitions=STRING_KEY, BillingMode="PAY_PER_REQUEST"
    )

    assert "the index due is not there" in check_table(client, name, dev=True)


def test_apply_and_check_say_that_the_endpoint_is_away(name: str) -> None:
    with client_for("http://127.0.0.1:1") as gone:
        with pytest.raises(TransientError):
            check_table(gone, name)
        with pytest.raises(TransientError):
            apply_table(gone, name)
