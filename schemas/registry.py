"""Where the writer's schema of a Confluent frame comes from."""

from collections.abc import Mapping
from typing import Any, Protocol


class SchemaRegistry(Protocol):
    """Looks up schemas by the id in a frame. It is trusted: bytes are read by whatever schema it gives."""

    def __hash__(self) -> int:
        """By identity is right: what was parsed is remembered per registry."""

    def writer_schema(self, schema_id: int, /) -> Mapping[str, Any] | None:
        """The schema registered under this id, None if there is none.

        Asked once per id that exists, and again for each record with an id that does not.

        Raises:
            TransientError: The registry is away.
        """
