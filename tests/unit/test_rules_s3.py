"""Rules of an S3 service: understood, or refused with a place, a reason and a repair; never a wider prefix."""

from pathlib import Path

import pytest

from consumers.domain.errors import PermanentError
from consumers.stores import RulesError, S3Rules, load_rules, load_sql_rules, rules_digest
from consumers.stores.rules.s3 import Objects
from tests.support.s3_store import RULES, rules_of

ENDPOINT = "http://127.0.0.1:1"
TEMPLATE = "customers/{customer_id}/"


def load(folder: Path, text: str = RULES) -> S3Rules:
    return rules_of(folder, "archive-1", ENDPOINT, text)


def test_example_is_read_whole(tmp_path: Path) -> None:
    rules = load(tmp_path)

    assert (rules.store.bucket, rules.store.endpoint, rules.store.region) == ("archive-1", ENDPOINT, "eu-north-1")
    assert {name: objects.of("c-1") for name, objects in rules.objects.items()} == {
        "documents": "customers/c-1/",
        "avatars": "public/avatars/c-1/",
    }
    assert rules.ledger.prefix == "lapse-ledger/"


def test_endpoint_is_that_of_aws_where_it_is_left_out(tmp_path: Path) -> None:
    assert load(tmp_path, RULES.replace(' endpoint: "${S3_ENDPOINT}",', "")).store.endpoint is None


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        # a prefix must be one customer's and nobody else's
        (TEMPLATE, "customers/{customer_id}", "prefix", "objects.documents.prefix"),
        (TEMPLATE, "customers/{customer_id}-docs/", "prefix", "objects.documents.prefix"),
        (TEMPLATE, "customers/c{customer_id}/", "prefix", "objects.documents.prefix"),
        (TEMPLATE, "customers/", "prefix", "objects.documents.prefix"),
        (TEMPLATE, "{customer_id}/{customer_id}/", "prefix", "objects.documents.prefix"),
        (TEMPLATE, "x{customer_id}/{customer_id}/", "prefix", "objects.documents.prefix"),
        (TEMPLATE, "customers/{customer}/", "prefix", "objects.documents.prefix"),
        (TEMPLATE, "/customers/{customer_id}/", "prefix", "objects.documents.prefix"),
        (TEMPLATE, "customers//{customer_id}/", "prefix", "objects.documents.prefix"),
        (TEMPLATE, "customers/../{customer_id}/", "prefix", "objects.documents.prefix"),
        (TEMPLATE, "x" * 512 + "/{customer_id}/", "string_too_long", "objects.documents.prefix"),
        (f'"{TEMPLATE}"', "7", "prefix", "objects.documents.prefix"),
        (f'documents: {{prefix: "{TEMPLATE}"}}', "documents: {}", "missing", "objects.documents.prefix"),
        # prefixes that cover one another
        ("public/avatars/{customer_id}/", "customers/{customer_id}/x/", "overlap", "objects.avatars.prefix"),
        ("public/avatars/{customer_id}/", TEMPLATE, "overlap", "objects.avatars.prefix"),
        ("public/avatars/{customer_id}/", "{customer_id}/avatars/", "overlap", "objects.avatars.prefix"),
        ("lapse-ledger/", "customers/", "overlap", "objects.documents.prefix"),
        ("lapse-ledger/", "customers/ledger/", "overlap", "objects.documents.prefix"),
        ("lapse-ledger/", "customers/ledger/deeper/", "overlap", "objects.documents.prefix"),
        (TEMPLATE, "{customer_id}/", "overlap", "objects.documents.prefix"),
        # the ledger
        ("ledger: {prefix: lapse-ledger/}", "", "missing", "ledger"),
        ("{prefix: lapse-ledger/}", "none", "ledger", "ledger"),
        ("{prefix: lapse-ledger/}", "~", "ledger", "ledger"),
        ("lapse-ledger/", "lapse-ledger", "prefix", "ledger.prefix"),
        ("lapse-ledger/", '"ledger/{customer_id}/"', "prefix", "ledger.prefix"),
        ("lapse-ledger/", '""', "prefix", "ledger.prefix"),
        ("lapse-ledger/", "/", "prefix", "ledger.prefix"),
        # spelling
        ("version: 1", "version: 2", "literal_error", "version"),
        ("version: 1", "version: 1\nguard: SELECT 1", "extra_forbidden", "guard"),
        ("region: eu-north-1", "regio: eu-north-1", "missing", "store.region"),
        ("region: eu-north-1", "region: eu-north-1, url: x", "extra_forbidden", "store.url"),
        ("service: archive", "service: ARCHIVE", "string_pattern_mismatch", "service"),
        ('"${BUCKET}"', '"Not a bucket"', "string_pattern_mismatch", "store.bucket"),
        ('"${S3_ENDPOINT}"', "CANARY", "endpoint", "store.endpoint"),
        ('"${S3_ENDPOINT}"', "https://CANARY:secret@s3.example", "endpoint", "store.endpoint"),
        ('"${S3_ENDPOINT}"', "https://s3.example:CANARY", "endpoint", "store.endpoint"),
        ('"${S3_ENDPOINT}"', '"${NOT_SET}"', "variable", "store.endpoint"),
        ("{prefix: lapse-ledger/}", "{prefix: lapse-ledger/, schema: x}", "extra_forbidden", "ledger.schema"),
    ],
)
def test_refusal_names_code_and_place(tmp_path: Path, old: str, new: str, code: str, place: str) -> None:
    assert old in RULES

    with pytest.raises(RulesError) as caught:
        load(tmp_path, RULES.replace(old, new, 1))

    assert (code, place) in {(found.code, found.place) for found in caught.value.findings}
    assert all(found.repair for found in caught.value.findings)
    assert "CANARY" not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize("empty", ["objects: {}", "objects: ~", "objects: []"])
