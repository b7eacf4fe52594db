"""The one table on DynamoDB: strongly consistent reads by 100, conditional writes by 25, the index by pages."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from consumers.adapters.dynamodb.failures import (
    BUSY,
    call,
    call_for_rows,
    failure,
    failure_of_row,
    short_code,
    unless_busy,
)
from consumers.adapters.dynamodb.parallel import Parallel
from consumers.adapters.dynamodb.statements import Attributes, Statements, key_attributes, row_of
from consumers.adapters.dynamodb.tries import TRIES, Tries
from consumers.adapters.table_rules import INDEXED, check_key, check_writes, stands
from consumers.domain.rows import Key
from consumers.ports import IndexEntry, Lost, Row, Write

INDEX = "due"
READ_BATCH = 100
WRITE_BATCH = 25
_Thing = TypeVar("_Thing")
_DUE = "due_shard = :shard AND next_action_at <= :until"
_BUSY: Attributes = {"Error": {"Code": "ThrottlingError"}}
_LOST = frozenset({"ConditionalCheckFailed", "DuplicateItem"})


class TableClient(Protocol):
    """What the table needs of a DynamoDB client."""

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Read rows by key."""

    def batch_execute_statement(self, **request: Any) -> dict[str, Any]:
        """Carry out PartiQL statements, each on its own."""

    def query(self, **request: Any) -> dict[str, Any]:
        """Read one page of the index."""


class DynamoTable:
    """`Table` on DynamoDB. Several threads may use one.

    Args:
        client: From `connect`.
        name: The table's name, prefix included.
        tries: How often, and at what pace, what DynamoDB left undone is asked for again.

    Raises:
        ValueError: The name is none that DynamoDB allows.
    """

    def __init__(self, client: TableClient, name: str, tries: Tries = TRIES) -> None:
        self._client = client
        self._name = name
        self._statements = Statements(name)
        self._tries = tries
        self._parallel = Parallel()

    def read(self, keys: Collection[Key]) -> Mapping[Key, Row]:
        """The rows that exist among these keys, as they stand now.

        Raises:
            TransientError, PermanentError: See `failures`.
            ValueError: A part of a key is empty.
        """
        for key in keys:
            check_key(key)
        distinct = list(dict.fromkeys(keys))
        found: dict[Key, Row] = {}
        for rows in self._parallel.each(self._rows, _batches(distinct, READ_BATCH)):
            found.update((row.key, row) for row in rows)
        return found

    def write(self, writes: Sequence[Write]) -> Sequence[Lost | None]:
        """Carry out conditional writes, each on its own; None where the row stands as it was to be written.

        A write that stands already counts as written, and so does the removal of a row that is gone: an answer that
        got lost on the way leaves nobody in doubt.

        Raises:
            TransientError, PermanentError: See `failures`; any of the writes may have been carried out.
            ValueError: See `check_writes`; nothing was written.
        """
        check_writes(writes)
        refused: dict[Key, Row | None] = {}
        for conflicts in self._parallel.each(self._refused, _batches(writes, WRITE_BATCH)):
            refused.update(conflicts)
        unseen = [key for key, row in refused.items() if row is None]
        current = {**refused, **self.read(unseen)}
        return [Lost(current[write.key]) if _is_lost(write, current) else None for write in writes]

    def due(self, due_shard: str, until: int, limit: int, after: IndexEntry | None = None) -> Sequence[IndexEntry]:
        """Entries of an index partition with `next_action_at <= until`, oldest first, after a given one.

        Entries of one time come in an order of DynamoDB's own.

        Raises:
            TransientError, PermanentError: See `failures`.
        """
        if after is not None and after.next_action_at > until:
            return []  # DynamoDB refuses a start outside of what was asked for
        entries: list[IndexEntry] = []
        start = after and _start(due_shard, after)
        while len(entries) < limit:
            page = self._page(due_shard, until, start, "Items", Limit=limit - len(entries))
            entries += [IndexEntry(item["ID"]["S"], int(item["next_action_at"]["N"])) for item in page["Items"]]
            start = page.get("LastEvaluatedKey")
            if not start:
                break
        return entries

    def count(self, due_shard: str, until: int) -> int:
        """How many entries `due` would give; reads no more than the index partition.

        Raises:
            TransientError, PermanentError: See `failures`.
        """
        total, start = 0, None
        while True:
            page = self._page(due_shard, until, start, "Count", Select="COUNT")
            total += int(page["Count"])
            start = page.get("LastEvaluatedKey")
            if not start:
                return total

    def _rows(self, keys: Sequence[Key]) -> list[Row]:
        request = {self._name: {"Keys": [key_attributes(key) for key in keys], "ConsistentRead": True}}
        rows: list[Row] = []
        for _ in self._tries:
            answer = unless_busy(call_for_rows, self._client.batch_get_item, "Responses", RequestItems=request)
            if answer is None:
                continue
            rows += map(row_of, answer["Responses"].get(self._name, ()))
            request = answer.get("UnprocessedKeys", {})
            if not request:
                return rows
        raise failure("UnprocessedKeys")

    def _refused(self, writes: Sequence[Write]) -> dict[Key, Row | None]:
        """Writes whose condition failed, with the row that stands where the answer carries it."""
        refused: dict[Key, Row | None] = {}
        for _ in self._tries:
            errors = self._errors(writes)
            refused.update((write.key, _standing(error)) for write, error in errors if _conflict(error))
            writes = [write for write, error in errors if not _conflict(error)]
            if not writes:
                return refused
        raise failure("BusyStatements")

    def _errors(self, writes: Sequence[Write]) -> list[tuple[Write, Attributes]]:
        """Writes that were not carried out, though another try or a decision may help, with why."""
        statements = [self._statements.of(write) for write in writes]
        method = self._client.batch_execute_statement
        answer = unless_busy(call_for_rows, method, "Responses", Statements=statements)
        answers = answer["Responses"] if answer else [_BUSY] * len(writes)
        if len(answers) != len(writes):
            raise failure("UnusableAnswer")
        errors = [(write, answer["Error"]) for write, answer in zip(writes, answers, strict=True) if "Error" in answer]
        for _, error in errors:
            if not _conflict(error) and short_code(error["Code"]) not in BUSY:
                raise failure_of_row(error["Code"])
        return errors

    def _page(self, due_shard: str, until: int, start: Attributes | None, gives: str, **how: Any) -> Attributes:
        values = {":shard": {"S": due_shard}, ":until": {"N": str(until)}}
        request = {"TableName": self._name, "IndexName": INDEX, "KeyConditionExpression": _DUE, **how}
        if start:
            request["ExclusiveStartKey"] = start
        for _ in self._tries:
            page = unless_busy(call, self._client.query, gives, ExpressionAttributeValues=values, **request)
            if page is not None:
                return page
        raise failure("BusyIndex")


def _batches(things: Sequence[_Thing], size: int) -> list[Sequence[_Thing]]:
    return [things[first : first + size] for first in range(0, len(things), size)]


def _is_lost(write: Write, current: Mapping[Key, Row | None]) -> bool:
    return write.key in current and not stands(write.row, current[write.key])


def _conflict(error: Attributes) -> bool:
    return short_code(error["Code"]) in _LOST


def _standing(error: Attributes) -> Row | None:
    """The row that stands; None: not in this answer, read it."""
    item = error.get("Item")
    return row_of(item) if item else None


def _start(due_shard: str, after: IndexEntry) -> Attributes:
    key = key_attributes(Key(after.id, INDEXED))
    return {**key, "due_shard": {"S": due_shard}, "next_action_at": {"N": str(after.next_action_at)}}
