"""Entries of the index, page by page."""

from collections.abc import Iterator, Sequence

from consumers.domain.index import Prefix, shard
from consumers.ports import IndexEntry, Table

PAGE = 500


def index_pages(table: Table, prefix: Prefix, number: int, until: int) -> Iterator[Sequence[IndexEntry]]:
    """The entries of a shard with `next_action_at <= until`, oldest first. Each page is read when it is asked for."""
    after: IndexEntry | None = None
    while page := table.due(shard(prefix, number), until, PAGE, after):
        yield page
        after = page[-1]
