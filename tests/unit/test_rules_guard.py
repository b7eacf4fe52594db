"""Which statements may be a guard."""

import pytest
from pydantic_core import PydanticCustomError

from consumers.stores.rules.guard import checked_guard


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM loans WHERE id IN :customers",
        "SELECT l.id::text FROM core.loans l JOIN open o ON o.id = l.id WHERE l.id IN :customers AND (o.state <> 'x')",
        "SELECT id FROM a WHERE id IN :customers UNION SELECT id FROM b WHERE id IN :customers",
        "WITH o AS (SELECT id FROM a WHERE id IN :customers) SELECT id FROM o",
        "SELECT id FROM a WHERE id IN :customers AND EXISTS (SELECT * FROM b WHERE b.id = a.id)",
        "SELECT id FROM a WHERE (id IN :customers) GROUP BY id HAVING count(*) > 1",
        "SELECT id FROM a WHERE id IN :customers AND name LIKE '%x%' AND at > '2026-01-01 12:30:00'",
    ],
)
def test_one_bound_select_is_a_guard(sql: str) -> None:
    assert checked_guard(sql) == sql


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT id FROM a", "must bind"),
        ("SELECT id FROM a WHERE id = :customers", "column IN"),
        ("SELECT id FROM a WHERE id NOT IN :customers", "column IN"),
        ("SELECT id FROM a WHERE NOT (id IN :customers)", "column IN"),
        ("SELECT id FROM a WHERE (id IN :customers) IS FALSE", "column IN"),
        ("SELECT id FROM a WHERE CASE WHEN id IN :customers THEN false ELSE true END", "column IN"),
        ("SELECT id FROM a WHERE id IN :customers OR open", "column IN"),
        ("SELECT id IN :customers FROM a", "column IN"),
        ("SELECT a.id FROM a LEFT JOIN b ON b.id IN :customers", "column IN"),
        ("SELECT id FROM a WHERE id IN (:customers)", "column IN"),
        ("SELECT id FROM a WHERE :customers IN (id)", "column IN"),
        ("SELECT id FROM a WHERE (id, b) IN :customers", "column IN"),
        ("SELECT id FROM a WHERE lower(id) IN :customers", "column IN"),
        ("SELECT id FROM a WHERE id IN :customers AND b = :other", "nothing else"),
        ("SELECT id FROM a WHERE id IN :customers AND b = ' :other'", "nothing else"),
        ("SELECT id FROM a WHERE id IN :customers AND b = $1", "nothing else"),
        ("SELECT id, b FROM a WHERE id IN :customers", "one column"),
        ("SELECT * FROM a WHERE id IN :customers", "one column"),
        ("SELECT id FROM a WHERE id IN :customers UNION SELECT * FROM b WHERE id IN :customers", "one column"),
        ("SELECT id FROM a WHERE id IN :customers FOR UPDATE", "may only read"),
        ("SELECT id FROM a WHERE id IN :customers AND pg_terminate_backend(1)", "may only read"),
        ('SELECT id FROM a WHERE id IN :customers AND pg_catalog."pg_sleep"(9) IS NULL', "may only read"),
        ("SELECT id FROM a WHERE id IN :customers AND DBLINK_EXEC('x') = ''", "may only read"),
        ("SELECT id FROM a WHERE id IN :customers AND set_config('a', 'b', false) = ''", "may only read"),
        ("SELECT id INTO b FROM a WHERE id IN :customers", "may only read"),
        ("WITH x AS (DELETE FROM a RETURNING id) SELECT id FROM x WHERE id IN :customers", "may only read"),
        ("SELECT id FROM a WHERE id IN :customers; DROP TABLE a", "exactly one"),
        ("DELETE FROM a WHERE id IN :customers", "exactly one"),
        ("CALL x()", "exactly one"),
        ("SELECT id FROM (", "can be read"),
        ("", "exactly one"),
        (7, "no text"),
    ],
)
def test_anything_else_is_refused_with_the_reason(sql: object, why: str) -> None:
    with pytest.raises(PydanticCustomError) as refused:
        checked_guard(sql)
    assert why in refused.value.message()
    assert "SELECT id FROM active_loans" in str(refused.value.context)
