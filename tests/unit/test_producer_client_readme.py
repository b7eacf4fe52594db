"""Every Python block of the client's README runs, with the in-memory producer in the place of the real one."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import producer_client
from producer_client import ProducerSettings
from producer_client.client_properties import checked_properties
from producer_client.testing import InMemoryProducer

README = Path(producer_client.__file__).parent / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


class Recording(InMemoryProducer):
    """Takes the arguments of a LapseProducer, checks its configuration and remembers what was made."""

    made: list["Recording"]

    def __init__(self, config: Mapping[str, object] | ProducerSettings, **options: Any) -> None:
        super().__init__(**options)
        if isinstance(config, ProducerSettings):
            config.client_properties()
        else:
            checked_properties(config)
        self.made.append(self)


@pytest.fixture(autouse=True)
def recording(monkeypatch: pytest.MonkeyPatch) -> type[Recording]:
    Recording.made = []
    monkeypatch.setattr(producer_client, "LapseProducer", Recording)
    return Recording


def run(block: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(block, str(README), "exec"), names)
    return names


def test_block_of_the_projects_readme_emits_four_events(recording: type[Recording]) -> None:
    text = (README.parents[1] / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    run(block)
    assert [event.product for event in recording.made[0].events] == [
        "loan/8812",
        "loan/8812",
        "activity",
        "legal-hold/77",
    ]


def test_readme_has_the_blocks() -> None:
    assert len(BLOCKS) == 8


@pytest.mark.parametrize("number", range(8))
def test_block_runs_and_emits_what_it_shows(number: int, recording: type[Recording]) -> None:
    names = run(BLOCKS[number])
    shown = re.findall(r"producer\.(product_opened|product_closed|schedule|postpone)\(", BLOCKS[number])
    emitted = [event for producer in recording.made for event in producer.events]
    assert bool(emitted) == bool(shown and recording.made)
    if "database" in names:
        assert names["database"].execute("SELECT count(*) FROM outbox").fetchone() == (1,)
        names["database"].close()


def test_block_opens_no_loan_when_the_event_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    names = run(next(block for block in BLOCKS if "def open_loan" in block))
    producer = InMemoryProducer()
    producer.fail_next()
    with pytest.raises(RuntimeError, match="not opened"):
        names["open_loan"](producer, "c1", "1")


def test_block_that_retries_keeps_the_event_id(recording: type[Recording], monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_first = Recording.__enter__

    def enter(producer: Recording) -> Recording:
        producer.fill_queue()
        return refuse_first(producer)

    monkeypatch.setattr(Recording, "__enter__", enter)
    names = run(next(block for block in BLOCKS if "QueueFullError" in block and "attempt" in block))
    assert [event.event_id for event in recording.made[0].events] == [names["event_id"]]
