"""A rules file is understood or refused with a place, a reason and a repair."""

from pathlib import Path

import pytest

from consumers.stores import Rules, RulesError, load_rules, load_sql_rules, markdown, register, rules_digest
from tests.support.sql_store import RULES

PATHS = ("a", "$", "$.", "$.a[0]", "$.a.0", "$.a.-1", "$.a.*", "$..a", "$.a b", '$."a"', "$.å")
ENVIRON = {"CRM_URL": "postgresql://lapse:CANARY@db.example/crm"}


def load(folder: Path, text: str = RULES, **environ: str) -> Rules:
    path = folder / "crm.yaml"
    path.write_text(text, encoding="utf-8")
    return load_sql_rules(path, ENVIRON | environ)


def refused(folder: Path, old: str, new: str) -> RulesError:
    assert old in RULES
    with pytest.raises(RulesError) as caught:
        load(folder, RULES.replace(old, new, 1))
    return caught.value


def test_example_is_read_whole(tmp_path: Path) -> None:
    rules = load(tmp_path)

    assert (rules.root, rules.customer_column) == ("customers", "customer_id")
    assert rules.lineage("order_lines") == ["customers", "orders", "order_lines"]
    assert rules.store.statement_timeout == 5_000
    assert rules.store.url.get_secret_value() == "postgresql+psycopg://lapse:CANARY@db.example/crm"
    assert [strategy.kind for strategy in rules.tables["customers"].mask.values()] == [
        "zeros",
        "unique_email",
        "set_null",
        "truncate",
        "zeros",
        "static",
    ]


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        # in the design, not in this version
        ("purpose: marketing", "purpose: marketing\nguard: SELECT 1", "guard", "guard"),
        ("kind: sql", "kind: dynamodb", "not_available", "store.kind"),
        ("kind: sql", "kind: s3", "missing", "objects"),
        ("rows: delete}", "rows: delete, since: 1}", "string_type", "tables.notes.since"),
        ("rows: delete}", "rows: delete, flag: gone}", "not_available", "tables.notes.flag"),
        ("phone: set_null", "phone: scramble", "not_available", "tables.customers.mask.phone"),
        # contradictions
        ("{parent: orders, key", "{key", "root", "tables"),
        ("parent: orders, key", "parent: order_lines, key", "parent", "tables.order_lines.parent"),
        ("parent: orders, key", "parent: nowhere, key", "parent", "tables.order_lines.parent"),
        ("    key: [id]\n", "", "key", "tables.customers.key"),
        (", column: customer_id}", "}\nignored: {}", "extra_forbidden", "ignored"),
        ("[segment]", "[segment, phone]", "column_twice", "tables.customers"),
        ("rows: delete}", "rows: delete, mask: {body: zeros}}", "rows", "tables.notes.rows"),
        ("    flag: anonymized", "    rows: delete\n    flag: anonymized", "rows", "tables.customers.rows"),
        ("[countries]", "[countries, notes]", "ignore", "ignore"),
        ("phone: set_null", "customer_id: zeros", "customer_column", "tables.customers.mask.customer_id"),
        ("    flag: anonymized\n", "    join: {a: b}\n", "join", "tables.customers.join"),
        # spelling
        ("version: 1", "version: 2", "literal_error", "version"),
        ("parent: customers, rows", "parents: customers, rows", "extra_forbidden", "tables.notes.parents"),
        ("{truncate: year}", "{truncate: decade}", "literal_error", "tables.customers.mask.birth_date.to"),
        ("{truncate: year}", "truncate", "strategy_form", "tables.customers.mask.birth_date"),
        (
            "{truncate: year}",
            "{truncate: {characters: 0}}",
            "greater_than_equal",
            "tables.customers.mask.birth_date.characters",
        ),
        ("phone: set_null", "phone: {template: Anna}", "string_pattern_mismatch", "tables.customers.mask.phone.text"),
        (
            "phone: set_null",
            'phone: {template: "{token} {token}"}',
            "string_pattern_mismatch",
            "tables.customers.mask.phone.text",
        ),
        (
            "phone: set_null",
            'phone: {template: "{name} {token}"}',
            "string_pattern_mismatch",
            "tables.customers.mask.phone.text",
        ),
        (
            "phone: set_null",
            'phone: {unique_phone: {prefix: "+46"}}',
            "literal_error",
            "tables.customers.mask.phone.prefix",
        ),
        ("balance: zeros", "balance: {bucket: {size: 1}}", "greater_than_equal", "tables.customers.mask.balance.size"),
        ("balance: zeros", "balance: {bucket: {size: 2.5}}", "int_type", "tables.customers.mask.balance.size"),
        ("balance: zeros", "balance: {bucket: 10}", "strategy_form", "tables.customers.mask.balance"),
        ("phone: set_null", "phone: {redact: all}", "strategy_form", "tables.customers.mask.phone"),
        ("domain: anonymized.invalid", "domain: a@b", "string_pattern_mismatch", "tables.customers.mask.email.domain"),
        ("statement_timeout: 5s", "statement_timeout: 5", "duration", "store.statement_timeout"),
        ("{schema: lapse}", "~", "ledger", "ledger"),
        ("rows: delete", "rows: keep", "rows", "tables.notes.rows"),
        ("service: crm", "service: CRM 1", "string_pattern_mismatch", "service"),
        ("${CRM_URL}", "${NOT_SET}", "variable", "store.url"),
        ("${CRM_URL}", "${not-a-name}", "variable", "store.url"),
        (
            "phone: set_null",
            "phone: {hash: {accept_reversible: no}}",
            "string_too_short",
            "tables.customers.mask.phone.accept_reversible",
        ),
        (
            "phone: set_null",
            "phone: {hash: {accept_reversible: ~}}",
            "string_type",
            "tables.customers.mask.phone.accept_reversible",
        ),
        ("${CRM_URL}", "oracle://db/crm", "not_available", "store.url"),
        ("${CRM_URL}", "CANARY", "url", "store.url"),
        ("phone: set_null", "phone: set_null\n      phone: zeros", "yaml", "file"),
        ("version: 1", "version: [", "yaml", "file"),
    ],
)
def test_refusal_names_code_and_place(tmp_path: Path, old: str, new: str, code: str, place: str) -> None:
    error = refused(tmp_path, old, new)

    assert (code, place) in {(found.code, found.place) for found in error.findings}
    assert str(error).startswith("crm.yaml: ")
    assert all(found.repair for found in error.findings)
    assert "CANARY" not in str(error) + repr(error)


