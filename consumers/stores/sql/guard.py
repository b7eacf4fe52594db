"""A guard at work: one statement for a batch, in a transaction that can only read."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, Engine, String, TextClause, Uuid, bindparam, exc, text
from sqlalchemy.types import TypeEngine

from consumers.domain.errors import PermanentError, TransientError
from consumers.domain.work import Finding
from consumers.stores.rules.guard import CUSTOMERS, EXAMPLE
from consumers.stores.rules.model import Rules
from consumers.stores.sql.customers import converted
from consumers.stores.sql.dialect import Dialect
from consumers.stores.sql.failures import DataFailure, classify, translated

ACTIVE = "active"
_DENIED = {"42501", "1142", "1143", "1370"}  # a grant is missing: PostgreSQL, MariaDB
_TYPES: Mapping[str, tuple[TypeEngine[Any], Callable[[str], Any]]] = {
    "text": (String(), str),
    "integer": (BigInteger(), int),
}
_MISNAMED = f"a guard or query of active customers lists what is not among the customers asked about. Repair: {EXAMPLE}"
_SAMPLES = {"text": "-", "integer": "0", "uuid": str(uuid.UUID(int=0))}


class Guard:
    """The guard of one service's rules."""

    def __init__(self, engine: Engine, dialect: Dialect, sql: str, kind: str) -> None:
        self._engine, self._dialect, self._kind = engine, dialect, kind
        as_uuid = uuid.UUID if isinstance(dialect.uuid, Uuid) else str
        self._type, self._value = _TYPES.get(kind, (dialect.uuid, as_uuid))
        self._statement = _bound(sql, self._type)
        self._explain = _bound("EXPLAIN " + sql, self._type)

    def objections(self, customer_ids: Sequence[str]) -> dict[str, str]:
        """Who must not be anonymized now: `active`, or the code of a guard that fails for this customer alone.

        Ids of another type can have no row: nothing objects to them.

        Raises:
            PermanentError: It answers with something else than ids it was asked about, so nobody's vote is known.
            TransientError: The database is away.
        """
        spelled = {each: value for each in customer_ids if (value := converted(each, self._kind)) is not None}
        if not spelled:
            return {}
        try:
            found = self._listed(sorted(set(spelled.values())))
        except DataFailure:
            pass  # taken apart outside the handler, so that no later error is chained to this one
        else:
            return {each: ACTIVE for each, value in spelled.items() if value in found}
        return {each: code for each, value in spelled.items() if (code := self._alone(value))}

    def findings(self, connection: Connection) -> Iterator[Finding]:
        """Whether the live schema can run it. TransientError: the database is away."""
        try:
            with connection.begin_nested():
                connection.execute(self._explain, {CUSTOMERS: [self._value(_SAMPLES[self._kind])]})
        except exc.SQLAlchemyError as error:
            failure = classify(error)
        else:
            return
        if isinstance(failure, TransientError) and failure.code not in _DENIED:
            raise failure
        yield Finding("guard", "guard", f"the database cannot run it ({failure.code}).", EXAMPLE)

    def _alone(self, value: str) -> str | None:
        try:
            return ACTIVE if self._listed([value]) else None
        except DataFailure as failure:
            return failure.code

    def _listed(self, values: Sequence[str]) -> set[str]:
        found = {converted(str(value), self._kind) for value in self._queried([self._value(each) for each in values])}
        named = {value for value in values if value in found}
        if found != named:
            # not passed over: it may be an active customer under another spelling
            raise PermanentError(_MISNAMED, code="guard")
        return named

    @translated
    def _queried(self, values: Sequence[Any]) -> list[Any]:
        with self._engine.connect() as connection, self._dialect.reading(connection) as reading:
            return [row[0] for row in reading.execute(self._statement, {CUSTOMERS: values})]


def guard_of(engine: Engine, dialect: Dialect, rules: Rules) -> Guard | None:
    """The guard of these rules, None where they have none."""
    return Guard(engine, dialect, rules.guard, rules.customer.type) if rules.guard else None


def _bound(sql: str, kind: TypeEngine[Any]) -> TextClause:
    return text(sql).bindparams(bindparam(CUSTOMERS, expanding=True, type_=kind))
