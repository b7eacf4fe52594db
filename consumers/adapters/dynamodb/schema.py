"""The shape of the one table: made by `lapse table apply`, compared by `lapse table check`."""

from collections.abc import Iterator
from typing import Any

from consumers.adapters.dynamodb.failures import Method, call, translated
from consumers.adapters.dynamodb.table import INDEX
from consumers.domain.errors import LapseError

_KEY = [{"AttributeName": "ID", "KeyType": "HASH"}, {"AttributeName": "SubID", "KeyType": "RANGE"}]
_INDEX_KEY = [
    {"AttributeName": "due_shard", "KeyType": "HASH"},
    {"AttributeName": "next_action_at", "KeyType": "RANGE"},
]
_TYPES = {"ID": "S", "SubID": "S", "due_shard": "S", "next_action_at": "N"}
_PROJECTION = "KEYS_ONLY"
_BILLING = "PAY_PER_REQUEST"
_WAITS = {"Delay": 1, "MaxAttempts": 300}
"""Creating a table takes seconds, rarely minutes."""


def apply_table(client: Any, name: str, *, dev: bool = False) -> list[str]:
    """Create the table where it is not there, and protect it; a second call changes nothing.

    What an existing table has else, `check_table` tells: a key or an index is never changed under a running system.

    Args:
        client: From `connect`.
        name: The table's name, prefix included.
        dev: Leave out point-in-time recovery and deletion protection, so that a test can delete it.

    Returns:
        What was done, in words.

    Raises:
        TransientError: Call it again, also where DynamoDB is still preparing the backups of a new table.
        PermanentError: See `failures`.
    """
    created = _describe(client, name) is None and _create(client, name)
    done = ["table created"] if created else []
    with translated():
        client.get_waiter("table_exists").wait(TableName=name, WaiterConfig=_WAITS)
    return done if dev else [*done, *_protected(client, name)]


def check_table(client: Any, name: str, *, dev: bool = False) -> list[str]:
    """How the table differs from what Lapse needs; empty where it does not. Changes nothing.

    Args:
        client: From `connect`.
        name: The table's name, prefix included.
        dev: Point-in-time recovery and deletion protection are not asked for.

    Raises:
        TransientError, PermanentError: See `failures`.
    """
    table = _describe(client, name)
    if table is None:
        return ["the table is not there: run `lapse table apply`"]
    found = [*_key_differences(table), *_index_differences(table), *_billing_differences(table)]
    return found if dev else [*found, *_unprotected(client, name, table)]


def _describe(client: Any, name: str) -> dict[str, Any] | None:
    answer = _unless("ResourceNotFoundException", client.describe_table, "Table", TableName=name)
    return answer and answer["Table"]


def _create(client: Any, name: str) -> bool:
    """Whether this call made it; another one may be doing the same."""
    index = {"IndexName": INDEX, "KeySchema": _INDEX_KEY, "Projection": {"ProjectionType": _PROJECTION}}
    types = [{"AttributeName": field, "AttributeType": kind} for field, kind in _TYPES.items()]
    shape = {"KeySchema": _KEY, "AttributeDefinitions": types, "GlobalSecondaryIndexes": [index]}
    request = {"TableName": name, "BillingMode": _BILLING, **shape}
    return _unless("ResourceInUseException", client.create_table, "TableDescription", **request) is not None


def _protected(client: Any, name: str) -> Iterator[str]:
    table = call(client.describe_table, "Table", TableName=name)["Table"]
    if not table.get("DeletionProtectionEnabled"):
        call(client.update_table, "TableDescription", TableName=name, DeletionProtectionEnabled=True)
        yield "deletion protection switched on"
    if _recoverable(client, name) is False:
        recovery = {"PointInTimeRecoveryEnabled": True}
        request = {"TableName": name, "PointInTimeRecoverySpecification": recovery}
        call(client.update_continuous_backups, "ContinuousBackupsDescription", **request)
        yield "point-in-time recovery switched on"


def _recoverable(client: Any, name: str) -> bool | None:
    """Whether point-in-time recovery is on; None: the endpoint has none, as emulators."""
    gives = "ContinuousBackupsDescription"
    answer = _unless("UnknownOperationException", client.describe_continuous_backups, gives, TableName=name)
    if answer is None:
        return None
    recovery = answer[gives].get("PointInTimeRecoveryDescription", {})
    return bool(recovery.get("PointInTimeRecoveryStatus") == "ENABLED")


def _key_differences(table: dict[str, Any]) -> Iterator[str]:
    if table["KeySchema"] != _KEY:
        yield "the key is not ID (hash), SubID (range)"
    types = {field["AttributeName"]: field["AttributeType"] for field in table["AttributeDefinitions"]}
    for field, kind in _TYPES.items():
        if types.get(field) != kind:
            yield f"the key attribute {field} is not of type {kind}"


def _index_differences(table: dict[str, Any]) -> Iterator[str]:
    index = next((index for index in table.get("GlobalSecondaryIndexes", ()) if index["IndexName"] == INDEX), None)
    if index is None:
        yield f"the index {INDEX} is not there"
        return
    if index["KeySchema"] != _INDEX_KEY:
        yield f"the key of the index {INDEX} is not due_shard (hash), next_action_at (range)"
    if index["Projection"]["ProjectionType"] != _PROJECTION:
        yield f"the projection of the index {INDEX} is not {_PROJECTION}"


def _billing_differences(table: dict[str, Any]) -> Iterator[str]:
    """A table without a summary has been provisioned from the start."""
    if table.get("BillingModeSummary", {}).get("BillingMode") != _BILLING:
        yield f"the billing mode is not {_BILLING}"


def _unprotected(client: Any, name: str, table: dict[str, Any]) -> Iterator[str]:
    if not table.get("DeletionProtectionEnabled"):
        yield "deletion protection is off"
    if _recoverable(client, name) is False:
        yield "point-in-time recovery is off"


def _unless(code: str, method: Method, gives: str, **request: Any) -> dict[str, Any] | None:
    """Make a call; None where it fails with this code."""
    try:
        return call(method, gives, **request)
    except LapseError as error:
        if error.code != code:
            raise
        return None
