"""Every strategy against the suite that third parties run over theirs: ours, and those of a package of somebody."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from consumers.stores.conformance import StrategyConformance, StrategySubject
from consumers.stores.conformance.strategy_subject import TYPES, VALUES
from consumers.stores.rules.declared import BACKENDS, FAMILIES, Family
from consumers.stores.rules.strategies import DECLARED
from tests.support.installed import GROUP, LYING, STRATEGIES, Installed
from tests.support.sql_store import Database
from tests.support.three_databases import AnyDatabase, new_any

pytestmark = pytest.mark.integration
STATIC: Mapping[Family, object] = {
    "text": "OTHER",
    "enum": "OTHER",
    "whole": 7,
    "numeric": 7,
    "float": 7.5,
    "date": dt.date(2000, 2, 29),
    "uuid": "01234567-89ab-4def-8123-456789abcdef",
    "boolean": True,
}
FORMS: Mapping[str, object] = {
    **{kind: kind for kind in DECLARED},
    "unique_email": {"unique_email": {"domain": "a.example"}},
    "template": {"template": "Customer {token}"},
    "bucket": {"bucket": {"size": 10}},
    "json": {"json": {"remove": ["$.a"], "other_paths": "keep"}},
    "hash": {"hash": {"accept_reversible": "for the test"}},
    "partial_mask": {"partial_mask": {"characters": 4, "accept_reversible": "for the test"}},
}
ACME: Mapping[str, object] = {
    "fixed_length": {"fixed_length": {"letters": 12}},
    "zeros_of_one_length": {"fixed_length": {"letters": 1, "letter": "0"}},
    "any_name": "any_name",
    "digits": {"digits": {"count": 9}},
    "keeps_end": {"keeps_end": {"accept_reversible": "for the test"}},
}


class Ours(StrategySubject):
    """Every strategy of Lapse."""

    def written(self, name: str, family: Family) -> object:
        if name == "static":
            return {"static": STATIC.get(family, "OTHER")}
        if name == "truncate":
            return {"truncate": {"characters": 2} if family == "text" else "year"}
        return super().written(name, family)

    def values(self, name: str, family: Family) -> Sequence[str]:
        return VALUES["json"] if (name, family) == ("json", "text") else VALUES[family]


@pytest.fixture(scope="module", params=["postgres", "mariadb", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnyDatabase]:
    with new_any(request, tmp_path_factory.mktemp("strategies"), "") as made:
        yield made


def subject_of(database: AnyDatabase, kind: type[StrategySubject], forms: Mapping[str, object]) -> StrategySubject:
    return kind(database.url, "public" if isinstance(database, Database) else database.name, forms)


class TestOurs(StrategyConformance):
    @pytest.fixture
    def subject(self, database: AnyDatabase) -> StrategySubject:
        return subject_of(database, Ours, FORMS)


class TestThirdParty(StrategyConformance):
    @pytest.fixture
    def subject(self, database: AnyDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StrategySubject:
        Installed(tmp_path / "site", monkeypatch).add(GROUP, STRATEGIES)
        return subject_of(database, StrategySubject, ACME)


@pytest.fixture
def lying(database: AnyDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], StrategySubject]:
    Installed(tmp_path / "site", monkeypatch).add(GROUP, LYING, package="liar")
    return lambda name: subject_of(database, StrategySubject, {name: name})


SUITE = StrategyConformance()
LEAVES = SUITE.test_what_it_leaves_is_what_it_expects
CASES: Mapping[str, Callable[[StrategySubject], None]] = {
    "of_dates": LEAVES,
    "short": SUITE.test_what_it_leaves_stays_within_its_bound,
    "null_replaced": LEAVES,
    "never_null": SUITE.test_no_other_value_becomes_null_unless_it_declares_so,
    "repeating": SUITE.test_the_same_value_becomes_the_same_or_not_as_it_declares,
    "drawn": SUITE.test_the_same_value_becomes_the_same_or_not_as_it_declares,
    "unique": SUITE.test_rows_stay_different_where_it_declares_so,
    "differing": SUITE.test_no_cell_keeps_its_value_where_it_declares_so,
    "expects_more": LEAVES,
    "expects_nothing": LEAVES,
    "expects_less": SUITE.test_old_values_are_told_from_what_it_leaves,
    "restless": SUITE.test_what_it_has_left_can_be_masked_again,
    "forgetting": SUITE.test_two_who_are_alike_cannot_be_told_apart_unless_it_can_be_reversed,
}


@pytest.mark.parametrize("name", CASES)
def test_a_strategy_that_lies_is_found_out(lying: Callable[[str], StrategySubject], name: str) -> None:
    with pytest.raises(AssertionError):
        CASES[name](lying(name))


@pytest.mark.parametrize("case", {each.__name__: each for each in CASES.values()}.values())
def test_one_that_does_not_lie_is_let_be(
    lying: Callable[[str], StrategySubject], case: Callable[[StrategySubject], None]
) -> None:
    case(lying("plain"))


def test_a_strategy_that_takes_no_type_of_the_database_is_not_taken_for_tried(
    lying: Callable[[str], StrategySubject], database: AnyDatabase
) -> None:
    if isinstance(database, Database):
        LEAVES(lying("elsewhere"))
        return
    with pytest.raises(AssertionError):
        LEAVES(lying("elsewhere"))


def test_strategies_are_tried_on_every_family_of_types_there_is() -> None:
    assert {*TYPES} == {*BACKENDS}
    assert {*TYPES["postgresql"]} == {*VALUES} == FAMILIES
    assert all({*declared.types} == {*BACKENDS} for declared in DECLARED.values())
