"""What pre-flight found, as one SQL text that a person reads and then runs."""

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy.engine import make_url

from consumers.domain.errors import PermanentError
from consumers.domain.work import Finding
from consumers.stores.rules.model import Rules
from consumers.stores.sql.dialects import dialect_of

_PORTS = {"postgresql": 5432, "mariadb": 3306}


def one_database(rules: Sequence[Rules]) -> None:
    """PermanentError: they are in several databases, where one migration cannot be run."""
    if len({_database(each) for each in rules}) > 1:
        services = ", ".join(each.service for each in rules)
        raise PermanentError(f"{services} are in several databases, a migration is for one: name the files of one")


def migration(databases: Sequence[Rules], found: Iterable[tuple[str, Sequence[Finding]]]) -> str:
    """The SQL that repairs these findings by adding, by service; what is left to a person stands in it as comments."""
    seen: set[str] = set()
    parts = [part for service, findings in found for part in _service(service, findings, seen)]
    how = [dialect_of(each).how for each in databases[:1] if seen]
    return "\n\n".join([*how, *parts]) + "\n"


def _service(service: str, findings: Sequence[Finding], seen: set[str]) -> Iterator[str]:
    added = [each for each in findings if each.ddl]
    if not added:
        yield _comment(f"{service}: nothing to add")
    for each in added:
        # two masked columns under one index, or two services with one ledger, lack the same
        if each.ddl not in seen:
            seen.add(each.ddl)
            yield f"{_comment(f'{service}: {each.place}: {each.message}')}\n{each.ddl.rstrip()}"
    for each in findings:
        if not each.ddl:
            told = f"left to you: {service}: {each.place}: {each.code}: {each.message}\n{each.repair}"
            yield _comment(told)


def _comment(text: str) -> str:
    # every line of it: a name may hold line breaks
    return "\n".join(f"-- {line}" for line in text.splitlines())


def _database(rules: Rules) -> tuple[object, ...]:
    url = make_url(rules.store.url.get_secret_value())
    return (url.host or url.query.get("host"), url.port or _PORTS.get(url.get_backend_name()), url.database)
