"""Fails a test as soon as a DynamoDB client reads without naming a key: a Scan, or a SELECT that amounts to one.

An emulator with ten rows answers a scan as fast as a query, so nothing else would tell.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_LITERAL = re.compile(r"'(?:[^']|'')*'")
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_SELECT = re.compile(r"\bSELECT\b", re.IGNORECASE)
_INDEX = re.compile(r"""\bFROM\s+"?[\w.-]+"?\s*\.\s*"?due"?(?![\w"])""", re.IGNORECASE)
_TWO_WAYS = re.compile(r"\b(?:OR|NOT)\b", re.IGNORECASE)
_VALUE = r"""\s*=\s*(?:\?|'|-?\d)"""
_OF_TABLE = re.compile(rf"""(?<![\w.])(?:"ID"|ID\b){_VALUE}""")
_OF_INDEX = re.compile(rf"""(?<![\w.])(?:"due_shard"|due_shard\b){_VALUE}""")


class Call(NamedTuple):
    """A call the client was asked to make, and whether it was refused here."""

    operation: str
    refused: bool


def watch_calls(client: Any) -> list[Call]:
    """Record all calls of a client from now on, and refuse those that read without a key, before they are sent.

    A role may swallow the AssertionError that a refused call raises: look at `refused` in the end as well.

    Args:
        client: A boto3 DynamoDB client.

    Returns:
        The calls so far, in order; it grows.
    """
    calls: list[Call] = []

    def look(params: dict[str, Any], model: Any, **_: Any) -> None:
        refused = _reads_without_key(model.name, params)
        calls.append(Call(model.name, refused))
        assert not refused, f"{model.name} reads the table without naming a key"

    client.meta.events.register("provide-client-params.dynamodb", look)
    return calls


def _reads_without_key(operation: str, params: dict[str, Any]) -> bool:
    return operation == "Scan" or any(map(_scans, _statements(params)))


def _statements(params: dict[str, Any]) -> Iterator[str]:
    """Of ExecuteStatement, BatchExecuteStatement and ExecuteTransaction."""
    if "Statement" in params:
        yield params["Statement"]
    for member in (*params.get("Statements", ()), *params.get("TransactStatements", ())):
        yield member["Statement"]


def _scans(statement: str) -> bool:
    """Whether a SELECT lacks `key = value` as one of the conditions that must all hold."""
    text = _COMMENT.sub(" ", _LITERAL.sub("''", statement))
    if not _SELECT.search(text):
        return False
    _, _, condition = re.sub(r"\bWHERE\b", "WHERE", text, flags=re.IGNORECASE).partition("WHERE")
    key = _OF_INDEX if _INDEX.search(text) else _OF_TABLE
    return bool(_TWO_WAYS.search(condition)) or not key.search(condition)
