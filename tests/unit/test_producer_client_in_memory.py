"""What the in-memory producer can be told to do wrong, so that a product service can test what it does then."""

import pytest

from producer_client import DeliveryReport, QueueFullError, UndeliveredError
from producer_client.testing import InMemoryProducer


def codes(reports: list[DeliveryReport]) -> list[str | None]:
    return [report.error_code for report in reports]


def test_failed_event_is_reported_and_not_delivered() -> None:
    reports: list[DeliveryReport] = []
    producer = InMemoryProducer(on_delivery=reports.append)
    producer.fail_next("_MSG_TIMED_OUT", times=2)
    event_ids = [producer.product_opened("c1", f"loan/{number}") for number in range(3)]
    assert codes(reports) == ["_MSG_TIMED_OUT", "_MSG_TIMED_OUT", None]
    assert [report.ok for report in reports] == [False, False, True]
    assert [event.event_id for event in producer.events] == event_ids[2:]


def test_failure_without_a_callback_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    producer = InMemoryProducer()
    producer.fail_next("_TRANSPORT")
    event_id = producer.product_opened("c-secret", "loan/1")
    assert caplog.messages == [f"event {event_id} was not delivered: _TRANSPORT"]


def test_full_queue_refuses_so_many_events() -> None:
    producer = InMemoryProducer()
    producer.fill_queue()
    with pytest.raises(QueueFullError, match="same event_id"):
        producer.product_opened("c1", "loan/1")
    producer.product_opened("c1", "loan/1")
    assert len(producer.events) == 1


def test_events_wait_while_the_broker_is_away() -> None:
    producer = InMemoryProducer()
    producer.broker_away = True
    producer.product_opened("c1", "loan/1")
    assert (producer.flush(1), producer.poll(), producer.events) == (1, 0, [])
    producer.broker_away = False
    assert producer.poll() == 1
    assert (producer.flush(1), len(producer.events)) == (0, 1)


def test_closing_while_the_broker_is_away_reports_what_was_left() -> None:
    reports: list[DeliveryReport] = []
    producer = InMemoryProducer(on_delivery=reports.append)
    producer.broker_away = True
    with pytest.raises(UndeliveredError, match="1 events"), producer:
        producer.product_opened("c1", "loan/1")
    assert codes(reports) == ["_PURGE_QUEUE"]


def test_error_in_the_block_is_not_hidden_by_what_was_left() -> None:
    producer = InMemoryProducer()
    producer.broker_away = True
    producer.product_opened("c1", "loan/1")
    with pytest.raises(KeyError), producer:
        raise KeyError
