"""`lapse demo`: tells the story on the terminal and exits 1 where a number differs from what the events say."""

import logging
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from consumers.adapters.logs import configure_logs
from consumers.app import App
from consumers.audit import audit_history
from consumers.demo.books import lines, side_by_side
from consumers.demo.databases import SERVICES, Databases
from consumers.demo.installation import Roles, install, rules_folder, settings_for
from consumers.demo.run import Advance, Demo
from consumers.demo.story import Fate
from consumers.demo.story import customers as demo_customers
from consumers.domain.errors import PermanentError
from consumers.local import Services, own_environment, running

console = Console(highlight=False)
# why one is left, where the events' word would not say it
LEFT: dict[Fate, str] = {"unreadable": "held, an event could not be read"}


class BooksError(PermanentError):
    """The databases differ from what the events say."""


def _dimmed(line: str) -> None:
    console.print(f"  [dim]{line}[/dim]")


def tell(customers: int, *, keep: bool) -> None:
    """Start everything, tell the story, end everything; with `keep` only after Ctrl-C."""
    configure_logs(as_json=True, level=logging.ERROR)
    with own_environment(), running("kafka", "dynamodb", "postgres", progress=_dimmed) as services:
        console.print(f"backend: {services.backend}; logs in {services.logs}")
        run_demo(services, customers)
        if keep:
            wait_for_ctrl_c(services)


def run_demo(services: Services, count: int, name: str = "lapse", kind: type[Demo] = Demo) -> None:
    """Tell the story on running services; topics, table and databases begin with `name`.

    Raises:
        BooksError: A number differs from what the events say.
    """
    databases = Databases(services.postgres.url, name)
    now = datetime.now(UTC)
    with rules_folder(databases) as folder:
        app = App(settings_for(services, folder, name))
        with closing(app.sink()) as sink:
            told = kind(app, sink, databases, demo_customers(count, now), now)
            _prepare(told)
            with Roles(app).running() as roles:
                _first_run(told, roles)
            _check(told)
            _replay(told)
            _audit(told)
    console.print("[bold green]every number is as the events say[/bold green]")


def _prepare(told: Demo) -> None:
    with _bar("making three databases", len(SERVICES)) as advance:
        told.databases.create()
        told.databases.fill(told.story.customers)
        advance(len(SERVICES))
    install(told.app)
    told.before = told.databases.snapshot()


def _first_run(told: Demo, roles: Roles) -> None:
    with _bar("publishing events", sum(len(each.statements) for each in told.story.customers)) as advance:
        told.publish(advance)
    told.wait_until_folded(roles)
    report = told.tick(dry_run=True).report
    console.print(
        f"dry run: {report.due} customers due of {len(told.story.customers)}, by purpose {dict(report.by_purpose)}"
    )
    if report.due != len(told.story.expected):
        raise BooksError(f"the dry run counts {report.due} due, the events say {len(told.story.expected)}")
    with _bar("anonymizing", report.due) as advance:
        plan = told.tick(dry_run=False)
        told.wait_until_complete(roles, advance)
    console.print(f"tick {plan.state.lower()}: {plan.taken} customers claimed")


def _check(told: Demo) -> None:
    _show_services(told)
    _show_one(told)
    _show_dead_letters(told)
    if found := told.check():
        raise BooksError("; ".join(found))


def _show_services(told: Demo) -> None:
    ledgers = {service: told.databases.ledger(service) for service in SERVICES}
    found = lines(told.databases.snapshot(), ledgers, told.story.customers)
    table = Table("customers", *(line.service for line in found), title="read back from the databases")
    table.add_row("in all", *(str(line.customers) for line in found))
    table.add_row("anonymized", *(str(line.anonymized) for line in found))
    for fate in sorted({fate for line in found for fate in line.left}):
        table.add_row(f"left: {LEFT.get(fate, fate)}", *(str(line.left[fate]) for line in found))
    table.add_row("in the ledger", *(str(line.ledger) for line in found))
    console.print(table)


def _show_one(told: Demo) -> None:
    customer = min(told.story.expected, default=None)
    if customer is None:
        return
    table = Table("table", "column", "before", "after", title="one customer, made up like all of them")
    for place, column, values in side_by_side(told.before, told.databases.snapshot(), customer):
        table.add_row(place, column, *values)
    console.print(table)


def _show_dead_letters(told: Demo) -> None:
    letters = told.dead_letters()
    for letter in letters:
        names = dict(letter.headers)
        told_why = {
            name: (names.get(f"__dlq.errors.{name}") or b"").decode()
            for name in ("topic", "partition", "offset", "group", "message")
        }
        console.print(
            f"dead letter: {told_why}, {len(letter.value or b'')} bytes kept as they came; its customer is held"
        )
    if len(letters) != 1:
        raise BooksError(f"{len(letters)} dead letters, the story has 1")


def _replay(told: Demo) -> None:
    names = told.app.names
    databases, table = told.databases.snapshot(), told.rows_of_the_table()
    again = told.set_back(names.state_group, names.events)
    again += sum(told.set_back(names.anonymizer_group(service), names.commands) for service in SERVICES)
    with _bar("replaying every event and command", 1) as advance, Roles(told.app).running() as roles:
        told.wait_until_folded(roles)
        told.wait_until_complete(roles, lambda _: None)
        advance(1)
    if told.databases.snapshot() != databases or told.rows_of_the_table() != table:
        raise BooksError("the replay changed something")
    if found := told.check():
        raise BooksError("after the replay: " + "; ".join(found))
    console.print(f"replayed {again} records by offset reset: no row of any database or of the table changed")


def _audit(told: Demo) -> None:
    # nothing is in flight any more, so nothing has a grace
    found = audit_history(told.app.history(), grace=0)
    if found.differences:
        raise BooksError("the audit finds " + ", ".join(f"{count} {code}" for code, count in found.counts.items()))
    console.print(
        f"audit: {found.customers} customers and {found.commits} commits computed again from events, commands, results "
        f"and ledgers, {found.held} held: no difference"
    )


@contextmanager
def _bar(what: str, total: int) -> Iterator[Advance]:
    columns = (SpinnerColumn(), TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(what, total=total)
        yield lambda steps: progress.advance(task, steps)


def wait_for_ctrl_c(services: Services) -> None:
    """Print where everything is and wait."""
    console.print(
        f"kafka {services.kafka.bootstrap_servers}\ndynamodb {services.dynamodb.url}\npostgres {services.postgres.url}"
    )
    console.print("Ctrl-C ends it all")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print("ending")
