"""The strategy a draft proposes for a column: the first for its kind that pre-flight has nothing against."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from consumers.domain.work import Finding
from consumers.stores.rules.model import Table
from consumers.stores.sql.catalog import Column, Index
from consumers.stores.sql.drafting.personal import Kind
from consumers.stores.sql.preflight.constraints import constraint_findings
from consumers.stores.sql.preflight.masks import mask_findings
from consumers.stores.sql.preflight.subject import Subject

Written = Any  # a strategy or token as a rules file has it
_STATIC: Written = {"static": "Anonymized"}
_EMAIL: Written = {"unique_email": {"domain": "anonymized.invalid"}}
_TEMPLATE: Written = {"template": "Customer {token}"}
_CANDIDATES: Mapping[Kind, Iterable[Written]] = {
    "email": (_EMAIL, "set_null", "empty", "unique_token", "zeros"),
    "phone": ("set_null", "unique_phone", "empty", "zeros", "unique_token"),
    "birth": ({"truncate": "year"}, "set_null", "zeros"),
    "identity": ("set_null", "zeros", "unique_token"),
    "name": (_STATIC, "set_null", "empty", _TEMPLATE, "unique_token", "zeros"),
    "text": ("set_null", _STATIC, "empty", "unique_token", "zeros"),
}
TOKEN = "anonymization_token"  # noqa: S105 - the name of a column


class Choice(NamedTuple):
    """A strategy, and the token it needs: a column that `rules ddl` adds."""

    strategy: Written
    token: Written | None


def choice(subject: Subject, column: str, kind: Kind, token: Written | None) -> Choice | None:
    """What to propose. `token`: the one the table has by now. None: nothing that pre-flight would let pass."""
    for candidate in _CANDIDATES[kind]:
        if not _against(subject, column, candidate, token):
            return Choice(candidate, token)
    return None if token else _with_token(subject, column, kind)


def _with_token(subject: Subject, column: str, kind: Kind) -> Choice | None:
    """For a unique column that can neither be NULL nor hold a token: one beside it, with an index over both."""
    unique = [index for index in subject.relation.indexes if index.unique and column in index.columns]
    token = _token(subject, column, unique[0]) if len(unique) == 1 and unique[0].plain else None
    for candidate in _CANDIDATES[kind] if token else ():
        if all(each.ddl for each in _against(subject, column, candidate, token)):
            return Choice(candidate, token)
    return None


def _token(subject: Subject, column: str, index: Index) -> Written | None:
    """The one that the index holds, else a new one beside its columns."""
    columns = subject.relation.columns
    held = [name for name in index.columns if name != column and _is_token(subject, columns[name])]
    if held:
        return {"column": held[0], "unique_with": [name for name in index.columns if name != held[0]]}
    return None if TOKEN in columns else {"column": TOKEN, "unique_with": list(index.columns)}


def _is_token(subject: Subject, column: Column) -> bool:
    fits = column.base == "uuid" or column.is_text
    return fits and "token" in column.name.lower() and subject.dialect.token_fits(column)


def _against(subject: Subject, column: str, candidate: Written, token: Written | None) -> list[Finding]:
    table = Table.model_validate({"mask": {column: candidate}, "token": token})
    tried = subject._replace(table=table)
    found = [*mask_findings(tried), *constraint_findings(tried)]
    return [each for each in found if each.place == f"{subject.place}.mask.{column}"]
