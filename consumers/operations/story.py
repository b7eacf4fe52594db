"""What happened to a customer: the trail, and what each service's own ledger says."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from consumers.domain.errors import InvalidRecordError, PermanentError, TransientError
from consumers.domain.work import Proof
from consumers.operations.customers import when
from consumers.ports import TopicOffsets, TopicReader
from consumers.runtime.murmur2 import partition_of
from schemas.codec import decode

Ledgers = Mapping[str, Callable[[Sequence[str]], Sequence[Proof]]]
RESULT = frozenset({"AnonymizationResult"})


class UnknownCommandError(PermanentError):
    """No ledger of the services with a rules file here has this command, and no answer to it is on the trail."""


def trail_of(reader: TopicReader, offsets: TopicOffsets, topic: str, customer_id: str) -> list[dict[str, Any] | str]:
    """Every answer about a customer, oldest first; `away: code` where Kafka cannot be asked. Reads one partition."""
    try:
        return list(_trail_of(reader, offsets, topic, customer_id))
    except TransientError as error:
        return [f"away: {error.code}"]


def _trail_of(reader: TopicReader, offsets: TopicOffsets, topic: str, customer_id: str) -> Iterator[dict[str, Any]]:
    ends, key = dict(offsets.end(topic)), customer_id.encode()
    mine = partition_of(key, len(ends))
    starts = {**ends, mine: offsets.beginning(topic)[mine]}
    for record_key, fields in _answers(reader, topic, starts):
        if record_key == key:
            yield _answer(fields)


def proofs_of(ledgers: Ledgers, commands: Sequence[str]) -> dict[str, list[dict[str, Any]] | str]:
    """What each service's ledger says of these commands; `away: code` where it cannot be asked."""
    told: dict[str, list[dict[str, Any]] | str] = {}
    for service, ledger in ledgers.items():
        try:
            told[service] = [_proof(each) for each in ledger(commands)]
        except TransientError as error:
            told[service] = f"away: {error.code}"
    return told


def customer_of(ledgers: Ledgers, reader: TopicReader, topic: str, command_id: str) -> str:
    """Whose command this is: from a ledger, where it is found by its key, else from the trail, which is read whole.

    Raises:
        UnknownCommandError: Neither has it.
    """
    for ledger in ledgers.values():
        try:
            found = ledger([command_id])
        except TransientError:
            continue
        if found:
            return found[0].customer_id
    for _, fields in _answers(reader, topic, None):
        if fields["command_id"] == command_id:
            return str(fields["customer_id"])
    raise UnknownCommandError


def _answers(
    reader: TopicReader, topic: str, starts: Mapping[int, int] | None
) -> Iterator[tuple[bytes | None, Mapping[str, Any]]]:
    for record in reader.read(topic, starts):
        try:
            yield record.key, decode(record.value, RESULT).fields
        except InvalidRecordError:
            continue


def _answer(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "at": when(fields["finished_at"]),
        "purpose": fields["purpose"],
        "service": fields["service"],
        "command": fields["command_id"],
        "attempt": fields["attempt"],
        "outcome": fields["outcome"],
        "rows": dict(fields["rows_by_table"]),
        "code": fields["error_code"],
    }


def _proof(proof: Proof) -> dict[str, Any]:
    return {
        "command": proof.command_id,
        "purpose": proof.purpose,
        "outcome": proof.outcome,
        "rows": dict(proof.rows),
        "committed_at": when(proof.committed_at),
        "carried_at": when(proof.carried_at),
        "rules": proof.rules_digest,
        "traceparent": proof.traceparent,
    }
