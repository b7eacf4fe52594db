"""A command as a record on lapse.commands: a question while it is ASKED, an order from then on."""

from consumers.domain.commands import Sent
from consumers.domain.item import Item
from consumers.domain.registers import Register
from consumers.ports import RecordSink
from consumers.runtime.records import trace_headers
from schemas.codec import encode


def send_command(sink: RecordSink, topic: str, item: Item, sent: Sent) -> None:
    """Hand a command over under the trace context of the newest statement behind it. Safe after the sink's flush."""
    sink.send(topic, item.customer_id.encode(), command_record(item, sent), trace_headers(trace_of_item(item)))


def command_record(item: Item, sent: Sent) -> bytes:
    """The CheckCustomer or AnonymizeCustomer record of a command."""
    fields = {
        "command_id": sent.command.id,
        "attempt": sent.command.attempt,
        "customer_id": item.customer_id,
        "purpose": sent.purpose,
        "sent_at": sent.command.sent_at,
    }
    if sent.command.phase == "ASKED":
        return encode("CheckCustomer", fields)
    return encode("AnonymizeCustomer", {**fields, "only_service": sent.only_service})


def trace_of_item(item: Item) -> str | None:
    """The trace context of the newest statement that came with one."""
    traced: list[Register] = [
        register for product in item.products.values() for register in product if register and register.traceparent
    ]
    return max(traced, key=lambda register: register[:3]).traceparent if traced else None
