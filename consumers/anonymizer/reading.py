"""What a record on the commands topic asks of one service."""

from typing import NamedTuple

from consumers.domain.errors import InvalidRecordError
from consumers.ports import Record
from consumers.runtime.records import trace_of
from schemas.codec import decode
from schemas.library import CHECK, COMMANDS
from schemas.validate import check_customer_id, check_uuid


class Order(NamedTuple):
    """A command for this service, and where it stood. `asks`: for its vote, not yet for more."""

    command_id: str
    attempt: int
    customer_id: str
    purpose: str
    partition: int
    offset: int
    traceparent: str | None
    asks: bool = False


def read_command(record: Record, service: str, purpose: str) -> Order | None:
    """The order in a record, None where it is not for this service. InvalidRecordError: it is no command."""
    name, fields = decode(record.value, COMMANDS)
    if record.key != fields["customer_id"].encode():
        raise InvalidRecordError("key_mismatch")
    # what cannot name a row or be asked of a ledger would fail before it can be given up
    check_customer_id(fields["customer_id"], personal_data=None)
    check_uuid(fields["command_id"])
    if fields["purpose"] != purpose or fields.get("only_service") not in {None, service}:
        return None
    return Order(
        fields["command_id"],
        fields["attempt"],
        fields["customer_id"],
        fields["purpose"],
        record.partition,
        record.offset,
        trace_of(record.headers),
        asks=name == CHECK,
    )
