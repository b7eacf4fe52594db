"""A SQL database as a store: one transaction a batch, as many statements as the rules have tables.

The failure table (error: retry, pause, give up, already gone) opens `failures`.
"""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection, Engine

from consumers.domain.errors import TransientError
from consumers.domain.work import Carried, Finding, LedgerRow, Proof, Task
from consumers.stores.rules import Rules, rules_digest
from consumers.stores.sql.batch import carry_out
from consumers.stores.sql.catalog import Catalog
from consumers.stores.sql.customers import customers_of
from consumers.stores.sql.dialect import WRITES, Work
from consumers.stores.sql.dialects import dialect_of, engine_for
from consumers.stores.sql.failures import DataFailure, SharedFailure, TooSlowError, translated
from consumers.stores.sql.guard import guard_of
from consumers.stores.sql.links import with_joins
from consumers.stores.sql.pace import TOO_LARGE, Pace, patient
from consumers.stores.sql.preflight import custom_findings, findings


class SchemaAlteredError(TransientError):
    """The tables are others than pre-flight has seen; the batch is rolled back until it has looked again."""


class SqlStore:
    """One database seen through its rules; fulfils `consumers.ports.Store`.

    Not for use by two threads at once. Every method may raise TransientError (nothing was changed, call again later)
    or PermanentError (rules and schema differ).
    """

    def __init__(self, rules: Rules, connect: Callable[[Rules], Engine] = engine_for) -> None:
        self._rules, self._dialect = rules, dialect_of(rules)
        self._engine, self._patient = connect(rules), connect(patient(rules))
        self._pace = Pace()
        self._digest = rules_digest(rules)
        kept = rules.ledger
        self._ledger = self._dialect.ledger(kept.schema_name, rules.service, self._digest) if kept else None
        self._guard = guard_of(self._engine, self._dialect, rules)
        self._work: Work | None = None
        self._shape: object = None

    @property
    def rules_digest(self) -> str:
        """Hex SHA-256 of the rules in force."""
        return self._digest

    @property
    def votes(self) -> bool:
        """Whether the rules have a guard."""
        return self._guard is not None

    def guard(self, customer_ids: Sequence[str]) -> Mapping[str, str]:
        """Who must not be anonymized now, with a code; one statement for the batch, that can only read."""
        return self._guard.objections(customer_ids) if self._guard else {}

    @translated
    def preflight(self) -> list[Finding]:
        """Compare the rules with the live schema; empty: safe to run. Touches nothing."""
        with self._engine.connect() as connection:
            catalog = self._looked_at(connection)
            unfit = list(self._dialect.findings(connection, self._rules))
            unfit += self._guard.findings(connection) if self._guard else []
            found = [*findings(self._rules, catalog, self._dialect), *unfit]
            found = found or list(custom_findings(connection, self._rules, catalog, self._dialect))
        self._work = None if found else self._dialect.work(self._rules, catalog)
        return found

    @translated
    def altered(self) -> bool:
        """Whether the mapped tables are others than pre-flight has seen; one statement."""
        with self._engine.connect() as connection:
            return self._dialect.shape(connection, self._rules) != self._shape

    @translated
    def resolved(self) -> Rules:
        """The rules with every join written out that the file leaves to a foreign key of the live schema."""
        with self._engine.connect() as connection:
            return with_joins(self._rules, self._catalog(connection))

    @translated
    def create_ledger(self) -> None:
        """Make the ledger's schema and table where they are missing; a second call changes nothing."""
        if self._rules.ledger is None:
            return
        with self._engine.execution_options(**{WRITES: True}).begin() as connection:
            for statement in self._dialect.ledger_ddl(self._rules.ledger.schema_name):
                connection.exec_driver_sql(statement)

    @translated
    def ledger(self, command_ids: Sequence[str]) -> Mapping[str, LedgerRow]:
        """Ledger rows of these commands, by command id; one statement. Empty without a ledger."""
        if self._ledger is None:
            return {}
        with self._engine.connect() as connection:
            return self._ledger.read(connection, command_ids)

    @translated
    def proofs(self, command_ids: Sequence[str]) -> Sequence[Proof]:
        """Whole ledger rows of these commands; one statement. Empty without a ledger."""
        if self._ledger is None:
            return []
        with self._engine.connect() as connection:
            return self._ledger.proofs(connection, command_ids)

    @translated
    def carried(self, number: int, of: int, since: int) -> Sequence[Proof] | None:
        """Whole ledger rows of one partition of the commands (modulo `of`) carried out from `since` on; one statement.

        None: the rules keep no ledger.
        """
        if self._ledger is None:
            return None
        with self._engine.connect() as connection:
            return self._ledger.carried(connection, number, of, since)

    @translated
    def reached(self) -> Mapping[int, int] | None:
        """The highest command offset in the ledger by partition; None where the database has no ledger."""
        if self._ledger is None:
            return None
        with self._engine.connect() as connection:
            return self._ledger.reached(connection)

    @translated
    def unflagged(self, customer_ids: Sequence[str]) -> frozenset[str]:
        """Which of these customers have root rows not anonymized yet; one statement.

        Without a flag no row can tell: empty, and the ledger alone decides.
        """
        customers = customers_of(customer_ids, self._rules.customer.type)
        with self._engine.connect() as connection:
            found = self._planned(connection).unflagged(connection, customers.ids)
        return frozenset(spelled for spelled, ordinal in customers.ordinals.items() if ordinal in found)

    @translated
    def count(self, customer_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """Rows per table that a run would change, for every customer that has some; one statement a table."""
        customers = customers_of(customer_ids, self._rules.customer.type)
        counted: dict[int, dict[str, int]] = {}
        with self._engine.connect() as connection:
            for ordinal, table, rows in self._planned(connection).counts(connection, customers.ids):
                if rows:
                    counted.setdefault(ordinal, {})[table] = rows
        return {name: counted[ordinal] for name, ordinal in customers.ordinals.items() if ordinal in counted}

    @translated
    def page(self, after: str, limit: int) -> Sequence[Proof] | None:
        """The next whole ledger rows behind a command id, in the order of the ids; None: the rules keep no ledger."""
        if self._ledger is None:
            return None
        with self._engine.connect() as connection:
            return self._ledger.page(connection, after, limit)

    def unmet(self, customer_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """Rows per customer and place that count as anonymized and are not as the rules leave them; touches nothing.

        One statement a table. A value the database cannot even judge, as a document that is no object, is told as
        `unreadable` with the database's code, that customer alone.
        """
        try:
            return self._unmet(customer_ids)
        except DataFailure:
            pass  # taken apart below, outside the handler, so that no later error is chained to this one
        return {each: found for each in customer_ids if (found := self._unmet_alone(each))}

    @translated
    def reopen(self, customer_ids: Sequence[str]) -> None:
        """Clear the flags of these customers, so that their next command takes all of their rows."""
        customers = customers_of(customer_ids, self._rules.customer.type)
        with self._engine.execution_options(**{WRITES: True}).begin() as connection:
            self._planned(connection).reopen(connection, customers.ids)

    def anonymize(self, tasks: Sequence[Task]) -> Sequence[Carried]:
        """Carry out the batch in one transaction, ledger included; answers in the order of the tasks.

        If the database refuses the values of one, each customer is tried in a transaction of its own and the refused
        ones are FAILED. Those whose rows the rules refuse for being shared are left out of the batch first. If it goes
        away in between, what was committed is in the ledger: the next call finds it. If a statement takes too long the
        next call goes in smaller parts, in the end customer by customer with more time.
        """
        answers: list[Carried] = []
        slow: list[tuple[int, str]] = []
        patiently = self._pace.alone
        for part in self._pace.parts(tasks):
            try:
                answers += self._part(part)
            except TooSlowError as failure:
                slow.append((len(part), failure.code))
            if sum(size for size, _ in slow) > 1:
                break  # one customer by himself holds up nobody; more may mean that the database is slow
        if slow:
            size, code = slow[-1]
            self._pace.too_slow(size)
            raise TooSlowError(code=TOO_LARGE if patiently and len(slow) == 1 else code)
        self._pace.went_well()
        return answers

    def close(self) -> None:
        """Release connections."""
        self._engine.dispose()
        self._patient.dispose()

    def _part(self, tasks: Sequence[Task]) -> list[Carried]:
        shared: frozenset[int] = frozenset()
        try:
            return self._together(tasks)
        except SharedFailure as failure:
            shared = failure.ordinals
        except DataFailure:
            pass
        # taken apart outside the handlers, so that no later error is chained to this one
        customers = customers_of([task.customer_id for task in tasks], self._rules.customer.type)
        rest = [task for task in tasks if customers.ordinal(task) not in shared]
        if len(rest) == len(tasks):
            return [self._alone(task) for task in tasks]
        # those who share rows only among themselves are still done together
        done = iter(self._part(rest) if rest else ())
        return [self._alone(task) if customers.ordinal(task) in shared else next(done) for task in tasks]

    @translated
    def _together(self, tasks: Sequence[Task]) -> list[Carried]:
        customers = customers_of([task.customer_id for task in tasks], self._rules.customer.type)
        engine = self._patient if self._pace.alone and len(tasks) == 1 else self._engine
        with engine.execution_options(**{WRITES: True}).begin() as connection:
            carried = carry_out(connection, self._planned(connection), self._ledger, customers, tasks)
            # last: what the batch has touched nobody can alter any more before it ends
            if self._dialect.shape(connection, self._rules) != self._shape:
                raise SchemaAlteredError(code="schema_altered")
            return carried

    @translated
    def _unmet(self, customer_ids: Sequence[str]) -> dict[str, dict[str, int]]:
        customers = customers_of(customer_ids, self._rules.customer.type)
        found: dict[int, dict[str, int]] = {}
        with self._engine.connect() as connection:
            for ordinal, place, rows in self._planned(connection).unmet(connection, customers.ids):
                found.setdefault(ordinal, {})[place] = rows
        return {name: found[ordinal] for name, ordinal in customers.ordinals.items() if ordinal in found}

    def _unmet_alone(self, customer_id: str) -> Mapping[str, int]:
        try:
            return self._unmet([customer_id]).get(customer_id, {})
        except DataFailure as failure:
            return {f"unreadable ({failure.code})": 1}

    def _alone(self, task: Task) -> Carried:
        try:
            return self._together([task])[0]
        except DataFailure as failure:
            return Carried("FAILED", {}, failure.code)

    def _planned(self, connection: Connection) -> Work:
        if self._work is None:
            self._work = self._dialect.work(self._rules, self._looked_at(connection))
        return self._work

    def _looked_at(self, connection: Connection) -> Catalog:
        # before the catalog is read: what is altered in between is found by the next batch
        self._shape = self._dialect.shape(connection, self._rules)
        return self._catalog(connection)

    def _catalog(self, connection: Connection) -> Catalog:
        ledger = self._rules.ledger
        schemas = {self._rules.store.schema_name} | ({ledger.schema_name} if ledger else set())
        return self._dialect.catalog(connection, sorted(schemas))
