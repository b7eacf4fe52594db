"""What the DynamoDB table does with answers that emulators never give: half-done batches, lost answers, throttling."""

from collections.abc import Callable
from typing import Any

import pytest

from consumers.adapters.dynamodb.table import DynamoTable
from consumers.adapters.dynamodb.tries import LIMIT, Tries
from consumers.domain.errors import PermanentError, TransientError
from consumers.domain.index import IndexKeys
from consumers.domain.rows import state_key
from consumers.ports import IndexEntry, Lost, Row, Write

OLD = Row(state_key("c-1"), 1, "old", b"1")
NEW = Row(state_key("c-1"), 2, "new", b"2")
OTHER = Row(state_key("c-1"), 2, "other", b"3")
DONE: dict[str, Any] = {"TableName": "lapse"}


class ScriptedClient:
    """Gives the answers it was told to, in order, and keeps the requests."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self._answers = list(answers)
        self.requests: list[dict[str, Any]] = []

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        return self._next(request)

    def batch_execute_statement(self, **request: Any) -> dict[str, Any]:
        return self._next(request)

    def query(self, **request: Any) -> dict[str, Any]:
        return self._next(request)

    def _next(self, request: dict[str, Any]) -> dict[str, Any]:
        self.requests.append(request)
        return self._answers.pop(0)


def table(client: ScriptedClient, waits: list[float] | None = None) -> DynamoTable:
    return DynamoTable(client, "lapse", Tries(wait=(waits if waits is not None else []).append, jitter=lambda: 1.0))


def item(row: Row) -> dict[str, Any]:
    fields = {"ID": {"S": row.key.id}, "SubID": {"S": row.key.sub_id}, "body": {"B": row.body}}
    return {**fields, "version": {"N": str(row.version)}, "stamp": {"S": row.stamp}}


def answers(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Responses": list(statements)}


def error(code: str, standing: Row | None = None) -> dict[str, Any]:
    found = {"Item": item(standing)} if standing else {}
    return {"Error": {"Code": code, "Message": "about c-1", **found}}


def rows_read(*rows: Row, left: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"Responses": {"lapse": [item(row) for row in rows]}, "UnprocessedKeys": left or {}}


def ids(request: dict[str, Any]) -> list[str]:
    return [key["ID"]["S"] for key in request["RequestItems"]["lapse"]["Keys"]]


def insert_of(name: str) -> Write:
    return Write(state_key(name), None, Row(state_key(name), 1, f"stamp of {name}", b""))


def test_read_asks_again_for_what_was_left_unprocessed() -> None:
    left = {"lapse": {"Keys": [{"ID": {"S": "c-2"}, "SubID": {"S": "STATE"}}], "ConsistentRead": True}}
    second = OLD._replace(key=state_key("c-2"))
    client, waits = ScriptedClient(rows_read(OLD, left=left), rows_read(second)), list[float]()

    assert set(table(client, waits).read([OLD.key, second.key])) == {OLD.key, second.key}
    assert client.requests[1]["RequestItems"] == left
    assert waits == [0.05]


def test_read_gives_up_when_keys_stay_unprocessed() -> None:
    left = {"lapse": {"Keys": [{"ID": {"S": "c-1"}, "SubID": {"S": "STATE"}}]}}
    client, waits = ScriptedClient(*[rows_read(left=left)] * LIMIT), list[float]()

    with pytest.raises(TransientError):
        table(client, waits).read([OLD.key])

    assert waits == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2]


def test_read_is_strongly_consistent_and_asks_for_each_key_once_in_batches_of_100() -> None:
    keys = [state_key(f"c-{number}") for number in range(101)]
    client = ScriptedClient(rows_read(), rows_read())

    table(client).read([*keys, *keys])

    assert sorted(name for request in client.requests for name in ids(request)) == sorted(key.id for key in keys)
    assert {len(ids(request)) for request in client.requests} == {100, 1}
    assert all(request["RequestItems"]["lapse"]["ConsistentRead"] for request in client.requests)


def test_write_tries_again_only_the_statements_that_were_throttled() -> None:
    throttled = answers(
        DONE, error("ThrottlingError"), error("ConditionalCheckFailed", OTHER), error("InternalServerError")
    )
    client, waits = ScriptedClient(throttled, answers(DONE, DONE)), list[float]()
    writes = [insert_of("c-0"), insert_of("c-2"), Write(OLD.key, OLD, NEW), insert_of("c-3")]

    assert list(table(client, waits).write(writes)) == [None, None, Lost(OTHER), None]
    again = [statement["Parameters"][0]["S"] for statement in client.requests[1]["Statements"]]
    assert again == ["c-2", "c-3"]
    assert waits == [0.05]


def test_write_gives_up_when_statements_stay_throttled() -> None:
    client = ScriptedClient(*[answers(error("ProvisionedThroughputExceeded"))] * LIMIT)

    with pytest.raises(TransientError) as given_up:
        table(client).write([insert_of("c-1")])

    assert "c-1" not in str(given_up.value)


def test_update_whose_answer_got_lost_counts_as_written() -> None:
    client = ScriptedClient(answers(error("InternalServerError")), answers(error("ConditionalCheckFailed", NEW)))

    assert list(table(client).write([Write(OLD.key, OLD, NEW)])) == [None]


def test_insert_whose_answer_got_lost_counts_as_written() -> None:
    client = ScriptedClient(answers(error("DuplicateItem")), rows_read(NEW))

    assert list(table(client).write([Write(NEW.key, None, NEW)])) == [None]


def test_conflicts_without_the_row_are_read_again_in_one_call() -> None:
    second = OTHER._replace(key=state_key("c-2"))
    client = ScriptedClient(answers(error("DuplicateItem"), error("ConditionalCheckFailed")), rows_read(OTHER, second))
    writes = [insert_of("c-1"), Write(second.key, OLD._replace(key=second.key), NEW._replace(key=second.key))]

    assert list(table(client).write(writes)) == [Lost(OTHER), Lost(second)]
    assert ids(client.requests[1]) == ["c-1", "c-2"]
    assert client.requests[1]["RequestItems"]["lapse"]["ConsistentRead"]


def test_conflict_with_a_row_that_is_gone_by_now_is_lost_to_no_row() -> None:
    client = ScriptedClient(answers(error("DuplicateItem")), rows_read())

    assert list(table(client).write([Write(NEW.key, None, NEW)])) == [Lost(None)]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ValidationError", PermanentError),
        ("ItemCollectionSizeLimitExceeded", PermanentError),
        ("ResourceNotFound", PermanentError),
        ("AccessDenied", TransientError),
        ("Unheard", TransientError),
    ],
)
def test_statement_refused_for_another_reason_raises_and_names_nobody(code: str, expected: type[Exception]) -> None:
    client = ScriptedClient(answers(DONE, error(code)))

    with pytest.raises(expected) as refused:
        table(client).write([insert_of("c-0"), insert_of("c-1")])

    assert "c-1" not in repr(refused.value)
    assert code in repr((refused.value, refused.value.code))  # type: ignore[attr-defined]  # both are LapseErrors


@pytest.mark.parametrize(
    "ask",
    [
        lambda table: table.read([OLD.key]),
        lambda table: table.write([insert_of("c-1")]),
        lambda table: table.due("due#1", 5, 10),
        lambda table: table.count("due#1", 5),
    ],
)
def test_an_answer_without_its_content_counts_as_away(ask: Callable[[DynamoTable], Any]) -> None:
    with pytest.raises(TransientError):
        ask(table(ScriptedClient({"message": "<html>proxy</html>"})))


def test_an_answer_that_is_too_short_counts_as_away() -> None:
    with pytest.raises(TransientError):
        table(ScriptedClient(answers(DONE))).write([insert_of("c-1"), insert_of("c-2")])


def test_update_takes_the_index_keys_away_only_where_the_row_had_them() -> None:
    keys = IndexKeys("due#1", 5)
    client = ScriptedClient(*[answers(DONE)] * 4)
    for before, after in [(None, None), (keys, None), (None, keys), (keys, keys)]:
        table(client).write([Write(OLD.key, OLD._replace(keys=before), NEW._replace(keys=after))])

    texts = [request["Statements"][0]["Statement"] for request in client.requests]
    assert [("REMOVE" in text, 'SET "due_shard"' in text) for text in texts] == [
        (False, False),
        (True, False),
        (False, True),
        (False, True),
    ]


def test_due_reads_pages_until_it_has_enough() -> None:
    entry = {"ID": {"S": "c-1"}, "next_action_at": {"N": "5"}}
    pages: list[dict[str, Any]] = [
        {"Items": [entry], "LastEvaluatedKey": {"p": 1}},
        {"Items": [], "LastEvaluatedKey": {"p": 2}},
    ]
    client = ScriptedClient(*pages, {"Items": [entry, entry], "LastEvaluatedKey": {"p": 3}})

    assert table(client).due("due#1", 9, 3) == [IndexEntry("c-1", 5)] * 3
    assert [request["Limit"] for request in client.requests] == [3, 2, 2]
    assert [request.get("ExclusiveStartKey") for request in client.requests] == [None, {"p": 1}, {"p": 2}]


def test_due_starts_after_the_entry_in_all_keys_of_table_and_index() -> None:
    client = ScriptedClient({"Items": []})

    table(client).due("due#1", 9, 3, IndexEntry("c-1", 5))

    start = client.requests[0]["ExclusiveStartKey"]
    assert start == {
        "ID": {"S": "c-1"},
        "SubID": {"S": "STATE"},
        "due_shard": {"S": "due#1"},
        "next_action_at": {"N": "5"},
    }


def test_count_adds_up_pages() -> None:
    client = ScriptedClient({"Count": 2, "LastEvaluatedKey": {"p": 1}}, {"Count": 3})

    assert table(client).count("due#1", 9) == 5
    assert {request["Select"] for request in client.requests} == {"COUNT"}


@pytest.mark.parametrize("name", ["", "ab", 'lapse" WHERE', "l" * 256])
def test_table_refuses_a_name_that_dynamodb_would_not_allow(name: str) -> None:
    with pytest.raises(ValueError, match="table name"):
        DynamoTable(ScriptedClient(), name)


def test_full_jitter_waits_a_random_part_of_each_pause() -> None:
    waits: list[float] = []

    assert list(Tries(wait=waits.append, jitter=lambda: 0.5)) == list(range(LIMIT))
    assert waits == [0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6]
