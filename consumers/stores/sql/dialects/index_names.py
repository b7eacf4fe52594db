"""What indexes of Lapse's own are called, and which index the token's stands in for."""

import zlib
from collections.abc import Sequence

from consumers.stores.rules.model import Token
from consumers.stores.sql.catalog import ForeignKey, Index, Relation


def index_name(relation: Relation, columns: Sequence[str], most_bytes: int) -> str:
    """The name of the index over these columns, within what the database reads back."""
    name = "_".join([relation.name, *columns, "lapse"])
    whole = name.encode()
    if len(whole) <= most_bytes:
        return name
    return f"{whole[: most_bytes - 9].decode(errors='ignore')}_{zlib.crc32(whole):08x}"


def stands_in(relation: Relation, token: Token, index: Index, keys: Sequence[ForeignKey]) -> bool:
    """Whether the unique index over `unique_with` and token may take this one's place: no foreign key needs it."""
    if index.primary or not index.plain or set(index.columns) != set(token.unique_with):
        return False
    return not any(
        key.target == (relation.schema, relation.name) and set(key.target_columns) == set(index.columns) for key in keys
    )
