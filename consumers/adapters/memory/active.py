"""A central list of active products in memory."""

from collections.abc import Mapping, Sequence
from typing import Literal

from consumers.domain.errors import TransientError


class MemoryActiveProducts:
    """Fulfils ActiveProducts.

    Attributes:
        listed: What it knows, by customer; who is not in it is inactive.
        away: While it is set, every question fails as if the source could not be reached.
    """

    def __init__(self, listed: Mapping[str, Literal["active", "unknown"]] | None = None) -> None:
        self.listed = dict(listed or {})
        self.away = False

    def active(self, customer_ids: Sequence[str]) -> Mapping[str, Literal["active", "unknown"]]:
        """Those listed among these customers."""
        if self.away:
            raise TransientError("the list of active products is away")
        return {each: self.listed[each] for each in customer_ids if each in self.listed}
