"""Rules of a store that somebody else wrote: an entry point in the group `lapse.stores`, named as the kind.

    [project.entry-points."lapse.stores"]
    mongodb = "acme_lapse:MongoRules"

`store: {kind: mongodb, …}` in a rules file then is read by `MongoRules`. The store itself has to pass
`consumers.stores.conformance`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Literal

from consumers.domain.work import Finding
from consumers.ports import Clock, LedgeredStore
from consumers.stores.rules.entries import Unfit, brought
from consumers.stores.rules.model import Purpose, Rules, Service
from consumers.stores.rules.s3 import S3Rules
from consumers.stores.rules.shapes import Frozen

GROUP = "lapse.stores"
Fate = Literal["masked", "deleted"]


class CustomStore(Frozen):
    """Where the data are. A subclass adds what leads there; secrets are `SecretStr`."""

    kind: str


class CustomRules(Frozen, ABC):
    """What every rules file has. A subclass gives `store` its own type and adds the rest."""

    version: Literal[1]
    service: Service
    purpose: Purpose
    store: CustomStore

    @abstractmethod
    def groups(self) -> Mapping[str, Fate]:
        """What happens to the rows of each table or group, by the name that counts are told under."""

    @abstractmethod
    def suits(self, customer_id: str) -> bool:
        """Whether a customer of this service can have the id; who cannot is NOTHING_FOUND."""

    @abstractmethod
    def open(self, clock: Clock) -> LedgeredStore:
        """The store; connects when it is first used."""


AnyRules = Rules | S3Rules | CustomRules


def custom_kind(kind: object) -> type[CustomRules] | Finding | None:
    """The rules of this kind; a finding where what is installed is not fit; None: nobody brings this kind."""
    found = brought(GROUP, str(kind), CustomRules)
    if isinstance(found, Unfit):
        return Finding("kind", "store.kind", *found)
    return found.cls if found else None
