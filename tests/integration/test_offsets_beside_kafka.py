"""`lapse offsets reset` beside Kafka's own tool, on the same groups: the same offsets for every flag."""

import csv
import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]  # its re-exports are unmarked

from consumers.adapters.kafka import KafkaConfig, KafkaGroups, KafkaOffsets
from consumers.local import maven
from consumers.local.workspace import Workspace
from consumers.ports import Partition
from tests import support
from tests.support.command_line import Answer, run
from tests.support.installation import wait_for
from tests.support.records import CLASSIC, KIP_848, RealKafka

TOOL = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"


@pytest.fixture(scope="module")
def backend(kafka: str) -> Iterator[RealKafka]:
    with closing(RealKafka(kafka)) as backend:
        yield backend


@pytest.fixture(scope="module")
def libs() -> Iterator[Path]:
    """Kafka's jars, its tools among them."""
    workspace = Workspace()
    pom = Path(support.__file__).with_name("kafka-tools.pom.xml").read_bytes()
    yield maven.jars("kafka-tools", workspace, lambda _: None, pom)
    workspace.close()


class Beside:
    """One topic of four partitions, and a group that stands somewhere in three of them."""

    def __init__(self, backend: RealKafka, folder: Path, libs: Path) -> None:
        self.backend, self.folder, self.libs = backend, folder, libs
        self.prefix = backend.topic()[2:] + "."
        self.topic, self.group = self.prefix + "commands", self.prefix + "anonymizer.crm"
        self._make()
        self.offsets = KafkaOffsets(backend.config)
        self.groups = KafkaGroups(backend.config)

    def _make(self) -> None:
        config = {"message.timestamp.type": "LogAppendTime"}
        self.backend.admin.create_topics([NewTopic(self.topic, 4, 1, config=config)])[self.topic].result(30)
        sink = self.backend.sink()
        for number in range(400):
            sink.send(self.topic, b"customer-%d" % (number % 60), b"v")
        sink.flush()
        self.halfway = time.time()
        time.sleep(0.05)
        for number in range(200):
            sink.send(self.topic, b"customer-%d" % (number % 60), b"v")
        sink.flush()
        with closing(KafkaOffsets(self.backend.config)) as offsets:
            ends = offsets.end(self.topic)
        KafkaGroups(self.backend.config).reset(self.group, self.topic, {0: 10, 1: ends[1], 2: 5})
        at = TopicPartition(self.topic, 2, 20)
        self.backend.admin.delete_records([at])[at].result(30)

    def twin(self, name: str) -> str:
        """Another group that stands where the first does; its full name."""
        twin = f"{self.prefix}anonymizer.{name}"
        stands = {at: offset for at, offset in self.committed(self.group).items() if offset is not None}
        self.groups.reset(twin, self.topic, stands)
        return twin

    def committed(self, group: str) -> dict[int, int | None]:
        return dict(self.offsets.committed(group, self.topic))

    def tool(self, *flags: str, group: str = "") -> "subprocess.CompletedProcess[str]":
        """Kafka's own."""
        classpath = ":".join(sorted(str(jar) for jar in self.libs.glob("*.jar")))
        command = [maven.java(), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classpath, TOOL]
        address = str(self.backend.config["bootstrap.servers"])
        asked = ["--bootstrap-server", address, "--group", group or self.group, "--reset-offsets", *flags]
        return subprocess.run([*command, *asked], capture_output=True, text=True, check=False, timeout=60)

    def ours(self, *flags: str, group: str = "") -> Answer:
        """Lapse's."""
        settings = self.folder / "lapse.yaml"
        kafka = {"bootstrap_servers": self.backend.config["bootstrap.servers"], "prefix": self.prefix}
        settings.write_text(json.dumps({"kafka": kafka}))
        return run("--config", str(settings), "offsets", "reset", "--group", group or self.group, *flags)


