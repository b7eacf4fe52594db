"""The records of one partition, sorted by customer.

Effects are read before their causes: ledgers, trail, commands, events. So what led to whatever a ledger or an answer
says is read behind it, also while everything runs.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from consumers.audit.evidence import Answer, Case, Evidence, Held, Sent, Step
from consumers.audit.letters import Letters
from consumers.audit.sources import History, Log
from consumers.domain.errors import InvalidRecordError
from consumers.domain.work import Proof
from consumers.operations.results import result_of
from consumers.ports import Record
from consumers.runtime.murmur2 import partition_of
from consumers.runtime.records import meant_for, position_of
from consumers.state.reading import Refused, read_record
from schemas.codec import decode
from schemas.library import COMMANDS


class Carried(NamedTuple):
    """What the ledgers have for one partition: rows and customers with unflagged rows, by service."""

    rows: Mapping[str, Sequence[Proof]]
    unflagged: Mapping[str, frozenset[str]]


class Logs(NamedTuple):
    """One partition of the three topics that are keyed by customer."""

    results: Log
    commands: Log
    events: Log


class Reading:
    """Collects the evidence of one partition.

    Attributes:
        customers: By customer id.
        misplaced: Customers of other partitions of whom an event stands here.
    """

    def __init__(self, history: History, letters: Letters, number: int, of: int) -> None:
        self._history, self._letters = history, letters
        self._number, self._of = number, of
        self.customers: dict[str, Evidence] = {}
        self.misplaced: set[str] = set()

    def read(self, carried: Carried, logs: Logs) -> None:
        """Take everything in."""
        for record in logs.results.records():
            self._result(record)
        for record in logs.commands.records():
            self._command(record)
        for record in logs.events.records():
            self._event(record)
        self._rows(carried)

    def _evidence(self, customer: str) -> Evidence:
        found = self.customers.get(customer)
        if found is None:
            found = Evidence(customer, [], {}, [], set(), customer in self._letters.held)
            self.customers[customer] = found
        return found

    def _case(self, customer: str, purpose: str, command: str) -> Case:
        cases = self._evidence(customer).cases
        return cases.setdefault((purpose, command), Case(purpose, command, [], [], {}))

    def _result(self, record: Record) -> None:
        fields = result_of(record)
        if fields is None:
            return
        answer = Answer(
            fields["service"],
            fields["outcome"],
            fields["attempt"],
            fields["finished_at"],
            fields["started_at"],
            fields["committed_at"],
            fields["deferred_until"],
        )
        self._case(fields["customer_id"], fields["purpose"], fields["command_id"]).answers.append(answer)

    def _command(self, record: Record) -> None:
        try:
            fields = decode(record.value, COMMANDS).fields
        except InvalidRecordError:
            return  # a dead letter: it asks for nothing
        if record.key == fields["customer_id"].encode():
            case = self._case(fields["customer_id"], fields["purpose"], fields["command_id"])
            case.sent.append(Sent(record.timestamp, fields["attempt"]))

    def _event(self, record: Record) -> None:
        position = position_of(record)
        if not meant_for([record], self._history.names.state_group) or position in self._letters.discarded:
            return
        read = read_record(record, self._history.personal_data)
        if isinstance(read, Refused):
            for customer in filter(self._is_here, read.holds):
                self._evidence(customer).steps.append(Step(record.timestamp, Held(position, read.code)))
        elif self._is_here(read.customer_id):
            self._evidence(read.customer_id).steps.append(Step(record.timestamp, read.event))
        else:
            self.misplaced.add(read.customer_id)

    def _is_here(self, customer: str) -> bool:
        return partition_of(customer.encode(), self._of) == self._number

    def _rows(self, carried: Carried) -> None:
        """Each ledger row goes to the command it names, whomever it says it was for."""
        owners = {case.command_id: each for each in self.customers.values() for case in each.cases.values()}
        for service, rows in carried.rows.items():
            for row in rows:
                self._row(owners, service, row)
        for service, customers in carried.unflagged.items():
            for customer in customers & self.customers.keys():
                self.customers[customer].unflagged.add(service)

    def _row(self, owners: Mapping[str, Evidence], service: str, row: Proof) -> None:
        owner = owners.get(row.command_id)
        if owner is None:
            self._evidence(row.customer_id).foreign.append((service, row))
            return
        named = [case for case in owner.cases.values() if case.command_id == row.command_id]
        case = next((case for case in named if case.purpose == row.purpose), named[0])
        case.rows[service] = row
