"""Configuration: what holds whatever the caller sets, and that no secret is shown."""

import pytest
from pydantic import ValidationError

from producer_client import LapseProducer, ProducerConfigError, ProducerSettings
from producer_client.client_properties import checked_properties

BROKER = {"bootstrap.servers": "127.0.0.1:1"}


def test_safe_properties_are_set() -> None:
    properties = checked_properties(BROKER)
    assert properties["enable.idempotence"] is True
    assert properties["acks"] == "all"
    assert properties["partitioner"] == "murmur2_random"
    assert properties["linger.ms"] == 5
    assert properties["delivery.timeout.ms"] == 120_000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("enable.idempotence", False),
        ("enable.idempotence", "false"),
        ("acks", 1),
        ("acks", "0"),
        ("request.required.acks", 1),
        ("partitioner", "consistent_random"),
        ("partitioner", "murmur2"),
        ("transactional.id", "t"),
        ("default.topic.config", {"acks": 0}),
        ("delivery.report.only.error", True),
        ("on_delivery", print),
        ("dr_cb", print),
    ],
)
def test_weakening_property_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ProducerConfigError, match=r"acks|" + name.replace(".", r"\.")):
        LapseProducer({**BROKER, name: value}, source="loans")


@pytest.mark.parametrize(
    ("name", "value"), [("enable.idempotence", "true"), ("acks", -1), ("acks", "all"), ("request.required.acks", "-1")]
)
def test_saying_the_same_is_allowed(name: str, value: object) -> None:
    assert checked_properties({**BROKER, name: value})["acks"] == "all"


def test_other_properties_pass_through_and_aliases_replace_defaults() -> None:
    properties = checked_properties(
        {
            "metadata.broker.list": "b:1",
            "compression.type": "zstd",
            "queue.buffering.max.ms": 50,
            "message.timeout.ms": 30_000,
        }
    )
    assert properties["bootstrap.servers"] == "b:1"
    assert properties["compression.type"] == "zstd"
    assert properties["linger.ms"] == 50
    assert properties["delivery.timeout.ms"] == 30_000
    assert "message.timeout.ms" not in properties


def test_missing_broker_is_named() -> None:
    with pytest.raises(ProducerConfigError, match=r"bootstrap\.servers is missing"):
        LapseProducer({}, source="loans")


@pytest.mark.parametrize("properties", [{"no.such.property": 1}, {"max.in.flight": 6}, {"retries": 0}])
def test_what_the_kafka_client_refuses_is_a_config_error(properties: dict[str, object]) -> None:
    with pytest.raises(ProducerConfigError, match="the Kafka client refuses the configuration"):
        LapseProducer({**BROKER, **properties}, source="loans")


def test_settings_become_properties() -> None:
    settings = ProducerSettings(bootstrap_servers="b:1", linger_ms=20, properties={"client.id": "loans"})
    properties = settings.client_properties()
    assert (properties["bootstrap.servers"], properties["linger.ms"], properties["client.id"]) == ("b:1", 20, "loans")
    assert properties["acks"] == "all"


def test_settings_cannot_weaken_either() -> None:
    settings = ProducerSettings(bootstrap_servers="b:1", properties={"acks": 1})
    with pytest.raises(ProducerConfigError, match="acks must stay all"):
        settings.client_properties()


def test_settings_show_no_secret() -> None:
    secret = {"sasl.password": "hunter2"}
    assert "hunter2" not in repr(ProducerSettings(bootstrap_servers="b:1", properties=secret))
    with pytest.raises(ValidationError) as refused:
        ProducerSettings.model_validate({"bootstrap_servers": "", "properties": secret, "extra": "hunter2"})
    assert "hunter2" not in str(refused.value)
