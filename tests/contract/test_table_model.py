"""Every `Table`, whichever adapter, against the same table as a plain dict."""

import uuid

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumers.domain.index import IndexKeys
from consumers.domain.rows import Key, state_key
from consumers.ports import Lost, Row, Table, Write
from tests.support.table_rows import LATER, a_row, delete, insert, update

Step = tuple[int, str, int | None]
STEPS = st.tuples(
    st.integers(0, 4),
    st.sampled_from(["insert", "update", "delete", "stale update", "stale delete"]),
    st.one_of(st.none(), st.integers(0, 3)),
)
BATCHES = st.lists(st.lists(STEPS, max_size=5, unique_by=lambda step: step[0]), max_size=6)


class Model:
    """The same table as a plain dict."""

    def __init__(self) -> None:
        self.rows: dict[Key, Row] = {}

    def write(self, write: Write) -> Lost | None:
        current = self.rows.get(write.key)
        if write.row is None and current is None:
            return None
        if current != write.expected:
            return Lost(current)
        self.rows.pop(write.key, None)
        if write.row:
            self.rows[write.key] = write.row
        return None

    def due(self, shard: str, until: int) -> list[tuple[int, str]]:
        keys = [(row.keys, key.id) for key, row in self.rows.items() if row.keys]
        return sorted(
            (at.next_action_at, id_) for at, id_ in keys if at.due_shard == shard and at.next_action_at <= until
        )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=BATCHES)
def test_table_behaves_as_a_plain_dict(table: Table, batches: list[list[Step]]) -> None:
    example, model = uuid.uuid4().hex, Model()
    shard = f"due#{example}"
    keys = [state_key(f"{example}-{number}") for number in range(5)]
    for batch in batches:
        writes = [write_for(model.rows.get(keys[step[0]]), keys[step[0]], step, shard) for step in batch]
        assert list(table.write(writes)) == [model.write(write) for write in writes]
        assert table.read(keys) == model.rows
        for until in (0, 2, LATER):
            assert sorted((entry.next_action_at, entry.id) for entry in table.due(shard, until, 10)) == model.due(
                shard, until
            )


def write_for(current: Row | None, key: Key, step: Step, shard: str) -> Write:
    _, action, at = step
    row = a_row(key, version=current.version + 1 if current else 1, keys=None if at is None else IndexKeys(shard, at))
    if action == "insert":
        return insert(row)
    expected = a_row(key) if current is None or action.startswith("stale") else current
    return delete(expected) if action.endswith("delete") else update(expected, row)
