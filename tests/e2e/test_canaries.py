"""Promise 6: a canary in every cell and object, then searched for in all that Lapse writes, logs, counts and raises."""

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import structlog
from prometheus_client import generate_latest

from consumers.adapters.logs import configure_logs
from consumers.domain.errors import LapseError
from consumers.local import Services
from schemas.codec import encode
from schemas.topics import load_topics
from tests.support.command_line import ask
from tests.support.installation import PURPOSE, Installation, wait_for
from tests.support.s3_store import Archive, new_archive
from tests.support.sql_store import task, unnoticed_by_roles

PLANTED = "CANARY-planted"
CANARY = re.compile(r"CANARY-[a-z]+")
WELL, FAILING, TAMPERED, LATE = "well", "failing", "tampered", "late"
S3_RULES = """
version: 1
service: archive
purpose: {purpose}
store: {{kind: s3, bucket: {bucket}, endpoint: "{endpoint}", region: eu-north-1}}
objects: {{documents: {{prefix: "customers/{{customer_id}}/"}}}}
ledger: {{prefix: lapse-ledger/}}
"""
# made once the roles are at work, as by a colleague who has not read the handbook
TRIGGER = f"""
CREATE FUNCTION tamper() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF OLD.customer_id = '{FAILING}' THEN RAISE EXCEPTION 'cannot change %', OLD.name; END IF;
  IF OLD.customer_id = '{TAMPERED}' THEN NEW.name := OLD.name; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER tamper BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION tamper()
"""


class Canaries(Installation):
    """A database and a bucket, full of canaries."""

    archive: Archive
    endpoint: str

    def make_database(self, service: str) -> None:
        if service != "archive":
            super().make_database(service)
            return
        text = S3_RULES.format(purpose=PURPOSE, bucket=self.archive.name, endpoint=self.endpoint)
        (self.folder / "archive.yaml").write_text(text, encoding="utf-8")

    def fill(self, *customers: str) -> None:
        with self.connect("crm") as database, database.cursor() as cursor:
            rows = [(each, f"CANARY-name {each}", f"CANARY-email-{each}@example.com") for each in customers]
            cursor.executemany("INSERT INTO people (customer_id, name, email) VALUES (%s, %s, %s)", rows)
        for each in customers:
            self.archive.put(f"customers/{each}/CANARY-key")


@pytest.fixture
def lapse(services: Services, s3: str, tmp_path: Path) -> Iterator[Canaries]:
    with ExitStack() as stack:
        folder = tmp_path / "rules"
        folder.mkdir()
        made = Canaries(services, folder, ("crm", "archive"))
        made.archive, made.endpoint = stack.enter_context(new_archive(s3, tmp_path)), s3
        stack.callback(made.remove)
        made.install()
        yield made


@contextmanager
def logged_as_in_production() -> Iterator[StringIO]:
    """The logs of `lapse run`, but down to debug."""
    told = StringIO()
    root, configured = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    with redirect_stderr(told):
        configure_logs(as_json=True, level=logging.DEBUG)
    try:
        yield told
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.configure(**configured)


def test_no_canary_leaves_the_stores(lapse: Canaries, monkeypatch: pytest.MonkeyPatch) -> None:
    unnoticed_by_roles(monkeypatch)
    with logged_as_in_production() as logged:
        apps = [lapse.app]
        lapse.on_new_app = apps.append
        raised = lived(lapse)
        printed = asked(lapse)
        places: dict[str, Callable[[], str]] = {
            "logs": logged.getvalue,
            "exceptions": lambda: " ".join(raised),
            "command line": lambda: " ".join(printed),
            "metrics": lambda: " ".join(generate_latest(app.metrics.registry).decode() for app in apps),
            "table": lambda: table_of(lapse),
            "ledger of the database": lambda: rows_of(lapse, "SELECT * FROM lapse.lapse_ledger"),
            "ledger of the bucket": lambda: str(lapse.archive.ledger()),
            **{f"topic {name}": partial(records_of, lapse, name) for name in load_topics()},
        }
        assert found(places) == {}
        assert len(lapse.results("DONE")) >= 2
        assert {each["error_code"] for each in lapse.results("FAILED")} == {"P0001", "not_verified:people.name"}
        assert "partitions_assigned" in logged.getvalue()
        plant(lapse, raised, printed)
        assert found(places) == {name: {PLANTED} for name in places}