def test_a_service_without_objects_is_refused(tmp_path: Path, empty: str) -> None:
    text = "".join(line for line in RULES.splitlines(keepends=True) if not line.startswith("  "))

    with pytest.raises(RulesError) as caught:
        load(tmp_path, text.replace("objects:", empty))

    assert [found.place for found in caught.value.findings] == ["objects"]


@pytest.mark.parametrize("customer", ["1", "c-4711", "a b", "å", "{customer_id}", "...", "-", "%2F", "\\", "a" * 1013])
def test_an_id_gives_its_own_prefix(customer: str) -> None:
    assert Objects(prefix=TEMPLATE).of(customer) == f"customers/{customer}/"


@pytest.mark.parametrize(
    "customer", ["", ".", "..", "/", "1/", "/1", "1/2", "../1", "1\n", "1\0", "\ud800", "a" * 1014, "å" * 507]
)
def test_an_id_that_is_no_segment_of_a_key_gives_no_prefix(customer: str) -> None:
    assert Objects(prefix=TEMPLATE).of(customer) is None


def test_digest_follows_the_rules_and_not_their_spelling(tmp_path: Path) -> None:
    digest = rules_digest(load(tmp_path))

    assert len(digest) == 64
    assert rules_digest(load(tmp_path, RULES + "\n# a comment\n")) == digest
    assert rules_digest(load(tmp_path, RULES.replace("customers/", "clients/"))) != digest


def test_who_needs_a_database_refuses_a_bucket_by_name(tmp_path: Path) -> None:
    load(tmp_path)

    with pytest.raises(RulesError) as caught:
        load_sql_rules(tmp_path / "archive.yaml", {"BUCKET": "archive-1", "S3_ENDPOINT": ENDPOINT})

    assert isinstance(caught.value, PermanentError)
    assert caught.value.code == "kind"


def test_kind_of_store_says_the_form_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "crm.yaml"
    path.write_text("store: {kind: s3}\ntables: {}", encoding="utf-8")

    with pytest.raises(RulesError) as caught:
        load_rules(path, {})

    assert {found.place for found in caught.value.findings} >= {"objects", "tables", "store.bucket"}
