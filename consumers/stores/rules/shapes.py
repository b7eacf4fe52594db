"""What all models of a rules file share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Reason = Annotated[str, Field(min_length=3)]  # why something is kept, left out or accepted


class Frozen(BaseModel):
    """Unknown keys and values of another type are refused, and no error quotes a value."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


def sequence(written: object) -> object:
    """A list of the file as the tuple a frozen model holds."""
    return tuple(written) if isinstance(written, list) else written
