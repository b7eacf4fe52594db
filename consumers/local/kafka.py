"""Apache Kafka as a plain JVM process: one KRaft node that is broker and controller.

Formatting needs a JVM only once per version: with a static quorum a formatted directory is `meta.properties` plus
one snapshot of the bootstrap records, which depends on neither ports nor node id.
"""

import base64
import functools
import shutil
import socket
import uuid
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from consumers.local import cache, maven
from consumers.local.daemon import Daemon, Program, free_port
from consumers.local.kafka_settings import LOG4J, server_properties
from consumers.local.workspace import Workspace

_CLUSTER_ID = "TGFwc2VMb2NhbENsdXN0ZQ"  # any 16 bytes in base64
_QUIET = {"log_level": 0, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 50}


def start(workspace: Workspace, progress: Callable[[str], None]) -> Daemon:
    """Start a broker on free ports and create its offsets topic, so that the first group joins at once."""
    libs = maven.jars("kafka", workspace, progress)
    home = workspace.path / "kafka"
    home.mkdir()
    port = free_port()
    properties = _write_settings(home, port, free_port())
    _format(home, libs, workspace)
    address = f"127.0.0.1:{port}"
    command = [*_java(home, libs), "kafka.Kafka", str(properties)]
    broker = Daemon(workspace, Program("kafka", command, address, functools.partial(answers, address))).start()
    create_offsets_topic(address)
    return broker


def _write_settings(home: Path, port: int, controller_port: int) -> Path:
    properties = home / "server.properties"
    lines = (f"{key}={value}\n" for key, value in server_properties(home / "data", port, controller_port).items())
    properties.write_text("".join(lines))
    (home / "log4j2.properties").write_text(LOG4J)
    return properties


def _java(home: Path, libs: Path) -> list[str]:
    classpath = ":".join(sorted(str(jar) for jar in libs.glob("*.jar")))
    return [
        maven.java(),
        "-Xmx512m",
        *maven.JVM,
        f"-Dlog4j2.configurationFile={home}/log4j2.properties",
        "-cp",
        classpath,
    ]


def _format(home: Path, libs: Path, workspace: Workspace) -> None:
    snapshot = cache.prepared(f"{libs.name}-snapshot", functools.partial(_make_snapshot, home, libs, workspace))
    data = home / "data"
    shutil.copytree(snapshot, data)
    # Kafka refuses a directory id that starts with a dash: so the first byte is fixed.
    directory_id = base64.urlsafe_b64encode(b"k" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
    meta = {"version": 1, "node.id": 1, "cluster.id": _CLUSTER_ID, "directory.id": directory_id}
    (data / "meta.properties").write_text("".join(f"{key}={value}\n" for key, value in meta.items()))


def _make_snapshot(home: Path, libs: Path, workspace: Workspace, target: Path) -> None:
    data = home / "data"
    tool = ["kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(home / "server.properties")]
    workspace.run([*_java(home, libs), *tool], workspace.logs / "kafka-format.log")
    shutil.copytree(data, target, ignore=shutil.ignore_patterns("meta.properties"), dirs_exist_ok=True)
    shutil.rmtree(data)


def answers(address: str) -> bool:
    """Whether a broker serves metadata there."""
    host, _, port = address.rpartition(":")
    try:
        # librdkafka is slow to notice that a port has opened
        socket.create_connection((host, int(port)), 0.2).close()
        admin = AdminClient({"bootstrap.servers": address, **_QUIET})
        return bool(admin.list_topics(timeout=2).brokers)
    except (OSError, KafkaException):
        return False


def create_offsets_topic(address: str) -> None:
    """Make the broker create `__consumer_offsets` now, so that the first group joins at once.

    By describing a group: unlike list_consumer_group_offsets it does not crash librdkafka on a new broker.
    """
    admin = AdminClient({"bootstrap.servers": address, **_QUIET})
    for _ in range(100):
        try:
            admin.describe_consumer_groups(["lapse.warm-up"], request_timeout=10)["lapse.warm-up"].result(10)
        except (KafkaException, TimeoutError):  # the future's own: the machine may be busy
            continue
        return
