"""Findings that a person may accept: nothing proves that what was found does harm, or that it does none.

An acceptance holds for one shape: the finding, what the rules write into the table, and what of the live schema bears
on it. When that changes the finding is back.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from consumers.domain.work import Finding
from consumers.stores.rules.model import Rules
from consumers.stores.sql.preflight.subject import Subject

_DIGITS = 16
_AGAIN = " It was accepted once, and what it was said about has changed since."


def acceptable(subject: Subject, found: Finding) -> Finding:
    """The finding, such that a person may accept it for the table as it is now."""
    written = subject.table.model_dump(mode="json", include={"mask", "flag", "token", "rows"})
    said = [found.code, found.place, found.message, written, _shape(subject)]
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), default=sorted)
    return found._replace(shape=hashlib.sha256(canonical.encode()).hexdigest()[:_DIGITS])


def unaccepted(rules: Rules, found: Iterable[Finding]) -> Iterator[Finding]:
    """What nobody has accepted; what was accepted in another shape says so."""
    shapes = {(each.code, each.at, each.shape) for each in rules.accepted}
    places = {(each.code, each.at) for each in rules.accepted}
    for each in found:
        if not each.shape or (each.code, each.place, each.shape) not in shapes:
            again = bool(each.shape) and (each.code, each.place) in places
            yield each._replace(message=each.message + _AGAIN) if again else each


def _shape(subject: Subject) -> Any:
    relation, own = subject.relation, subject.own_columns
    return [
        # Lapse's own columns are added when the rest has been looked at, and an index for lookups forbids nothing
        [each for each in relation.columns.values() if each.name not in own],
        sorted(each for each in relation.indexes if each.unique and not (each.plain and own & set(each.columns))),
        sorted(relation.checks),
        sorted(relation.triggers),
        sorted(key for key in subject.catalog.foreign_keys if subject.id in {key.table, key.target}),
    ]
