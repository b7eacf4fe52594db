"""Rules files: rules that can be used, or a RulesError that says what, where and what to do, and no secret."""

import os
import random
import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path

from consumers.stores import (
    CustomRules,
    Rules,
    RulesError,
    S3Rules,
    ledger_ddl,
    load_rules,
    markdown,
    register,
    rules_digest,
)
from consumers.stores.rules.s3 import overlaps
from consumers.stores.rules.structure import problems
from tests.fuzz.cases import Target
from tests.fuzz.documents import document_of
from tests.fuzz.mutation import mutated
from tests.support.s3_store import RULES as S3_RULES
from tests.support.sql_store import RULES

CANARY = "CANARY"
SMALL = """
version: 1
service: crm
purpose: care
store: {kind: sql, url: "${CRM_URL}", schema: crm}
customer: {type: text}
ledger: none
tables:
  people:
    key: [id]
    flag: done
    mask:
      name: zeros
      mail: {unique_email: {domain: a.invalid}}
      phone: {unique_phone: {prefix: "999"}}
      nick: {template: "N {token}"}
      income: {bucket: {size: 1000}}
      extra: {json: {remove: [$.a.b], set: {$.c: no}, keep: {why not: [$.d]}, other_paths: refuse}}
  notes: {parent: people, rows: delete}
"""
GUARDS = (
    "SELECT id FROM active_loans WHERE id IN :customers",
    "SELECT l.id FROM loans l JOIN cards c ON c.id = l.id WHERE (l.id IN :customers AND c.open) -- open ones",
    "SELECT id FROM a WHERE id IN :customers UNION SELECT id FROM b WHERE id IN :customers AND note = ':x'",
    "WITH w AS (SELECT id FROM a WHERE id IN :customers) SELECT id FROM w",
    "SELECT id FROM t WHERE id IN :customers AND " + "(" * 400 + "a" + ")" * 400,
    "SELECT id FROM t WHERE id IN :customers AND " + "NOT " * 400 + "a",
    "SELECT " + "(SELECT " * 200 + "id" + ")" * 200 + " FROM t WHERE id IN :customers",
    "SELECT id FROM t WHERE id IN :customers" + " AND a = 1" * 1500,
)
GUARD_PARTS = tuple(
    part.encode()
    for part in (
        *(
            ":customers",
            "::text",
            ":x",
            "$1",
            "$$",
            "%s",
            "?",
            "{",
            "/*",
            "--",
            "'",
            '"',
            "E'\\'",
            "U&'\\0061'",
            ";",
            "\x00",
            "(",
            ")",
        ),
        *(
            "INTO",
            "FOR UPDATE",
            "LATERAL",
            "CASE",
            "INTERVAL '1",
            "@",
            "[",
            "]",
            "::",
            "WHERE",
            "NOT",
            "*",
            ",",
            "\U0001f600",
            "DELETE",
        ),
    )
)


class Environ(dict[str, str]):
    """Variables that are asked for as `os.environ` is: by a name that must be text of the operating system."""

    def __contains__(self, name: object) -> bool:
        """Whether it is set."""
        os.fsencode(str(name))
        return super().__contains__(name)


ENVIRON = Environ(
    CRM_URL=f"postgresql://lapse:{CANARY}@db.example/crm",
    DEMO_CRM_URL=f"postgresql://lapse:{CANARY}@db.example/crm",
    DEMO_LOANS_URL=f"postgresql://lapse:{CANARY}@[::1]:5432/loans?sslpassword={CANARY}",
    DEMO_NEWSLETTER_URL=f"postgresql://lapse:{CANARY}@db.example/newsletter",
    BUCKET="archive-1",
    S3_ENDPOINT=f"https://{CANARY.lower()}.example:9000",
    SECRET_WORD=CANARY,
    SECRET_URL=f"mysql://u:{CANARY}@[:::{CANARY}/x",
)


@cache
def _bases() -> tuple[str, ...]:
    demo = files("consumers.demo") / "services"
    shipped = (each.read_text("utf-8") for each in sorted(demo.iterdir(), key=str) if each.name.endswith(".yaml"))
    return (*(SMALL,) * 6, *(S3_RULES,) * 2, RULES, *shipped)


@cache
def _file() -> Path:
    return Path(tempfile.mkdtemp(prefix="lapse-fuzz-")) / "crm.yaml"


def make(chance: random.Random) -> bytes:
    """A rules file made wrong, some with a guard made wrong beside."""
    return document_of(chance, _bases(), {"guard": _guard(chance)} if chance.random() < 0.15 else {})


def _guard(chance: random.Random) -> str:
    guard = chance.choice(GUARDS if chance.random() < 0.1 else GUARDS[:4])
    if chance.random() < 0.8:
        guard = mutated(chance, guard.encode(), (*GUARD_PARTS, *(each.encode() for each in GUARDS[:4]))).decode(
            errors="replace"
        )
    if chance.random() < 0.5:
        at = chance.randrange(len(guard) + 1)
        guard = guard[:at] + chance.choice(GUARD_PARTS).decode() + guard[at:]
    return guard


def judge(case: bytes) -> str:
    """Load it as `lapse run` does."""
    _file().write_bytes(case)
    try:
        rules = load_rules(_file(), ENVIRON)
    except RulesError as error:
        return _refused(error)
    assert not isinstance(rules, CustomRules), "nobody brings a kind here"
    _usable(rules)
    if isinstance(rules, S3Rules):
        _usable_for_objects(rules)
        return "rules of a bucket"
    _usable_for_tables(rules)
    return "rules"


def _refused(error: RulesError) -> str:
    told = f"{error} {error!r} {error.args} {error.findings}"
    assert CANARY not in told, "a value of the environment is shown"
    str(error).encode()  # or the one who is to repair it sees a traceback instead
    assert error.findings
    for found in error.findings:
        assert found.code, found
        assert found.place, found
        assert found.message, found
        assert found.repair, found
    assert error.__cause__ is None, "the error it was made of would be printed with it"
    assert error.__context__ is None or error.__suppress_context__, "the error it was made of would be printed with it"
    return f"refused: {error.code}"


def _usable(rules: Rules | S3Rules) -> None:
    assert len(rules_digest(rules)) == 64
    markdown([register(rules)]).encode()
    rules.model_dump_json()


def _usable_for_objects(rules: S3Rules) -> None:
    assert not list(overlaps(rules))
    for objects in rules.objects.values():
        mine, neighbours = objects.of("1"), objects.of("10")
        assert mine
        assert neighbours
        assert not neighbours.startswith(mine)
        assert not rules.ledger.prefix.startswith(mine)


def _usable_for_tables(rules: Rules) -> None:
    ledger_ddl(rules).encode()
    assert CANARY not in repr(rules.store.url)
    for name in rules.tables:
        assert rules.lineage(name)[0] == rules.root
    assert not problems(rules)


TARGET = Target("rules", make, judge)
