"""A report of several dependencies: what does not answer is said to be away, the rest is told all the same."""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from consumers.domain.errors import TransientError
from consumers.operations.sections import Away

NO_ANSWER = "no_answer"


def read_apart(reads: Mapping[str, Callable[[], Any]], seconds: float) -> dict[str, Any]:
    """Read the sections beside each other; each is what its call gave, or Away.

    A call that has not answered after `seconds` is left behind: its thread ends with the process.

    Raises:
        PermanentError: One of them needs a repair, which its text names.
    """
    answers: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    for name, read in reads.items():
        threading.Thread(target=_answer, args=(name, read, answers), name=f"status-{name}", daemon=True).start()
    found: dict[str, Any] = dict.fromkeys(reads, Away(NO_ANSWER))
    deadline = time.monotonic() + seconds
    for _ in reads:
        try:
            name, answer = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        if isinstance(answer, Exception):
            raise answer
        found[name] = answer
    return found


def _answer(name: str, read: Callable[[], Any], answers: "queue.SimpleQueue[tuple[str, Any]]") -> None:
    try:
        answers.put((name, read()))
    except TransientError as error:
        answers.put((name, Away(error.code)))
    except Exception as error:  # noqa: BLE001 - raised by the thread that asked
        answers.put((name, error))