@pytest.mark.parametrize(
    ("written", "fields"),
    [
        ("empty", {}),
        ("redact", {}),
        ("unique_phone", {"prefix": "+999"}),
        ('{unique_phone: {prefix: "00999"}}', {"prefix": "00999"}),
        ('{template: "Customer {token}"}', {"text": "Customer {token}"}),
        ("{bucket: {size: 10}}", {"size": 10}),
        ("{hash: {accept_reversible: it is wanted}}", {"accept_reversible": "it is wanted"}),
        (
            "{partial_mask: {characters: 4, accept_reversible: it is wanted}}",
            {"characters": 4, "accept_reversible": "it is wanted"},
        ),
    ],
)
def test_strategy_is_read_as_it_is_written(tmp_path: Path, written: str, fields: dict[str, object]) -> None:
    rules = load(tmp_path, RULES.replace("phone: set_null", f"phone: {written}"))

    kind = written.strip("{").partition(":")[0]
    assert rules.tables["customers"].mask["phone"].model_dump() == {"kind": kind, **fields}


def test_json_is_read_whole(tmp_path: Path) -> None:
    written = (
        "{json: {remove: [$.a.b, $.a.c], set: {$.name: no, $.n: null}, keep: {why not: [$.x]}, other_paths: refuse}}"
    )
    rules = load(tmp_path, RULES.replace("phone: set_null", f"phone: {written}"))

    assert rules.tables["customers"].mask["phone"].model_dump() == {
        "kind": "json",
        "remove": ("$.a.b", "$.a.c"),
        "set": {"$.name": "no", "$.n": None},
        "keep": {"why not": ("$.x",)},
        "other_paths": "refuse",
    }
    told = "json, remove: $.a.b $.a.c, set: $.name $.n, keep: why not, other_paths: refuse"
    assert f"| phone | masked: {told} |" in markdown([register(rules)])
    assert rules_digest(rules) != rules_digest(load(tmp_path))


@pytest.mark.parametrize(
    ("inside", "code", "place"),
    [
        ("remove: [$.a]", "missing", ".other_paths"),
        ("remove: [$.a], other_paths: drop", "literal_error", ".other_paths"),
        ("removes: [$.a], other_paths: keep", "strategy_form", ""),
        ("other_paths: keep", "json_paths", ""),
        ("keep: {why not: [$.a]}, other_paths: refuse", "json_paths", ""),
        ("remove: [$.a, $.a], other_paths: keep", "json_paths", ""),
        ("remove: [$.a, $.a-b, $.a.b], other_paths: keep", "json_paths", ""),
        ("remove: [$.a], set: {$.a.b.c: 1}, other_paths: keep", "json_paths", ""),
        ("set: {$.a.b: 1}, keep: {why not: [$.a]}, other_paths: refuse", "json_paths", ""),
        *((f"remove: ['{path}'], other_paths: keep", "string_pattern_mismatch", ".remove.0") for path in PATHS),
        ("set: {$: 1}, other_paths: keep", "string_pattern_mismatch", ".set.$.[key]"),
        ("remove: $.a, other_paths: keep", "tuple_type", ".remove"),
        ("keep: {x: [$.b]}, remove: [$.a], other_paths: refuse", "string_too_short", ".keep.x.[key]"),
        ("set: {$.a: .inf}, other_paths: keep", "finite_number", ".set.$.a.float"),
        ("set: {$.a: [1]}, other_paths: keep", "string_type", ".set.$.a.str"),
    ],
)
def test_json_that_cannot_be_followed_is_refused(tmp_path: Path, inside: str, code: str, place: str) -> None:
    error = refused(tmp_path, "phone: set_null", f"phone: {{json: {{{inside}}}}}")

    assert (code, f"tables.customers.mask.phone{place}") in {(found.code, found.place) for found in error.findings}


