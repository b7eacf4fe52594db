"""What the client refuses, and what to do about it. No text or argument here ever carries an id or a value."""


class ProducerClientError(Exception):
    """The event was not accepted: nothing of it will be sent."""


class InvalidEventError(ProducerClientError):
    """A field of the event cannot be sent.

    Attributes:
        field: The argument to repair, by its name.
    """

    def __init__(self, field: str, repair: str) -> None:
        super().__init__(f"{field}: {repair}")
        self.field = field


class PersonalDataError(InvalidEventError):
    """An id looks like a personal number, an e-mail address or a name; Lapse takes opaque ids only."""

    def __init__(self, field: str) -> None:
        super().__init__(
            field,
            "looks like personal data (e-mail address, personal number, or text with spaces); "
            "send an opaque id that means nothing outside your systems",
        )


class QueueFullError(ProducerClientError):
    """The client's queue is full, as the broker takes events more slowly than they are made, or not at all."""

    def __init__(self) -> None:
        super().__init__(
            "the producer's queue is full and this event was not accepted: call flush(timeout) and send it again with "
            "the same event_id, or raise queue.buffering.max.messages; if it stays full, the broker is away"
        )


class ForkedProducerError(ProducerClientError):
    """The producer was made before a fork; its threads and connections exist in the parent process only."""

    def __init__(self) -> None:
        super().__init__(
            "this producer was made before the process forked and cannot be used here: "
            "make a producer after the fork (in gunicorn: post_fork, in Celery: worker_process_init)"
        )


class ClosedProducerError(ProducerClientError):
    """The producer was closed."""

    def __init__(self) -> None:
        super().__init__("this producer is closed: make a new one, or keep one open as long as the service runs")


class UndeliveredError(ProducerClientError):
    """The `with` block ended while events were not acknowledged; each was reported as failed to its callback.

    Attributes:
        count: How many events.
    """

    def __init__(self, count: int) -> None:
        super().__init__(
            f"{count} events were not acknowledged before the producer closed: send them again with the same event_id"
        )
        self.count = count


class KafkaClientError(ProducerClientError):
    """The Kafka client did not accept the event.

    Attributes:
        code: Its name for the reason, such as `_UNKNOWN_TOPIC`; after `_FATAL` only a new producer helps.
    """

    def __init__(self, code: str) -> None:
        super().__init__(f"the Kafka client did not accept the event: {code}")
        self.code = code


class ProducerConfigError(ProducerClientError):
    """The configuration would lose, reorder or misroute events, or the Kafka client refuses it."""
