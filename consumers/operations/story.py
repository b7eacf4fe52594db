"""What happened to a customer: the trail, and what each service's own ledger says."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from consumers.domain.errors import LapseError, PermanentError, TransientError
from consumers.domain.work import Proof
from consumers.operations.customers import when
from consumers.operations.results import result_of
from consumers.ports import TopicOffsets, TopicReader
from consumers.runtime.murmur2 import partition_of
from consumers.runtime.records import trace_of

Ledgers = Mapping[str, Callable[[Sequence[str]], Sequence[Proof]]]


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
    for record in reader.read(topic, starts):
        # before it is decoded: most of a partition is about others
        if record.key == key and (fields := result_of(record)):
            yield {**_answer(fields), "traceparent": trace_of(record.headers)}


def proofs_of(ledgers: Ledgers, commands: Sequence[str]) -> dict[str, list[dict[str, Any]] | str]:
    """What each service's ledger says of these commands; `away: code` or `unusable: code` where it cannot say."""
    told: dict[str, list[dict[str, Any]] | str] = {}
    for service, ledger in ledgers.items():
        try:
            told[service] = [_proof(each) for each in ledger(commands)]
        except LapseError as error:
            told[service] = f"{'away' if isinstance(error, TransientError) else 'unusable'}: {error.code}"
    return told


def customer_of(ledgers: Ledgers, reader: TopicReader, topic: str, command_id: str) -> str:
    """Whose command this is: from a ledger, where it is found by its key, else from the trail, which is read whole.

    Raises:
        UnknownCommandError: Neither has it.
    """
    for ledger in ledgers.values():
        try:
            found = ledger([command_id])
        except LapseError:
            continue
        if found:
            return found[0].customer_id
    for record in reader.read(topic):
        if (fields := result_of(record)) and fields["command_id"] == command_id:
            return str(fields["customer_id"])
    raise UnknownCommandError


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
