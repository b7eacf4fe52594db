"""The items a state consumer read or wrote lately. Writes are conditional, so a stale one costs a round, no more."""

from collections import OrderedDict

from consumers.items import Stored


class Cache:
    """At most `size` items, those used longest ago dropped first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: OrderedDict[str, Stored] = OrderedDict()

    def get(self, customer_id: str) -> Stored | None:
        """The item as last seen."""
        found = self._items.get(customer_id)
        if found is not None:
            self._items.move_to_end(customer_id)
        return found

    def put(self, item: Stored) -> None:
        """Remember an item as it stands in the table."""
        self._items[item.item.customer_id] = item
        self._items.move_to_end(item.item.customer_id)
        if len(self._items) > self._size:
            self._items.popitem(last=False)

    def drop(self) -> None:
        """Forget everything."""
        self._items.clear()
