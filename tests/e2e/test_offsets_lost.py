"""Offsets the log has lost, and the state group's one direction: the command a refusal names is run, and repairs it."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from consumers.domain.errors import PermanentError
from consumers.local import Services
from consumers.process import Process, named_roles
from tests.support.build import new_id
from tests.support.command_line import ask, both, refused
from tests.support.installation import Installation, installation


@pytest.fixture
def lapse(services: Services, tmp_path: Path) -> Iterator[Installation]:
    with installation(services, tmp_path, ("crm",)) as made:
        yield made


def run(lapse: Installation, *roles: str, service: str | None = None) -> None:
    """As `lapse run ROLE... --until-caught-up`."""
    app = lapse.new_app()
    Process(app, named_roles(app, roles, service)).run(until_caught_up=True)


def lose_all(lapse: Installation, topic: str) -> None:
    """What retention does to records nobody has read in time."""
    admin = AdminClient({"bootstrap.servers": lapse.services.kafka.bootstrap_servers})
    ends = lapse.app.offsets.end(topic)
    for deleted in admin.delete_records([TopicPartition(topic, *each) for each in ends.items()]).values():
        deleted.result(30)


def repair_named_by(lapse: Installation, role: str, service: str | None = None) -> list[str]:
    """The command that a refusal to start names."""
    with pytest.raises(PermanentError, match="is not in the log any more") as raised:
        run(lapse, role, service=service)
    [named] = re.findall(r"lapse ((?:offsets|state) .*--execute)", str(raised.value))
    return shlex.split(named)


def test_commands_the_log_has_lost_are_refused_and_the_named_reset_repairs_it(lapse: Installation) -> None:
    first, second = new_id(), new_id()
    lapse.people(first, second)
    run(lapse, "anonymizer", service="crm")  # commits where it starts
    lapse.close_product(first)
    run(lapse, "state")
    lapse.request_tick()
    run(lapse, "ticker")
    lose_all(lapse, lapse.app.names.commands)
    repair = repair_named_by(lapse, "anonymizer", "crm")
    assert ask(lapse, *repair).code == 0
    lapse.close_product(second)
    run(lapse, "state")
    lapse.request_tick()
    run(lapse, "ticker")
    run(lapse, "anonymizer", service="crm")
    assert lapse.anonymized("crm") == {second}


def test_events_the_log_has_lost_are_refused_and_the_named_rebuild_repairs_it(lapse: Installation) -> None:
    early, late = new_id(), new_id()
    lapse.close_product(early)
    run(lapse, "state")
    lapse.close_product(*[new_id() for _ in range(60)])  # in every partition
    lose_all(lapse, lapse.app.names.events)
    repair = repair_named_by(lapse, "state")
    refused(ask(lapse, "offsets", "reset", "--group", "state", "--to-earliest", "--execute"), "lapse state rebuild")
    assert ask(lapse, *repair).code == 0
    lapse.close_product(late)
    run(lapse, "state")
    assert lapse.folded()
    assert lapse.item(early).products
    assert lapse.item(late).products


def test_state_group_goes_back_and_shuts_the_barrier_and_does_not_go_forward(lapse: Installation) -> None:
    customers = [new_id() for _ in range(20)]
    lapse.close_product(*customers)
    run(lapse, "state")
    stands = lapse.group_offsets("state")
    before = {customer: lapse.item(customer) for customer in customers}
    reset = ("offsets", "reset", "--group", "state", "--execute")
    lapse.close_product(new_id())
    shown = both(lapse, "offsets", "show", "--group", "state")
    assert {each["partition"]: each["committed"] for each in shown} == stands
    assert sum(each["lag"] for each in shown) == 1
    assert {each["members"] for each in shown} == {0}
    refused(ask(lapse, *reset, "--to-latest"), "only goes back", "lapse dlq discard")
    assert lapse.group_offsets("state") == stands
    assert ask(lapse, *reset, "--to-earliest").code == 0
    assert set(lapse.group_offsets("state").values()) == {0}
    with lapse.roles("state"):
        lapse.wait_until_folded()
    assert {customer: lapse.item(customer) for customer in customers} == before
