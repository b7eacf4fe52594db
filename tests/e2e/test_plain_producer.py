"""A product service needs nothing of Lapse but the schemas: any Kafka client and any Avro library will do."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from fastavro import parse_schema, schemaless_writer
from fastavro.schema import fingerprint, to_parsing_canonical_form

from consumers.local import Services
from tests.support.installation import Installation, installation

SCHEMAS = Path(__file__).parents[2] / "schemas" / "avro"
NOW = datetime.now(UTC)
CLOSED = NOW - timedelta(days=60)


def single_object(schema_file: str, fields: Mapping[str, Any]) -> bytes:
    """The single-object encoding as the Avro specification has it: C3 01, fingerprint, body."""
    schema = json.loads((SCHEMAS / schema_file).read_text(encoding="utf-8"))
    mark = bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))
    body = BytesIO()
    schemaless_writer(body, parse_schema(schema), dict(fields))
    return b"\xc3\x01" + mark + body.getvalue()


def statement(customer: str, product: str, occurred: datetime, **more: datetime) -> dict[str, Any]:
    fields = {"event_id": uuid.uuid4(), "customer_id": customer, "product": product, "occurred_at": occurred}
    return {**fields, **more, "source": "plain"}


def loan_closed(customer: str) -> bytes:
    fields = statement(customer, "loan/8812", CLOSED, retention_starts_at=CLOSED)
    return single_object("ScheduleAnonymization.v1.avsc", fields)


def postponed(customer: str) -> bytes:
    fields = statement(customer, "dispute/3", NOW, until=NOW + timedelta(days=90))
    return single_object("PostponeAnonymization.v1.avsc", fields)


def produce(lapse: Installation, *records: tuple[str, bytes]) -> None:
    settings = {"bootstrap.servers": lapse.services.kafka.bootstrap_servers, "partitioner": "murmur2_random"}
    producer = Producer(settings)
    for customer, value in records:
        producer.produce(lapse.app.names.events, key=customer, value=value)
    assert producer.flush(30) == 0


def test_events_of_a_plain_client_anonymize_one_and_keep_one(services: Services, tmp_path: Path) -> None:
    with installation(services, tmp_path, ("crm",)) as lapse, lapse.roles():
        lapse.people("gone", "kept")
        before = lapse.rows("crm")["kept"]
        produce(lapse, ("gone", loan_closed("gone")), ("kept", loan_closed("kept")), ("kept", postponed("kept")))
        lapse.wait_until_folded()
        assert lapse.tick().taken == 1
        lapse.wait_until_completed("gone")
        assert lapse.anonymized("crm") == {"gone"}
        assert lapse.rows("crm")["kept"] == before
        assert lapse.records("dead-letters") == []
