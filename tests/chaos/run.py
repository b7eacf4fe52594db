"""One run: services up, roles up, load and storm, calm, books."""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from consumers.audit import audit_history
from consumers.domain.errors import LapseError
from consumers.local import Services, own_environment, refuse_foreign, running
from tests.chaos.books import Books, Difference
from tests.chaos.customers import Customer
from tests.chaos.fates import OBJECTED, town
from tests.chaos.flow import Flow
from tests.chaos.found import find, settled
from tests.chaos.hands import Hands
from tests.chaos.report import Figures, figures
from tests.chaos.roles import Roles
from tests.chaos.storm import LINKS, ROLES, SERVICES, VOTERS, forecast
from tests.chaos.strikes import Strikes
from tests.support.installation import PURPOSE, Installation, wait_for
from tests.support.proxy import Proxy, address_of, proxy, through

SETTINGS = {
    "lease_seconds": 12,
    "barrier_seconds": 2.0,
    "refusal_retry_seconds": 3,
    "claims_per_day": 1_000_000,
}
CALM_SECONDS = 180.0
"""By when all must be done after the storm, and half as long as the storm was beside that."""
Say = Callable[[str], None]


class Plan(NamedTuple):
    """What is asked for."""

    seed: int
    seconds: float
    customers: int


class Outcome(NamedTuple):
    """How a run ended."""

    figures: Figures
    differences: Sequence[Difference]
    surprises: Sequence[str]


def run(plan: Plan, folder: Path, say: Say) -> Outcome:
    """Run it; everything started is gone when this returns or raises. The folder keeps the logs."""
    with (
        own_environment(),
        running("kafka", "dynamodb", "postgres", durable=True, progress=say) as services,
        ExitStack() as stack,
    ):
        for address in (services.kafka.bootstrap_servers, services.dynamodb.url, services.postgres.url):
            refuse_foreign(address)
        stack.callback(_keep_logs, services, folder)
        customers = town(plan.seed, plan.customers)
        lapse = _installed(services, folder, customers)
        links = stack.enter_context(_links(lapse))
        roles = Roles(_config(lapse, folder, links), folder)
        stack.callback(roles.abandon)
        roles.start()
        wait_for("the first tick ends", lambda: lapse.tick().state == "ENDED")
        say(f"all roles are at work; a storm of {plan.seconds:.0f} s begins")
        return _weathered(plan, lapse, customers, roles, links, folder, say)


def _weathered(
    plan: Plan,
    lapse: Installation,
    customers: Sequence[Customer],
    roles: Roles,
    links: Mapping[str, Proxy],
    folder: Path,
    say: Say,
) -> Outcome:
    servers = {"kafka": lapse.services.kafka, "dynamodb": lapse.services.dynamodb, "postgres": lapse.services.postgres}
    with ExitStack() as stack:
        hands = Hands(lapse.services.kafka.bootstrap_servers, {role: lapse.group_and_topic(role) for role in ROLES})
        stack.callback(hands.close)
        strikes = Strikes(roles, hands, servers, links, folder / "storm.log")
        stack.callback(strikes.abort)
        flow = Flow(lapse, roles, customers, plan.seed, strikes.progress)
        stack.callback(flow.close)
        strikes.begin(forecast(plan.seed, plan.seconds))
        flow.begin()
        strikes.wait()
        say(f"the storm is over; {flow.unfinished()} customers are on their way")
        calm = time.monotonic()
        unsettled = _calm(lapse, flow, customers, CALM_SECONDS + plan.seconds / 2)
        say(f"calm after {time.monotonic() - calm:.0f} s")
        roles.close()
        found = find(lapse, [customer.id for customer in customers])
        books = Books(found, lapse.app.settings.policy(), PURPOSE)
        differences = books.differences(customers)
        made = figures(customers, found, books, differences, roles, strikes, flow)
        audited = _audited(lapse, customers)
        say(f"lapse audit: {len(audited)} differences")
        return Outcome(made, differences, [*unsettled, *roles.surprises, *audited])


def _calm(lapse: Installation, flow: Flow, customers: Sequence[Customer], seconds: float) -> list[str]:
    """Wait until nothing is left to be done; what is, if it takes too long."""
    active = {customer.id for customer in customers if customer.fate in OBJECTED}
    deadline = time.monotonic() + seconds
    lapse.app = lapse.new_app()  # whose clients know the new leaders
    why = ""
    while time.monotonic() < deadline:
        try:
            wait_for("every customer's script ends", flow.lived, max(0.0, deadline - time.monotonic()))
            flow.stop_ticks()
            if settled(lapse, active):
                return []
            why = "customers are due"
        except (AssertionError, LapseError) as error:
            why = str(error)
    flow.stop_ticks()
    return [f"not calm within {seconds:.0f} s: {why}; {flow.unfinished()} scripts have not ended"]


def _audited(lapse: Installation, customers: Sequence[Customer]) -> list[str]:
    """What `lapse audit` finds; that those whom a guard keeps for good are overdue is right."""
    active = {customer.id for customer in customers if customer.fate == "active"}
    found = audit_history(lapse.app.history(), grace=0).differences
    wrong = [each for each in found if not (each.code == "overdue" and each.customer_id in active)]
    return [f"audit: {each.code} {each.customer_id or ''} {each.service or ''} {each.detail}" for each in wrong]


def _installed(services: Services, folder: Path, customers: Sequence[Customer]) -> Installation:
    rules = folder / "direct"
    rules.mkdir()
    lapse = Installation(services, rules, SERVICES, voters=VOTERS, **SETTINGS)
    lapse.install()
    for service in SERVICES:
        with lapse.connect(service) as database, database.cursor() as cursor:
            rows = [(each.id, each.rows[-1].name, each.rows[-1].email) for each in customers]
            cursor.executemany("INSERT INTO people (customer_id, name, email) VALUES (%s, %s, %s)", rows)
            listed = [(each.id,) for each in customers if each.active_until and service in VOTERS]
            cursor.executemany("INSERT INTO open_loans VALUES (%s)", listed)
    return lapse


@contextmanager
def _links(lapse: Installation) -> Iterator[dict[str, Proxy]]:
    """A proxy before the table and one before each database; all open at the end."""
    urls = {"table": lapse.services.dynamodb.url, **{service: lapse.url(service) for service in SERVICES}}
    with ExitStack() as stack:
        yield {name: stack.enter_context(proxy(address_of(urls[name]))) for name in LINKS}


def _config(lapse: Installation, folder: Path, links: Mapping[str, Proxy]) -> Path:
    """Settings and rules of the roles, which reach table and databases by way of the links."""
    rules = folder / "rules"
    rules.mkdir()
    for service in SERVICES:
        direct = lapse.url(service)
        text = (lapse.folder / f"{service}.yaml").read_text(encoding="utf-8")
        (rules / f"{service}.yaml").write_text(text.replace(direct, through(direct, links[service].port)), "utf-8")
    settings = json.loads(lapse.settings_file().read_text(encoding="utf-8"))
    settings["table"]["endpoint_url"] = through(settings["table"]["endpoint_url"], links["table"].port)
    config = folder / "lapse.yaml.json"
    config.write_text(json.dumps({**settings, "services": str(rules)}), encoding="utf-8")
    return config


def _keep_logs(services: Services, folder: Path) -> None:
    shutil.copytree(services.logs, folder / "servers", dirs_exist_ok=True)