def lived(lapse: Canaries) -> list[str]:
    """Customers who are anonymized, who fail, who come back late; and what stores raise when provoked."""
    lapse.fill(WELL, FAILING, TAMPERED, LATE)
    with lapse.roles("state", "ticker", "anonymizer.crm", "anonymizer.archive"):
        lapse.close_product(LATE)
        lapse.wait_until_folded()
        lapse.tick()
        lapse.wait_until_completed(LATE)
        with lapse.connect("crm") as database:
            database.execute(
                "UPDATE people SET anonymized = false, name = 'CANARY-again' WHERE customer_id = %s", [LATE]
            )
            database.execute(TRIGGER)
        lapse.close_product(WELL, FAILING, TAMPERED)
        lapse.wait_until_folded()
        lapse.tick()
        wait_for("two dead letters", lambda: lapse.count("dead-letters") >= 2)
        wait_for("the archive is done with all", lambda: not any(lapse.archive.versions("customers/")))
    return list(provoked(lapse))


def provoked(lapse: Canaries) -> Iterator[str]:
    """Texts of errors, and of all they are chained to."""
    with lapse.connect("crm") as database:
        database.execute("ALTER TABLE people RENAME COLUMN email TO mail")
    store, _ = lapse.app.store("crm")
    calls: list[Callable[[], Any]] = [
        lambda: store.anonymize([task(FAILING)]),
        lambda: store.count([FAILING]),
        lambda: [str(each) for each in store.preflight()],
        lambda: with_url(lapse, "CANARY-password").ledger([task(FAILING).command_id]),
    ]
    for call in calls:
        try:
            yield str(call())
        except LapseError as error:
            yield from chained(error)
    store.close()


def with_url(lapse: Canaries, password: str) -> Any:
    """A store with a password the server refuses."""
    rules = lapse.folder / "crm.yaml"
    text = rules.read_text(encoding="utf-8")
    rules.write_text(re.sub(r"//[^@\"]*@", f"//nobody:{password}@127.0.0.1:1", text), encoding="utf-8")
    try:
        return lapse.app.store("crm")[0]
    finally:
        rules.write_text(text, encoding="utf-8")


def chained(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield f"{error} {error!r}"
        error = error.__cause__ or error.__context__


def asked(lapse: Canaries) -> list[str]:
    """What the command line prints about it."""
    lapse.app.sink().flush()
    letters = json.loads(ask(lapse, "dlq", "list", "--json").out)
    assert len(letters) == 2
    commands = [
        ("status",),
        ("customer", FAILING, "--json"),
        ("customer", LATE),
        ("dlq", "list"),
        ("dlq", "show", letters[0]["record"]),
        ("audit",),
        ("rules", "check"),
        ("rules", "report", str(lapse.folder / "crm.yaml")),
        ("rules", "plan", str(lapse.folder / "archive.yaml"), "--customer", LATE),
        ("state", "audit"),
        ("service", "list"),
    ]
    answers = [ask(lapse, *words) for words in commands]
    return [each.out + each.err for each in answers]


def found(places: Mapping[str, Callable[[], str]]) -> dict[str, set[str]]:
    """Canaries by the place they were found in."""
    seen = {name: set(CANARY.findall(text())) for name, text in places.items()}
    return {name: canaries for name, canaries in seen.items() if canaries}


def table_of(lapse: Canaries) -> str:
    pages = lapse.app.dynamodb.get_paginator("scan")
    return str([page["Items"] for page in pages.paginate(TableName=lapse.app.settings.table.name)])


def rows_of(lapse: Canaries, query: str) -> str:
    with lapse.connect("crm") as database:
        return str(database.execute(query.encode()).fetchall())


def records_of(lapse: Canaries, topic: str) -> str:
    return str([(each.key, each.value, each.headers) for each in lapse.records(topic)])


def plant(lapse: Canaries, raised: list[str], printed: list[str]) -> None:
    """One where each look-up would have to find it."""
    structlog.get_logger().debug("planted", value=PLANTED)
    raised += chained(LapseError(PLANTED))
    printed.append(PLANTED)
    lapse.app.metrics.count("lapse_outcomes_total", outcome=PLANTED, service="crm")
    key = {"ID": {"S": "planted"}, "SubID": {"S": PLANTED}}
    lapse.app.dynamodb.put_item(TableName=lapse.app.settings.table.name, Item=key)
    with lapse.connect("crm") as database:
        database.execute("UPDATE lapse.lapse_ledger SET outcome = %s", [PLANTED])
    lapse.archive.put(f"lapse-ledger/{PLANTED}")
    for name in load_topics():
        lapse.send(name, PLANTED, encode("TickRequested", TICK))


TICK = {"tick_id": "planted", "as_of": 0, "dry_run": True, "requested_by": "test"}