def exported(text: str, topic: str) -> list[str]:
    """The lines of the file; the tool prints warnings beside them."""
    return sorted(line for line in text.splitlines() if line.replace('"', "").startswith(f"{topic},"))


def offsets_of(lines: Sequence[str]) -> dict[int, int]:
    return {int(partition): int(offset) for _, partition, offset in csv.reader(lines)}


def test_every_flag_gives_the_offsets_kafkas_tool_gives(backend: RealKafka, tmp_path: Path, libs: Path) -> None:
    beside = Beside(backend, tmp_path, libs)
    given = tmp_path / "offsets.csv"
    given.write_text(f"{beside.topic},0,3\n{beside.topic},2,1\n{beside.topic},3,99999\n")
    whole, some = ["--topic", beside.topic], ["--topic", f"{beside.topic}:0,2"]
    halfway = datetime.fromtimestamp(beside.halfway, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    cases = [
        ["--to-earliest", *whole],
        ["--to-latest", *whole],
        ["--to-current", *whole],
        ["--to-offset", "25", *whole],
        ["--shift-by", "-7", *some],
        ["--shift-by", "100000", *some],
        ["--to-datetime", halfway, *whole],
        ["--by-duration", "PT0S", *whole],
        ["--by-duration", "P1D", *whole],
        ["--from-file", str(given)],
    ]
    stands = beside.committed(beside.group)
    for number, flags in enumerate(cases):
        kafkas, lapses = beside.tool(*flags, "--export", "--dry-run"), beside.ours(*flags, "--export", "--dry-run")
        expected = exported(kafkas.stdout, beside.topic)
        assert expected, (flags, kafkas.stdout, kafkas.stderr)
        assert sorted(lapses.out.splitlines()) == expected, (flags, lapses)
        twin = beside.twin(f"twin{number}")
        assert beside.ours(*flags, "--execute", group=twin).code == 0
        assert beside.committed(twin) == stands | offsets_of(expected), flags
    assert beside.committed(beside.group) == stands  # the dry runs wrote nothing
    ours, theirs = beside.twin("ours"), beside.twin("theirs")
    assert beside.ours("--to-offset", "25", *whole, "--execute", group=ours).code == 0
    assert beside.tool("--to-offset", "25", *whole, "--execute", group=theirs).returncode == 0
    assert beside.committed(ours) == beside.committed(theirs) == {0: 25, 1: 25, 2: 25, 3: 25}


def test_shift_without_a_committed_offset_is_refused_by_both(backend: RealKafka, tmp_path: Path, libs: Path) -> None:
    beside = Beside(backend, tmp_path, libs)
    flags = ["--shift-by", "1", "--topic", beside.topic]
    theirs, ours = beside.tool(*flags), beside.ours(*flags)
    assert "no current committed offset" in theirs.stdout + theirs.stderr
    assert ours.code == 1
    assert "partitions 3 have no committed offset" in ours.err


@pytest.mark.parametrize("protocol", [CLASSIC, KIP_848], ids=["classic", "consumer"])
def test_both_refuse_an_active_group(kafka: str, protocol: KafkaConfig, tmp_path: Path, libs: Path) -> None:
    with closing(RealKafka(kafka, protocol)) as backend:
        beside = Beside(backend, tmp_path, libs)
        reader = backend.reader(beside.topic, beside.group, {Partition(beside.topic, number): 0 for number in range(4)})
        reader.until(lambda: len(reader.held) == 4)
        theirs = beside.tool("--to-earliest", "--topic", beside.topic, "--execute")
        looked, ours = beside.ours("--to-earliest"), beside.ours("--to-earliest", "--execute")
        assert "inactive" in theirs.stdout + theirs.stderr
        for answer in (looked, ours):
            assert answer.code == 1
            assert "1 members; stop them first" in answer.err
        assert beside.committed(beside.group)[0] == 10
        reader.source.close()
        wait_for("nobody is a member any more", lambda: beside.ours("--to-offset", "12", "--execute").code == 0)
        assert beside.committed(beside.group)[0] == 12
