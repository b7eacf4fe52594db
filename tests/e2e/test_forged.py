"""A record on ticks, commands or results can anonymize or free nobody against the table."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from consumers.domain.item import Item
from consumers.local import Services
from consumers.operations import ticking
from tests.support.by_hand import (
    append,
    command,
    dead_letters,
    read_all,
    result,
    rightful,
    schedule,
    standing,
    tick,
    topic_end,
)
from tests.support.installation import PURPOSE, Installation, installation

ANONYMIZERS = ("anonymizer.crm", "anonymizer.loans")
CUSTOMERS = ("tomorrow", "due", "changed", "back", "nobody")
FAR = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def lapse(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """State consumer and ticker run.

    One customer is due later, one due and unclaimed, one whose facts changed since a command was made, one who came
    back after a command, one of whom nobody ever heard.
    """
    folder = tmp_path_factory.mktemp("forged")
    with installation(services, folder, ("crm", "loans")) as made, made.roles("state", "ticker"):
        made.people(*CUSTOMERS)
        made.close_product("back", "changed")
        made.wait_until_folded()
        with made.roles(*ANONYMIZERS):
            made.tick()
            made.wait_until_completed("back", "changed")
        made.close_product("tomorrow", days_ago=29)
        made.close_product("due")
        made.close_product("back", "changed", days_ago=2, product="loan/2")
        made.wait_until_folded()
        yield made


def test_tick_of_a_time_to_come_claims_nobody(lapse: Installation) -> None:
    before = standing(lapse, CUSTOMERS)
    commands = topic_end(lapse, "commands")
    forged = str(uuid.uuid4())
    lapse.send("ticks", forged, tick(forged, FAR))
    read_all(lapse, "ticker")
    assert [each.key for each in dead_letters(lapse, "as_of_in_the_future")] == [forged.encode()]
    assert ticking.tick_plan(lapse.app.table, forged) is None
    assert topic_end(lapse, "commands") == commands
    assert standing(lapse, CUSTOMERS) == before


def test_dry_run_of_a_time_to_come_only_reports(lapse: Installation) -> None:
    before = standing(lapse, CUSTOMERS)
    commands = topic_end(lapse, "commands")
    asked = str(uuid.uuid4())
    lapse.send("ticks", asked, tick(asked, FAR, dry_run=True))
    read_all(lapse, "ticker")
    plan = ticking.tick_plan(lapse.app.table, asked)
    assert plan is not None
    assert (plan.state, plan.budget, plan.report.by_purpose) == ("DRY_RUN", 0, {PURPOSE: 4})
    assert topic_end(lapse, "commands") == commands
    assert standing(lapse, CUSTOMERS) == before


def forgeries(lapse: Installation) -> dict[str, str]:
    """By customer, the id that would be believed if one looked at the message alone."""
    items = {customer: lapse.item(customer) for customer in CUSTOMERS}
    without_news = items["changed"]._replace(products={"loan/1": items["changed"].products["loan/1"]})
    last = items["back"].of(PURPOSE).last
    assert last is not None
    return {
        "tomorrow": rightful(lapse, items["tomorrow"]),
        "due": rightful(lapse, items["due"]),
        "changed": rightful(lapse, without_news),
        "back": last.id,
        "nobody": rightful(lapse, Item("nobody")),
    }


def test_commands_that_the_table_does_not_bear_out_change_nothing_and_are_answered(lapse: Installation) -> None:
    forged = forgeries(lapse)
    before = standing(lapse, CUSTOMERS)
    for customer, message in forged.items():
        lapse.send("commands", customer, command(customer, message))
    with lapse.roles(*ANONYMIZERS):
        read_all(lapse, *ANONYMIZERS)
    assert standing(lapse, CUSTOMERS) == before
    given = {(each["service"], each["customer_id"], each["command_id"]) for each in lapse.results("SUPERSEDED")}
    assert given == {(service, *each) for service in lapse.names for each in forged.items()}


def test_commands_for_others_change_nothing_and_are_not_answered(lapse: Installation) -> None:
    message = forgeries(lapse)["due"]
    before, answered = standing(lapse, CUSTOMERS), topic_end(lapse, "results")
    lapse.send("commands", "due", command("due", message, purpose="billing"))
    lapse.send("commands", "due", command("due", message, check=True))
    lapse.send("commands", "tomorrow", command("due", message))
    lapse.send("commands", "due", b"no command at all")
    lapse.send("commands", "due", None)
    append(lapse, "commands", None, schedule("due"))
    with lapse.roles(*ANONYMIZERS):
        read_all(lapse, *ANONYMIZERS)
    assert standing(lapse, CUSTOMERS) == before
    assert topic_end(lapse, "results") == answered
    for code in ("key_mismatch", "undecodable", "tombstone", "wrong_type"):
        assert len(dead_letters(lapse, code)) == len(ANONYMIZERS)


def test_forged_result_completes_nothing(lapse: Installation) -> None:
    lapse.people("claimed")
    lapse.close_product("claimed")
    lapse.wait_until_folded()
    lapse.tick()  # claims the customer who was due before, too: nobody but this test, the last one, may
    issued = lapse.item("claimed").of(PURPOSE).command
    assert issued is not None
    before = standing(lapse, ["claimed"])
    for service in lapse.names:
        lapse.send("results", "claimed", result("claimed", issued.id, service))
    assert standing(lapse, ["claimed"]) == before
    with lapse.roles("anonymizer.crm"):
        read_all(lapse, "anonymizer.crm")
    half = lapse.item("claimed").of(PURPOSE).command
    assert half is not None
    assert (half.phase, dict(half.outcomes)) == ("COMMITTED", {"crm": "DONE"})
    with lapse.roles("anonymizer.loans"):
        lapse.wait_until_completed("claimed")
    assert {lapse.ledger(service)["claimed"] for service in lapse.names} == {"DONE"}
