"""Setting a group back: what is refused, and how a restored backup's target is found."""

from pathlib import Path

import pytest
import typer

from consumers.adapters.memory.broker import MemoryBroker
from consumers.adapters.memory.clock import MemoryClock
from consumers.adapters.memory.offsets import MemoryGroups, MemoryOffsets
from consumers.adapters.memory.reader import MemoryReader
from consumers.adapters.memory.source import MemorySource
from consumers.cli import offsets as command
from consumers.domain.errors import PermanentError
from consumers.domain.names import Names
from consumers.domain.resetting import HOUR, Log, to_current
from consumers.operations import offsets
from consumers.operations.discarding import halting
from consumers.operations.modes import stop_everything
from consumers.state.halting import name_in_halt
from schemas.codec import encode
from tests.support.build import NOW, SECOND
from tests.support.world import World

NAMES = Names()
LOGS = {0: Log(50, 10, 100), 1: Log(20, 0, 70)}
CRM = offsets.Group("lapse.anonymizer.crm", "lapse.commands")


@pytest.mark.parametrize(
    ("named", "group", "topic"),
    [
        ("state", "lapse.state", "lapse.events"),
        ("ticker", "lapse.ticker", "lapse.ticks"),
        ("anonymizer.crm", "lapse.anonymizer.crm", "lapse.commands"),
        ("lapse.anonymizer.crm", "lapse.anonymizer.crm", "lapse.commands"),
    ],
)
def test_a_group_is_known_by_its_full_and_its_short_name(named: str, group: str, topic: str) -> None:
    assert offsets.named_group(NAMES, named) == (group, topic)


@pytest.mark.parametrize("named", ["crm", "anonymizer.", "other.state"])
def test_a_group_no_role_has_is_refused(named: str) -> None:
    with pytest.raises(PermanentError, match=r"anonymizer\.NAME"):
        offsets.named_group(NAMES, named)


def test_only_the_chosen_partitions_are_planned() -> None:
    assert offsets.planned(LOGS, to_current, [1]) == {1: 20}
    assert offsets.planned(LOGS, to_current, None) == {0: 50, 1: 20}
    with pytest.raises(PermanentError, match="no partitions 7"):
        offsets.planned(LOGS, to_current, [0, 7])


def test_a_group_with_members_is_refused_even_to_look() -> None:
    broker = MemoryBroker(MemoryClock(NOW))
    broker.create(CRM.topic, 2)
    MemorySource(broker, [CRM.topic], CRM.name).poll(1, 0.0)
    with pytest.raises(PermanentError, match="1 members; stop them first"):
        offsets.reset(MemoryGroups(broker), CRM, LOGS, {0: 10}, execute=False)


# ---- back to a backup ------------------------------------------------------------------------------------------------


def nothing(_: int) -> list[tuple[int, int, int]]:
    raise AssertionError("the trail is not asked")


def test_a_ledger_answers_alone() -> None:
    assert offsets.to_backup({0: 45, 1: 60}, 5, nothing, None)(LOGS) == {0: 35, 1: 20}


@pytest.mark.parametrize("reached", [None, {}])
def test_without_a_ledger_somebody_must_say_when_the_backup_was_taken(reached: dict[int, int] | None) -> None:
    with pytest.raises(PermanentError, match="--taken-at"):
        offsets.to_backup(reached, 5, nothing, None)
    asked: list[int] = []

    def trail(at: int) -> list[tuple[int, int, int]]:
        asked.append(at)
        return [(0, 33, NOW)]

    assert offsets.to_backup(reached, 5, trail, NOW)(LOGS) == {0: 33, 1: 20}
    assert asked == [NOW - HOUR]


def test_a_ledger_that_grew_after_the_restore_does_not_hide_what_the_trail_knows() -> None:
    target = offsets.to_backup({0: 45, 1: 22}, 5, lambda _: [(0, 33, NOW), (1, 19, NOW)], NOW)
    assert target(LOGS) == {0: 33, 1: 12}


def test_a_service_must_be_stopped() -> None:
    world = World()
    for service in ("crm", "unknown"):
        with pytest.raises(PermanentError, match=f"lapse service stop {service}"):
            offsets.refuse_unless_stopped(world.table, service)
    world.mode("crm", "stopped")
    offsets.refuse_unless_stopped(world.table, "crm")


@pytest.mark.parametrize("by", ["a person", "a record for nobody"])
def test_nothing_is_set_back_to_a_backup_while_all_is_stopped(by: str) -> None:
    world = World()
    world.mode("crm", "stopped")
    if by == "a person":
        stop_everything(world.table, "ann", "test", world.clock, world.stamp)
    else:
        name_in_halt(world.table, ["lapse.events-0-1", "lapse.events-0-1"], world.stamp)
        assert halting(world.table) == ("lapse.events-0-1",)  # a record and its copy, in one batch: seed 856
    with pytest.raises(PermanentError, match="all is stopped"):
        offsets.refuse_unless_stopped(world.table, "crm")


def result(service: str, offset: int | None, finished_at: int) -> bytes:
    fields = {
        "command_id": "6f0f3f5e-2f0c-4f5e-8d0e-0d7c0a4b9a11",
        "attempt": 1,
        "customer_id": "c",
        "purpose": "care",
        "service": service,
        "outcome": "DONE",
        "rows_by_table": {},
        "command_partition": None if offset is None else 0,
        "command_offset": offset,
        "finished_at": finished_at,
    }
    return encode("AnonymizationResult", fields)


def test_the_trail_is_read_from_then_on_and_for_one_service() -> None:
    clock = MemoryClock(NOW)
    broker = MemoryBroker(clock)
    broker.create(NAMES.results, 2)
    broker.append(NAMES.results, b"a", result("crm", 1, NOW))
    clock.wait(10)
    for value in (result("crm", 4, NOW), result("loans", 5, NOW), result("crm", None, NOW), b"no result"):
        broker.append(NAMES.results, b"a", value)
    found = offsets.finished_since(MemoryReader(broker), MemoryOffsets(broker), NAMES.results, "crm", NOW + SECOND)
    assert list(found) == [(0, 4, NOW)]


# ---- what a person typed ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"), [("PT0S", 0), ("P1D", 86_400), ("P1DT6H", 108_000), ("PT1M1.5S", 61.5), ("PT90M", 5400)]
)
def test_a_length_of_time_is_as_kafka_reads_it(text: str, seconds: float) -> None:
    assert command._duration(text) == seconds * SECOND


@pytest.mark.parametrize("text", ["", "P", "PT", "P1M", "P1W", "01:00", "1 day", "P1DT", "-P1D"])
def test_another_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="P1DT6H"):
        command._duration(text)


def test_a_file_must_be_of_the_topic_the_group_reads(tmp_path: Path) -> None:
    file = tmp_path / "offsets.csv"
    file.write_text('"lapse.commands",0,7\nlapse.commands,1,8\n\n')
    assert command._given(file, "lapse.commands") == {0: 7, 1: 8}
    file.write_text("lapse.commands,0,7\nlapse.events,0,7\n")
    with pytest.raises(PermanentError, match=r"reads lapse\.commands, not lapse\.events"):
        command._given(file, "lapse.commands")
    file.write_text("group,lapse.commands,0,7\n")
    with pytest.raises(PermanentError, match="lines must be topic,partition,offset"):
        command._given(file, "lapse.commands")
