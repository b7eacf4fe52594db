"""Whether the database takes the SQL of somebody else's strategies: it is asked, over no row and no other column."""

from collections.abc import Iterator

from sqlalchemy import Connection, exc

from consumers.domain.errors import TransientError
from consumers.domain.work import Finding
from consumers.stores.rules.custom_strategies import MEND, CustomStrategy
from consumers.stores.rules.model import Rules
from consumers.stores.sql.catalog import Catalog
from consumers.stores.sql.custom import UnfitError
from consumers.stores.sql.dialect import Dialect
from consumers.stores.sql.failures import classify
from consumers.stores.sql.names import quote, statement
from consumers.stores.sql.preflight.subject import Subject, subjects


def custom_findings(connection: Connection, rules: Rules, catalog: Catalog, dialect: Dialect) -> Iterator[Finding]:
    """Every such strategy that gives no SQL for its column, or some that the database refuses."""
    for subject in subjects(rules, catalog, dialect):
        for name, strategy in subject.table.mask.items():
            problem = _refused(connection, subject, name, strategy) if isinstance(strategy, CustomStrategy) else ""
            if problem:
                yield Finding("strategy", f"{subject.place}.mask.{name}", problem, MEND)


def _refused(connection: Connection, subject: Subject, name: str, strategy: CustomStrategy) -> str:
    try:
        new, met = subject.dialect.made(strategy, subject.relation.columns[name])
        cell = f"(SELECT {quote(name)} FROM {subject.relation.sql}) AS c"  # noqa: S608 - names are quoted
        asked = f"SELECT {new.sql}, {met.sql} FROM {cell} WHERE 1 = 0"  # noqa: S608 - so are these
        with connection.begin_nested():
            connection.execute(statement(asked, **new.parameters, **met.parameters))
    except UnfitError as error:
        return f"{error}."
    except exc.SQLAlchemyError as error:
        failure = classify(error)
    else:
        return ""
    if isinstance(failure, TransientError):
        raise failure
    return f"the database does not take the SQL of {strategy.kind} of {strategy.package} ({failure.code})."
