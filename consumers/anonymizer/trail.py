"""The trail on lapse.results: what a service answered to each command. Free of personal data; no role reads it."""

from collections.abc import Mapping
from typing import NamedTuple

from consumers.anonymizer.reading import Order
from consumers.ports import Clock, Metrics, RecordSink
from consumers.runtime.measures import OUTCOMES
from consumers.runtime.records import trace_headers
from schemas.codec import encode


class Answer(NamedTuple):
    """One answer. `table_version` and `committed_at` are those of the item it was decided on."""

    order: Order
    outcome: str
    rows: Mapping[str, int]
    started_at: int
    table_version: int | None = None
    committed_at: int | None = None
    error_code: str | None = None
    deferred_until: int | None = None


class Trail:
    """Writes the answers of one service."""

    def __init__(
        self, service: str, topic: str, rules_digest: str, sink: RecordSink, clock: Clock, metrics: Metrics
    ) -> None:
        self._service, self._topic, self._digest = service, topic, rules_digest
        self._sink, self._clock, self._metrics = sink, clock, metrics

    def send(self, answer: Answer) -> None:
        """Hand an answer over under the trace context of its command. Safe after the sink's flush."""
        order = answer.order
        fields = {
            "command_id": order.command_id,
            "attempt": order.attempt,
            "customer_id": order.customer_id,
            "purpose": order.purpose,
            "service": self._service,
            "outcome": answer.outcome,
            "rows_by_table": dict(answer.rows),
            "rules_digest": self._digest,
            "table_version": answer.table_version,
            "command_partition": order.partition,
            "command_offset": order.offset,
            "committed_at": answer.committed_at,
            "started_at": answer.started_at,
            "finished_at": self._clock.now(),
            "deferred_until": answer.deferred_until,
            "error_code": answer.error_code,
        }
        headers = trace_headers(order.traceparent)
        self._sink.send(self._topic, order.customer_id.encode(), encode("AnonymizationResult", fields), headers)
        self._metrics.count(OUTCOMES, service=self._service, outcome=answer.outcome)