@pytest.mark.parametrize(
    ("written", "code", "repair"),
    [
        ("uuid", "strategy_form", "write unique_token"),
        ("{truncate_text: 3}", "strategy_form", "write {truncate: {characters: N}}"),
        ("keep", "strategy_form", "keep: {REASON: [COLUMN]}"),
        *((each, "reversible", "take one that forgets") for each in ("hash", "partial_mask", "noise", "shuffle")),
        *((f"{{{each}: {{a: b}}}}", "reversible", "take one that forgets") for each in ("partial_mask", "encrypt")),
        ("{encrypt: {accept_reversible: it is wanted}}", "reversible", "take one that forgets"),
        ("{partial_mask: {characters: 4}}", "reversible", "accept_reversible"),
        ("{partial_mask: {accept_reversible: it is wanted}}", "strategy_form", ""),
        ("{hash: {accept_reversible: it is wanted, key: a}}", "strategy_form", ""),
    ],
)
def test_strategy_of_others_is_refused_with_what_to_write(tmp_path: Path, written: str, code: str, repair: str) -> None:
    [found] = refused(tmp_path, "phone: set_null", f"phone: {written}").findings

    assert (found.code, found.place) == (code, "tables.customers.mask.phone")
    assert repair in found.repair


def test_refusal_lists_every_problem(tmp_path: Path) -> None:
    error = refused(tmp_path, "version: 1", "version: 2\nshoe_size: 44")

    assert len(str(error).splitlines()) == 2


def test_ledger_none_needs_a_flag(tmp_path: Path) -> None:
    text = RULES.replace("{schema: lapse}", "none")

    assert load(tmp_path, text).ledger is None
    with pytest.raises(RulesError) as caught:
        load(tmp_path, text.replace("    flag: anonymized\n", ""))
    assert caught.value.code == "flag"


def test_rows_of_the_root_that_are_deleted_need_a_ledger(tmp_path: Path) -> None:
    start, end = RULES.index("    flag: anonymized"), RULES.index("  orders:")
    text = RULES[:start] + "    rows: delete\n" + RULES[end:]

    assert load(tmp_path, text).tables["customers"].deletes
    with pytest.raises(RulesError) as caught:
        load(tmp_path, text.replace("{schema: lapse}", "none"))
    assert caught.value.code == "ledger"


def test_single_key_is_the_customer_column_where_none_is_named(tmp_path: Path) -> None:
    assert load(tmp_path, RULES.replace(", column: customer_id", "")).customer_column == "id"


def test_compound_key_leaves_the_customer_column_to_be_named(tmp_path: Path) -> None:
    text = RULES.replace(", column: customer_id", "").replace("key: [id]\n", "key: [branch, number]\n")

    with pytest.raises(RulesError) as caught:
        load(tmp_path, text)

    assert caught.value.code == "customer_column"


@pytest.mark.parametrize("content", [b"", b"- a\n", b"\xff\xfe\x00", b"a: \x01"])
def test_file_without_a_mapping_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "crm.yaml"
    path.write_bytes(content)

    with pytest.raises(RulesError) as caught:
        load_rules(path, ENVIRON)

    assert caught.value.code == "yaml"


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RulesError):
        load_rules(tmp_path / "nowhere.yaml", ENVIRON)


def test_yaml_1_2_words_stay_words(tmp_path: Path) -> None:
    rules = load(tmp_path, RULES.replace("{static: OTHER}", "{static: no}"))

    assert rules.tables["customers"].mask["status"].model_dump() == {"kind": "static", "value": "no"}


def test_digest_ignores_secrets_and_spelling_but_not_rules(tmp_path: Path) -> None:
    digest = rules_digest(load(tmp_path))

    assert len(digest) == 64
    assert rules_digest(load(tmp_path, CRM_URL="postgresql://lapse:other@db.example/crm?sslpassword=x")) == digest
    assert rules_digest(load(tmp_path, RULES.replace("5s", "5000ms") + "\n# a comment\n")) == digest
    assert rules_digest(load(tmp_path, RULES.replace("OTHER", "GONE"))) != digest
    assert rules_digest(load(tmp_path, CRM_URL="postgresql://lapse@elsewhere.example/crm")) != digest


def test_no_form_of_the_rules_shows_the_password(tmp_path: Path) -> None:
    rules = load(tmp_path)

    assert "CANARY" not in str(rules) + repr(rules) + rules.model_dump_json() + markdown([register(rules)])
