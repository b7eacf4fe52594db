"""Serves delivery reports: on the callers' threads while they send a lot, on a thread of its own while they do not.

The Kafka client reports only while somebody polls. A caller that polled on every event would pay a quarter more for
each; a thread that polled all the time would take a batch of reports from under a busy caller and then, as every report
needs the interpreter lock, hand them on at the speed of thread switches. So callers poll at every 64th event, and the
thread stands back while they do.
"""

import logging
import threading
from collections.abc import Callable

_log = logging.getLogger("producer_client")

EVENTS_BETWEEN_POLLS = 64
_LONGEST_POLL_S = 0.1  # also how long `stop` may take
_STAND_BACK_S = 0.02


class Polling:
    """Polls one Kafka producer until stopped.

    It refers to that producer only, so that a `LapseProducer` nobody closed can still be collected.
    """

    def __init__(self, poll: Callable[[float], int]) -> None:
        self._poll = poll
        self._events = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lapse-producer-polling", daemon=True)
        self._thread.start()

    def sent(self) -> None:
        """Counts an event and now and then serves reports; never waits."""
        self._events += 1
        if not self._events % EVENTS_BETWEEN_POLLS:
            self.serve(0)

    def serve(self, timeout: float) -> int:
        """Serves the reports that are there, waiting up to `timeout` seconds for the first; returns how many."""
        try:
            return self._poll(timeout)
        except Exception as error:  # noqa: BLE001 - from a callback in the configuration (error_cb, stats_cb, ...)
            _log.error("a callback of the Kafka client raised %s", type(error).__name__)
            return 0

    def stop(self) -> None:
        """Ends the thread; a second call changes nothing."""
        self._stopping.set()
        if self._thread is not threading.current_thread():
            self._thread.join(2 * _LONGEST_POLL_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            before = self._events
            try:
                self.serve(_LONGEST_POLL_S)
            except BaseException as error:  # noqa: BLE001 - SystemExit from a callback ends no process from here
                _log.error("a callback raised %s", type(error).__name__)
            if self._events - before > EVENTS_BETWEEN_POLLS:
                self._stopping.wait(_STAND_BACK_S)
