"""Records out, in memory."""

from consumers.adapters.memory.broker import MemoryBroker
from consumers.domain.errors import LapseError, TransientError
from consumers.ports import Headers


class MemorySink:
    """Writes to a MemoryBroker at once. Fulfils RecordSink.

    As with Kafka, a record that cannot be written is reported by the next `flush` only.
    """

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._failed: str | None = None

    def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        """Hand a record over; it is safe only after `flush`."""
        try:
            self._broker.reach("send")
            self._broker.append(topic, key, value, headers)
        except LapseError as error:
            self._failed = self._failed or error.code

    def flush(self) -> None:
        """Report on all that was handed over since the last flush.

        Raises:
            TransientError: Some of it was not written; its code is that of the first failure.
        """
        failed, self._failed = self._failed, None
        if failed is not None:
            raise TransientError(f"records were not acknowledged: {failed}", code=failed)

    def close(self) -> None:
        """Nothing is left to release."""
