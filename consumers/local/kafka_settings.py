"""Settings of the local broker: defaults of Kafka but for one node, quick restarts and quick background work."""

from pathlib import Path

LOG4J = """\
status = off
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d] %p %m (%c)%n
"""

_ONE_NODE: dict[str, str | int] = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "inter.broker.listener.name": "PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": 1,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.num.partitions": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
}

_QUICK: dict[str, str | int] = {
    "group.initial.rebalance.delay.ms": 0,
    # KIP-848 members hear of a rebalance with a heartbeat; 5 s by default.
    "group.consumer.min.heartbeat.interval.ms": 300,
    "group.consumer.heartbeat.interval.ms": 300,
    "group.consumer.min.session.timeout.ms": 6000,
    "group.consumer.session.timeout.ms": 6000,
    # A killed broker may register again only after its old session: 12 s with the default of 9000.
    "broker.session.timeout.ms": 2000,
    "broker.heartbeat.interval.ms": 400,
    "log.cleaner.backoff.ms": 200,
    "log.initial.task.delay.ms": 500,
    "log.retention.check.interval.ms": 500,
    "log.segment.delete.delay.ms": 500,
    "log.cleaner.threads": 1,
    # The default of 128 MB is most of the broker's memory.
    "log.cleaner.dedupe.buffer.size": 4 * 1024 * 1024,
}


def node_settings() -> dict[str, str | int]:
    """What does not depend on ports and directories."""
    return _ONE_NODE | _QUICK


def server_properties(data: Path, port: int, controller_port: int) -> dict[str, str | int]:
    """The `server.properties` of a node that keeps its logs in `data` and listens on these ports of 127.0.0.1."""
    return node_settings() | {
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "log.dirs": str(data),
    }
