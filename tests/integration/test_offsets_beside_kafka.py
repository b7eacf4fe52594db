"""`lapse offsets reset` beside Kafka's own tool, on the same groups: the same offsets for every flag."""

import csv
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]  # its re-exports are unmarked

from consumers.adapters.kafka import KafkaGroups, KafkaOffsets
from consumers.local import maven
from consumers.local.workspace import Workspace
from consumers.ports import Partition
from tests import support
from tests.support.command_line import Answer, run
from tests.support.records import RealKafka

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

    def tool(self, *flags: str) -> "subprocess.CompletedProcess[str]":
        """Kafka's own."""
        classpath = ":".join(sorted(str(jar) for jar in self.libs.glob("*.jar")))
        command = [maven.java(), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classpath, TOOL]
        address = str(self.backend.config["bootstrap.servers"])
        asked = ["--bootstrap-server", address, "--group", self.group, "--reset-offsets", *flags]
        return subprocess.run([*command, *asked], capture_output=True, text=True, check=False, timeout=60)

    def ours(self, *flags: str) -> Answer:
        """Lapse's."""
        settings = self.folder / "lapse.yaml"
        kafka = {"bootstrap_servers": self.backend.config["bootstrap.servers"], "prefix": self.prefix}
        settings.write_text(json.dumps({"kafka": kafka}))
        return run("--config", str(settings), "offsets", "reset", "--group", "anonymizer.crm", *flags)


def exported(text: str, topic: str) -> dict[int, int]:
    lines = [line for line in text.splitlines() if line.replace('"', "").startswith(topic)]
    return {int(partition): int(offset) for _, partition, offset in csv.reader(lines)}


def test_every_flag_gives_the_offsets_kafkas_tool_gives(backend: RealKafka, tmp_path: Path, libs: Path) -> None:
    beside = Beside(backend, tmp_path, libs)
    at = datetime.fromtimestamp(beside.halfway, UTC)
    given = tmp_path / "offsets.csv"
    given.write_text(f"{beside.topic},0,3\n{beside.topic},2,1\n{beside.topic},3,99999\n")
    some = f"{beside.topic}:0,2"
    cases: list[tuple[list[str], list[str]]] = [
        (["--to-earliest", "--topic", beside.topic], ["--to-earliest"]),
        (["--to-latest", "--topic", beside.topic], ["--to-latest"]),
        (["--to-current", "--topic", beside.topic], ["--to-current"]),
        (["--to-offset", "25", "--topic", beside.topic], ["--to-offset", "25"]),
        (["--shift-by", "-7", "--topic", some], ["--shift-by", "-7", "--topic", some]),
        (["--shift-by", "100000", "--topic", some], ["--shift-by", "100000", "--topic", some]),
        (
            ["--to-datetime", at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3], "--topic", beside.topic],
            ["--to-datetime", at.isoformat(timespec="milliseconds")],
        ),
        (["--by-duration", "PT0S", "--topic", beside.topic], ["--by-duration", "PT0S"]),
        (["--by-duration", "P1D", "--topic", beside.topic], ["--by-duration", "P1D"]),
        (["--from-file", str(given)], ["--from-file", str(given)]),
    ]
    for theirs, ours in cases:
        kafkas, lapses = beside.tool(*theirs, "--export", "--dry-run"), beside.ours(*ours, "--export")
        expected = exported(kafkas.stdout, beside.topic)
        assert expected, (theirs, kafkas.stdout, kafkas.stderr)
        assert exported(lapses.out, beside.topic) == expected, (ours, lapses)
    assert beside.offsets.committed(beside.group, beside.topic)[0] == 10  # nothing was written
    assert beside.ours("--to-earliest", "--execute").code == 0
    written = dict(beside.offsets.committed(beside.group, beside.topic))
    assert beside.tool("--to-earliest", "--topic", beside.topic, "--execute").returncode == 0
    assert dict(beside.offsets.committed(beside.group, beside.topic)) == written


def test_both_refuse_an_active_group(backend: RealKafka, tmp_path: Path, libs: Path) -> None:
    beside = Beside(backend, tmp_path, libs)
    reader = backend.reader(beside.topic, beside.group, {Partition(beside.topic, number): 0 for number in range(4)})
    reader.until(lambda: len(reader.held) == 4)
    theirs = beside.tool("--to-earliest", "--topic", beside.topic, "--execute")
    ours = beside.ours("--to-earliest", "--execute")
    assert "inactive" in theirs.stdout + theirs.stderr
    assert ours.code == 1
    assert "stop them first" in ours.err
    assert beside.offsets.committed(beside.group, beside.topic)[0] == 10
    reader.source.close()


def test_the_state_group_is_not_set_forward(backend: RealKafka, tmp_path: Path, libs: Path) -> None:
    beside = Beside(backend, tmp_path, libs)
    events, group = beside.prefix + "events", beside.prefix + "state"
    backend.admin.create_topics([NewTopic(events, 1, 1)])[events].result(30)
    backend.write(events, *[b"v"] * 9)
    beside.groups.reset(group, events, {0: 4})
    settings = tmp_path / "lapse.yaml"
    beside.ours("--to-current")
    forward = run("--config", str(settings), "offsets", "reset", "--group", "state", "--to-latest", "--execute")
    assert forward.code == 1
    assert "only goes back" in forward.err
    back = run("--config", str(settings), "offsets", "reset", "--group", "state", "--to-offset", "2", "--execute")
    assert back.code == 0, back.err
    assert beside.offsets.committed(group, events) == {0: 2}
