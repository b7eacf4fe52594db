"""The policy: purposes, their retention, the product kinds they look at and the services that serve them."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from consumers.domain.registers import kind_of
from consumers.domain.retention import Retention

LEGAL_HOLD = "legal-hold"
Mode = Literal["live", "dry_run", "stopped"]


class Purpose(NamedTuple):
    """Why a group of databases keeps data. `products` None: every kind counts."""

    name: str
    retention: Retention
    services: tuple[str, ...]
    products: frozenset[str] | None = None


class Policy(NamedTuple):
    """What every role decides by; times in microseconds.

    `always` are kinds that count for every purpose, beside `legal-hold`. `log_retention` is how long events and
    commands stay in their topics, the longer of both.

    Caps are in customers: `cap` per rolling day; `growth`, as a multiple of the mean per day, from the eighth day on;
    `first_run` in the first tick a service is live. `retry`: how long after a refusal a customer is claimed again;
    None: at the next local midnight.
    """

    purposes: Mapping[str, Purpose]
    always: frozenset[str] = frozenset()
    lease: int = 6 * 3600 * 1_000_000
    cap: int = 10_000
    growth: int = 3
    first_run: int = 100
    retry: int | None = None
    log_retention: int = 400 * 24 * 3600 * 1_000_000

    def lists(self, purpose: Purpose, product: str) -> bool:
        """Whether a product is of a kind that matters to the purpose."""
        if purpose.products is None:
            return True
        kind = kind_of(product)
        return kind in purpose.products or kind == LEGAL_HOLD or kind in self.always

    @property
    def services(self) -> list[str]:
        """Every service of every purpose, sorted."""
        return sorted(service for purpose in self.purposes.values() for service in purpose.services)

    def purpose_of(self, service: str) -> Purpose | None:
        """The purpose a service serves."""
        return next((purpose for purpose in self.purposes.values() if service in purpose.services), None)


def live(purpose: Purpose, modes: Mapping[str, Mode]) -> tuple[str, ...]:
    """The services a claim names. A service nobody has enabled is in dry run."""
    return tuple(service for service in purpose.services if modes.get(service) == "live")


def armed(purpose: Purpose, modes: Mapping[str, Mode]) -> bool:
    """Whether the purpose may claim: at least one service live, none stopped."""
    return bool(live(purpose, modes)) and all(modes.get(service) != "stopped" for service in purpose.services)
