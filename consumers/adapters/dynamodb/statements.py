"""Rows as DynamoDB keeps them, and conditional writes as PartiQL, 25 of which fit one call.

| attribute | type | what |
|---|---|---|
| `ID`, `SubID` | S | the key |
| `version`, `stamp` | N, S | the condition of the next write |
| `body` | B | what the row says |
| `due_shard`, `next_action_at` | S, N | keys of the index `due`; both or neither |
"""

import re
from typing import Any

from consumers.domain.index import IndexKeys
from consumers.domain.rows import Key
from consumers.ports import Row, Write

Attributes = dict[str, Any]
Statement = dict[str, Any]

_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_CONDITION = 'WHERE "ID"=? AND "SubID"=? AND "version"=? AND "stamp"=?'


class Statements:
    """The writes of one table.

    Args:
        table: Its name.

    Raises:
        ValueError: The name is none that DynamoDB allows.
    """

    def __init__(self, table: str) -> None:
        if not _NAME.fullmatch(table):
            raise ValueError("a DynamoDB table name has 3 to 255 letters, digits, dots, dashes or underscores")
        fields = "'ID':?,'SubID':?,'version':?,'stamp':?,'body':?"
        update = f'UPDATE "{table}" SET "version"=? SET "stamp"=? SET "body"=?'  # noqa: S608 - the name is checked
        self._insert = f'INSERT INTO "{table}" VALUE {{{fields}}}'
        self._insert_indexed = f"INSERT INTO \"{table}\" VALUE {{{fields},'due_shard':?,'next_action_at':?}}"
        self._update = f"{update} {_CONDITION}"
        self._update_indexed = f'{update} SET "due_shard"=? SET "next_action_at"=? {_CONDITION}'
        self._update_leaving = f'{update} REMOVE "due_shard" REMOVE "next_action_at" {_CONDITION}'
        self._delete = f'DELETE FROM "{table}" {_CONDITION}'  # noqa: S608 - the name is checked

    def of(self, write: Write) -> Statement:
        """One member of a BatchExecuteStatement."""
        text, parameters = self._text(write)
        return {"Statement": text, "Parameters": parameters, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}

    def _text(self, write: Write) -> tuple[str, list[Attributes]]:
        row, expected = write.row, write.expected
        if row is None:
            return self._delete, _condition(write)
        if expected is None:
            text = self._insert if row.keys is None else self._insert_indexed
            return text, [{"S": row.key.id}, {"S": row.key.sub_id}, *_content(row)]
        if row.keys is not None:
            return self._update_indexed, [*_content(row), *_condition(write)]
        text = self._update if expected.keys is None else self._update_leaving
        return text, [*_content(row), *_condition(write)]


def key_attributes(key: Key) -> Attributes:
    """A key as BatchGetItem wants it."""
    return {"ID": {"S": key.id}, "SubID": {"S": key.sub_id}}


def row_of(item: Attributes) -> Row:
    """A row as DynamoDB gave it."""
    shard = item.get("due_shard")
    keys = shard and IndexKeys(shard["S"], int(item["next_action_at"]["N"]))
    key = Key(item["ID"]["S"], item["SubID"]["S"])
    return Row(key, int(item["version"]["N"]), item["stamp"]["S"], item["body"]["B"], keys)


def _content(row: Row) -> list[Attributes]:
    content: list[Attributes] = [{"N": str(row.version)}, {"S": row.stamp}, {"B": row.body}]
    if row.keys is not None:
        content += [{"S": row.keys.due_shard}, {"N": str(row.keys.next_action_at)}]
    return content


def _condition(write: Write) -> list[Attributes]:
    expected = write.expected
    assert expected is not None, "checked by check_writes"
    return [{"S": write.key.id}, {"S": write.key.sub_id}, {"N": str(expected.version)}, {"S": expected.stamp}]
