"""The listener of `tests/support/no_scan.py` fires for each shape of a scan, and only then."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from consumers.adapters.dynamodb.client import connect
from consumers.adapters.dynamodb.table import DynamoTable
from consumers.domain.index import IndexKeys
from consumers.domain.rows import state_key
from consumers.ports import Row, Write
from tests.support.no_scan import Call, watch_calls

SCANS = {
    "no condition": 'SELECT * FROM "lapse"',
    "small letters": "select * from lapse",
    "another attribute": 'SELECT * FROM "lapse" WHERE "version" = ?',
    "the sort key alone": 'SELECT * FROM "lapse" WHERE "SubID" = \'STATE\'',
    "a range of keys": 'SELECT * FROM "lapse" WHERE "ID" >= ?',
    "a beginning": 'SELECT * FROM "lapse" WHERE begins_with("ID", ?)',
    "one of two ways": 'SELECT * FROM "lapse" WHERE "ID" = ? OR "version" = ?',
    "the opposite": 'SELECT * FROM "lapse" WHERE NOT "ID" = ?',
    "itself": 'SELECT * FROM "lapse" WHERE "ID" = "ID"',
    "a literal that looks like a key": """SELECT * FROM "lapse" WHERE "stamp" = 'x "ID" = 1'""",
    "a comment that looks like a key": 'SELECT * FROM "lapse" WHERE "stamp" = ? -- AND "ID" = ?',
    "an inner field that is called like the key": 'SELECT * FROM "lapse" WHERE "body"."ID" = ?',
    "the key among the columns": 'SELECT "ID" = ? FROM "lapse"',
    "the index key on the table": 'SELECT * FROM "lapse" WHERE "due_shard" = ?',
    "the table key on the index": 'SELECT * FROM "lapse"."due" WHERE "ID" = ?',
    "the index without its key": 'SELECT * FROM "lapse"."due" WHERE "next_action_at" < 5',
    "inside of EXISTS": 'EXISTS(SELECT * FROM "lapse" WHERE "version" = ?)',
}
READS_BY_KEY = {
    "the key": 'SELECT * FROM "lapse" WHERE "ID" = ?',
    "the key without quotes": "select * from lapse where ID='c-1' and SubID='STATE'",
    "the index key": 'SELECT "ID" FROM "lapse"."due" WHERE "due_shard" = ? AND "next_action_at" <= ?',
    "a change": 'UPDATE "lapse" SET "version"=? WHERE "ID"=? AND "SubID"=?',
}


@pytest.fixture(scope="module")
def client() -> Any:
    return answered(
        connect(region="eu-north-1", endpoint_url="http://127.0.0.1:1", access_key_id="a", secret_access_key="b")
    )


@pytest.fixture(scope="module")
def recorded(client: Any) -> list[Call]:
    return watch_calls(client)


@pytest.fixture
def calls(recorded: list[Call]) -> list[Call]:
    recorded.clear()
    return recorded


def answered(client: Any) -> Any:
    """The client with an answer to everything, so that nothing is sent."""

    def answer(request: Any, **_: Any) -> AWSResponse:
        body = b'{"Responses": [{}], "Items": [], "Count": 0}'
        if request.headers["X-Amz-Target"].endswith(b"BatchGetItem"):
            body = b'{"Responses": {}}'
        response = AWSResponse(request.url, 200, {}, None)
        response._content = body
        return response

    client.meta.events.register("before-send.dynamodb", answer)
    return client


def calls_with(statement: str) -> dict[str, Callable[[Any], Any]]:
    members = [{"Statement": 'UPDATE "lapse" SET "a"=1 WHERE "ID"=?'}, {"Statement": statement}]
    return {
        "ExecuteStatement": lambda client: client.execute_statement(Statement=statement),
        "BatchExecuteStatement": lambda client: client.batch_execute_statement(Statements=members),
        "ExecuteTransaction": lambda client: client.execute_transaction(TransactStatements=members),
    }


@pytest.mark.parametrize("operation", ["ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"])
@pytest.mark.parametrize("shape", SCANS)
def test_a_select_without_a_key_is_refused(client: Any, calls: list[Call], shape: str, operation: str) -> None:
    with pytest.raises(AssertionError, match="without naming a key"):
        calls_with(SCANS[shape])[operation](client)

    assert calls == [Call(operation, refused=True)]


@pytest.mark.parametrize("operation", ["ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"])
@pytest.mark.parametrize("shape", READS_BY_KEY)
def test_a_statement_by_key_passes(client: Any, calls: list[Call], shape: str, operation: str) -> None:
    calls_with(READS_BY_KEY[shape])[operation](client)

    assert calls == [Call(operation, refused=False)]


def test_a_scan_is_refused_also_behind_a_paginator(client: Any, calls: list[Call]) -> None:
    with pytest.raises(AssertionError, match="Scan"):
        client.scan(TableName="lapse")
    with pytest.raises(AssertionError, match="Scan"):
        list(client.get_paginator("scan").paginate(TableName="lapse"))

    assert calls == [Call("Scan", refused=True)] * 2


def test_the_calls_of_the_adapter_pass(client: Any, calls: list[Call]) -> None:
    table = DynamoTable(client, "lapse")
    row = Row(state_key("c-1"), 1, "s", b"", IndexKeys("due#1", 5))

    table.read([row.key])
    for write in (Write(row.key, None, row), Write(row.key, row, row), Write(row.key, row, None)):
        table.write([write])
    table.due("due#1", 9, 10)
    table.count("due#1", 9)

    statement = "BatchExecuteStatement"
    assert [call.operation for call in calls] == ["BatchGetItem", statement, statement, statement, "Query", "Query"]
    assert not any(call.refused for call in calls)
