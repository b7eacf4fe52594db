"""The Kafka producer where no broker answers, and over the Kafka client's own mock cluster."""

import gc
import os
import threading
import time
import weakref
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from producer_client import (
    DeliveryReport,
    ForkedProducerError,
    KafkaClientError,
    LapseProducer,
    ProducerSettings,
    QueueFullError,
    UndeliveredError,
)
from producer_client.polling import Polling

AWAY = {"bootstrap.servers": "127.0.0.1:1", "log_level": 0}
MOCK = {"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 0}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def polling_threads() -> int:
    return sum(thread.name == "lapse-producer-polling" for thread in threading.enumerate())


def close_at_once(producer: LapseProducer) -> None:
    producer.close(timeout=0)


def test_full_queue_is_refused_at_once_with_the_repair() -> None:
    producer = LapseProducer({**AWAY, "queue.buffering.max.messages": 2}, source="loans")
    for number in range(2):
        producer.product_opened("c1", f"loan/{number}")
    started = time.monotonic()
    with pytest.raises(QueueFullError, match=r"flush\(timeout\) and send it again with the same event_id") as refused:
        producer.product_opened("c-secret", "loan/3")
    assert time.monotonic() - started < 1
    assert "c-secret" not in str(refused.value)
    close_at_once(producer)


def test_flush_counts_what_is_undelivered() -> None:
    producer = LapseProducer(AWAY, source="loans")
    for number in range(3):
        producer.product_opened("c1", f"loan/{number}")
    assert producer.flush(0.01) == 3
    close_at_once(producer)


def test_closing_reports_every_event_that_was_left() -> None:
    reports: list[DeliveryReport] = []
    producer = LapseProducer(AWAY, source="loans", on_delivery=reports.append)
    event_ids = {producer.product_opened("c1", f"loan/{number}") for number in range(3)}
    assert producer.close(timeout=0.01) == 3
    assert {report.event_id for report in reports} == event_ids
    assert {(report.ok, report.error_code, report.offset) for report in reports} == {(False, "_PURGE_QUEUE", -1)}


def test_block_that_leaves_events_undelivered_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    producer = LapseProducer(AWAY, source="loans")
    monkeypatch.setattr(producer, "close", lambda: LapseProducer.close(producer, timeout=0))
    with pytest.raises(UndeliveredError, match="1 events") as left, producer:
        producer.product_opened("c1", "loan/1")
    assert left.value.count == 1


def test_failure_without_a_callback_is_logged_by_event_id(caplog: pytest.LogCaptureFixture) -> None:
    producer = LapseProducer(AWAY, source="loans")
    event_id = producer.product_opened("c-secret", "loan/1")
    close_at_once(producer)
    assert caplog.messages == [f"event {event_id} was not delivered: _PURGE_QUEUE"]


def test_event_the_client_refuses_is_named_by_code() -> None:
    producer = LapseProducer({**AWAY, "message.max.bytes": 1_000}, source="loans")
    with pytest.raises(KafkaClientError, match="MSG_SIZE_TOO_LARGE") as refused:
        producer.product_opened("\N{CJK UNIFIED IDEOGRAPH-20000}" * 256, "loan/1")  # four bytes each
    assert refused.value.code == "MSG_SIZE_TOO_LARGE"


def test_settings_are_taken_as_properties_are() -> None:
    settings = ProducerSettings(bootstrap_servers="mock", properties={"test.mock.num.brokers": 1, "log_level": 0})
    reports: list[DeliveryReport] = []
    with LapseProducer(settings, source="loans", on_delivery=reports.append) as producer:
        producer.product_opened("c1", "loan/1")
    assert [report.ok for report in reports] == [True]


def test_events_of_a_burst_are_all_reported_to_a_busy_caller() -> None:
    reports: list[DeliveryReport] = []
    with LapseProducer(MOCK, source="loans", on_delivery=reports.append) as producer:
        event_ids = {producer.schedule(f"c{number}", "loan/1", retention_starts_at=NOW) for number in range(20_000)}
    assert {report.event_id for report in reports} == event_ids
    assert len(reports) == 20_000


@pytest.mark.parametrize("raised", [ValueError, SystemExit])
def test_polling_thread_survives_what_a_callback_raises(raised: type[BaseException]) -> None:
    reports: list[DeliveryReport] = []

    def fail(report: DeliveryReport) -> None:
        raise raised

    producer = LapseProducer(MOCK, source="loans", on_delivery=reports.append)
    producer.product_opened("c1", "loan/1", on_delivery=fail)
    producer.product_opened("c1", "loan/2")
    wait_for(lambda: reports)
    producer.close()


def test_raising_callback_of_the_client_reaches_no_caller(caplog: pytest.LogCaptureFixture) -> None:
    def fail(timeout: float) -> int:
        raise ValueError("c-secret")

    polling = Polling(fail)
    assert polling.serve(0) == 0
    polling.stop()
    assert "ValueError" in caplog.text
    assert "c-secret" not in caplog.text


def test_closing_ends_the_polling_thread() -> None:
    before = polling_threads()
    producer = LapseProducer(AWAY, source="loans")
    assert polling_threads() == before + 1
    close_at_once(producer)
    assert polling_threads() == before


def test_forgotten_producer_is_collected_with_its_thread() -> None:
    before = polling_threads()
    producer: Any = LapseProducer(AWAY, source="loans")
    gone = weakref.ref(producer)
    del producer
    gc.collect()
    assert gone() is None
    wait_for(lambda: polling_threads() == before)


# From Python 3.12 on a fork beside threads warns; what it warns of is what these tests are about.
forks = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


def in_child(action: Callable[[], object]) -> int:
    """Forks, acts and returns the child's exit code: 0 if ForkedProducerError with its advice was raised."""
    child = os.fork()
    if child == 0:
        try:
            action()
        except ForkedProducerError as refused:
            os._exit(0 if "make a producer after the fork" in str(refused) else 2)
        except BaseException:  # noqa: BLE001 - nothing of pytest may run in the child
            os._exit(3)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


@forks
def test_every_method_refuses_to_work_after_a_fork() -> None:
    with LapseProducer(MOCK, source="loans") as producer:
        methods: list[Callable[[], object]] = [
            lambda: producer.schedule("c1", "loan/1", retention_starts_at=NOW),
            lambda: producer.postpone("c1", "loan/1"),
            lambda: producer.product_opened("c1", "loan/1"),
            lambda: producer.product_closed("c1", "loan/1"),
            lambda: producer.legal_hold("c1", "77"),
            lambda: producer.legal_hold_released("c1", "77"),
            lambda: producer.flush(1),
            producer.poll,
            producer.close,
            producer.__enter__,
            lambda: producer.__exit__(None, None, None),
        ]
        assert [in_child(method) for method in methods] == [0] * len(methods)
        producer.product_opened("c1", "loan/1")  # the parent goes on


@forks
def test_error_that_leaves_a_block_after_a_fork_is_not_hidden() -> None:
    def leave() -> None:
        producer.__exit__(SystemExit, SystemExit(), None)
        raise ForkedProducerError

    with LapseProducer(MOCK, source="loans") as producer:
        assert in_child(leave) == 0


@forks
def test_producer_made_after_the_fork_works() -> None:
    def send() -> None:
        with LapseProducer(MOCK, source="loans") as producer:
            producer.product_opened("c1", "loan/1")
        raise ForkedProducerError

    with LapseProducer(MOCK, source="loans"):
        assert in_child(send) == 0
