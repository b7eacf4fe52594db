"""Restored databases erased again, a restored or lost table rebuilt: on real services, by the command line."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from consumers.local import Services
from tests.support.build import new_id
from tests.support.command_line import ask
from tests.support.copies import database_backup, table_backup
from tests.support.installation import PURPOSE, Installation, installation, wait_for

SERVICES = ("crm", "loans", "news")
DEFINITIVE = {"DONE", "ALREADY_DONE", "NOTHING_FOUND"}


@pytest.fixture
def lapse(services: Services, tmp_path: Path) -> Iterator[Installation]:
    with installation(services, tmp_path, SERVICES) as made:
        yield made


def told(lapse: Installation, *words: str) -> str:
    answer = ask(lapse, *words)
    assert answer.code == 0, answer.err
    return answer.out


def done(lapse: Installation, *customers: str) -> None:
    """Close their loans, tick, and wait until all is complete."""
    lapse.close_product(*customers)
    lapse.wait_until_folded()
    lapse.tick()
    lapse.wait_until_completed(*customers)


def come_back(lapse: Installation, customer: str) -> None:
    """Be active again, with new data in every service."""
    with lapse.producer() as producer:
        producer.product_opened(customer, "loan/2")
        assert producer.flush(30) == 0
    lapse.wait_until_folded()
    for service in SERVICES:
        with lapse.connect(service) as database:
            name, mail = f"New name of {customer}", f"new-{customer}@example.invalid"
            database.execute(
                "UPDATE people SET name = %s, email = %s, anonymized = false WHERE customer_id = %s",
                (name, mail, customer),
            )


def make_ledger_again(lapse: Installation) -> None:
    """By the statement that `lapse rules check` prints."""
    answer = ask(lapse, "rules", "check", "--json", str(lapse.folder / "crm.yaml"))
    [finding] = json.loads(answer.out)
    assert (answer.code, finding["code"]) == (1, "missing_ledger")
    with lapse.connect("crm") as database:
        database.execute(finding["repair"])


def erased_again(lapse: Installation, *flags: str) -> None:
    """Reset the stopped group of crm to the backup, enable it, and let it catch up."""
    told(lapse, "offsets", "reset", "--group", "anonymizer.crm", "--to-backup", *flags, "--execute")
    told(lapse, "service", "enable", "crm")
    group, topic = lapse.group_and_topic("anonymizer.crm")
    with lapse.roles():
        wait_for("crm has caught up", lambda: lapse.app.offsets.lag(group, topic) == 0)


@pytest.mark.parametrize("with_ledger", [True, False])
def test_a_restored_database_is_erased_again_and_who_came_back_is_left_alone(
    lapse: Installation, with_ledger: bool
) -> None:
    before, straddling, back, after = (new_id(prefix) for prefix in ("before", "straddling", "back", "after"))
    lapse.people(before, straddling, back, after)
    with lapse.roles():
        done(lapse, before, back)
    # sent before the backup, carried out after it
    with lapse.roles("state", "ticker", "anonymizer.loans", "anonymizer.news"):
        lapse.close_product(straddling)
        lapse.wait_until_folded()
        lapse.tick()
        wait_for("it is sent", lambda: lapse.item(straddling).of(PURPOSE).command)
    taken_at = datetime.now(UTC).isoformat()
    restore = database_backup(lapse, "crm")
    with lapse.roles():
        lapse.wait_until_completed(straddling)
        done(lapse, after)
        come_back(lapse, back)
    told(lapse, "service", "stop", "crm", "--reason", "restore")
    restore()
    others = {service: lapse.rows(service) for service in ("loans", "news")}
    assert not {straddling, after} & lapse.anonymized("crm")
    with lapse.connect("crm") as database:
        # the backup is older than his return: his row is as it was when he was anonymized
        database.execute(
            "UPDATE people SET name = 'New name', email = 'x@example.invalid', anonymized = false "
            "WHERE customer_id = %s",
            (back,),
        )
        if not with_ledger:
            database.execute("DROP TABLE lapse.lapse_ledger")
    if with_ledger:
        erased_again(lapse)
    else:
        make_ledger_again(lapse)
        refused = ask(lapse, "offsets", "reset", "--group", "anonymizer.crm", "--to-backup", "--execute")
        assert refused.code == 1
        assert "--taken-at" in refused.err
        erased_again(lapse, "--taken-at", taken_at)
    assert lapse.anonymized("crm") == {before, straddling, after}
    assert lapse.rows("crm")[back][0] == "New name"
    assert {service: lapse.rows(service) for service in ("loans", "news")} == others
    assert lapse.completed(before, straddling, after)
    assert lapse.count("dead-letters") == 0


def test_to_backup_is_refused_while_the_service_is_not_stopped(lapse: Installation) -> None:
    refused = ask(lapse, "offsets", "reset", "--group", "anonymizer.crm", "--to-backup", "--execute")
    assert refused.code == 1
    assert "lapse service stop crm" in refused.err


# ---- the table -------------------------------------------------------------------------------------------------------


def commands_of(lapse: Installation, *customers: str) -> dict[str, Any]:
    return {customer: lapse.item(customer).of(PURPOSE).last for customer in customers}


@pytest.mark.parametrize("lost", [False, True])
def test_a_table_that_was_restored_or_lost_is_rebuilt_with_all_that_was_said_since(
    lapse: Installation, lost: bool
) -> None:
    early, late, postponed, held = (new_id(prefix) for prefix in ("early", "late", "postponed", "held"))
    lapse.people(early, late, postponed, held)
    with lapse.roles():
        done(lapse, early)
        restore = table_backup(lapse)
        done(lapse, late)
        lapse.close_product(postponed, held)
        with lapse.producer() as producer:
            producer.product_opened(postponed, "activity")
            assert producer.flush(30) == 0
        lapse.wait_until_folded()
        told(lapse, "hold", "add", held, "--reason", "dispute")
    commands = commands_of(lapse, early, late)
    rows = {service: lapse.rows(service) for service in SERVICES}
    if lost:
        lapse.app.dynamodb.delete_table(TableName=lapse.app.settings.table.name)
        lapse.app.dynamodb.get_waiter("table_not_exists").wait(TableName=lapse.app.settings.table.name)
        refused = ask(lapse, "table", "apply", "--dev")
        assert refused.code == 1
        assert "lapse state rebuild" in refused.err
        told(lapse, "policy", "apply")
    else:
        restore()
    assert "--execute" in told(lapse, "state", "rebuild")
    assert "lapse run state" in told(lapse, "state", "rebuild", "--execute")
    if lost:
        for service in SERVICES:
            told(lapse, "service", "enable", service)
    assert not lapse.folded()
    for service in SERVICES:
        lapse.rewind(f"anonymizer.{service}")
    with lapse.roles():
        lapse.wait_until_folded()
        lapse.tick()
        for service in SERVICES:
            group, topic = lapse.group_and_topic(f"anonymizer.{service}")
            wait_for(f"{service} has read all", lambda g=group, t=topic: lapse.app.offsets.lag(g, t) == 0)  # type: ignore[misc]
        assert {service: lapse.rows(service) for service in SERVICES} == rows
        assert {key: last.id for key, last in commands_of(lapse, early, late).items()} == {
            key: last.id for key, last in commands.items()
        }
    assert lapse.item(held).holds
    assert lapse.item(postponed).products["activity"].postpone
    assert not {postponed, held} & lapse.anonymized("crm")
    outcomes = {each["outcome"] for each in lapse.results()}
    assert outcomes <= DEFINITIVE | {"SUPERSEDED"}
