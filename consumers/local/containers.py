"""The services from their published images."""

import functools
import secrets
from collections.abc import Callable

from consumers.local import dynamodb, kafka, mariadb, postgres
from consumers.local.container import Container, Image
from consumers.local.daemon import free_port
from consumers.local.kafka_settings import node_settings
from consumers.local.service import Kind
from consumers.local.workspace import Workspace

IMAGES: dict[Kind, str] = {
    "kafka": "apache/kafka:4.3.1",
    "dynamodb": "amazon/dynamodb-local:3.3.1",
    "postgres": "postgres:17",
    "mariadb": "mariadb:11",
}


def start(kind: Kind, workspace: Workspace, *, durable: bool = False) -> Container:
    """Start one service from its image, which must have been fetched."""
    images: dict[Kind, Callable[[], Image]] = {
        "kafka": _kafka,
        "dynamodb": functools.partial(_dynamodb, durable=durable),
        "postgres": _postgres,
        "mariadb": _mariadb,
    }
    container = Container(workspace, images[kind]()).start()
    if kind == "kafka":
        kafka.create_offsets_topic(container.address)
    return container


def _kafka() -> Image:
    port = free_port()
    address = f"127.0.0.1:{port}"
    settings = node_settings() | {
        "controller.quorum.voters": "1@localhost:9094",
        "listeners": "PLAINTEXT://:9092,BROKER://:9093,CONTROLLER://:9094",
        # The node talks to itself too (transactions), and cannot by the address clients use.
        "advertised.listeners": f"PLAINTEXT://{address},BROKER://localhost:9093",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "BROKER",
    }
    env = {f"KAFKA_{key.upper().replace('.', '_')}": str(value) for key, value in settings.items()}
    answers = functools.partial(kafka.answers, address)
    return Image("kafka", IMAGES["kafka"], {9092: port}, address, answers, env)


def _dynamodb(*, durable: bool) -> Image:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    data = ["-dbPath", "/tmp"] if durable else ["-inMemory"]  # noqa: S108  # a directory of the image
    command = ["-jar", "DynamoDBLocal.jar", "-sharedDb", "-port", "8000", "-disableTelemetry", *data]
    answers = functools.partial(dynamodb.answers, url)
    return Image("dynamodb", IMAGES["dynamodb"], {8000: port}, url, answers, {}, command)


def _postgres() -> Image:
    port = free_port()
    password = secrets.token_hex(16)  # the port is open to every user of this machine
    conninfo = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
    address = conninfo.replace("postgresql:", "postgresql+psycopg:")
    answers = functools.partial(postgres.answers, conninfo)
    command = ["postgres", "-c", "fsync=off"]
    env = {"POSTGRES_PASSWORD": password}
    return Image("postgres", IMAGES["postgres"], {5432: port}, address, answers, env, command)


def _mariadb() -> Image:
    port = free_port()
    password = secrets.token_hex(16)  # as above
    address = f"mysql+pymysql://root:{password}@127.0.0.1:{port}/mysql?charset=utf8mb4&ssl_disabled=1"
    answers = functools.partial(mariadb.answers, port, "root", password)
    env = {"MARIADB_ROOT_PASSWORD": password}
    return Image("mariadb", IMAGES["mariadb"], {3306: port}, address, answers, env)
