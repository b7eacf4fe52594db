"""`lapse demo`: the whole pipeline on this machine. What it needs is an extra, so it is imported only here."""

from typing import Annotated

import typer

from consumers.domain.errors import PermanentError

Count = Annotated[int, typer.Option("--customers", min=1, max=100_000, help="How many customers to make up.")]
Keep = Annotated[bool, typer.Option("--keep", help="Leave everything running until Ctrl-C, to look around.")]


def demo(customers: Count = 500, keep: Keep = False) -> None:
    """Run the whole pipeline on this machine: real broker, real table, real databases."""
    try:
        from consumers.demo.command import tell  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise PermanentError(
            f"{error.name} is not installed; the demo needs the extra lapse[demo] and lapse-producer-client"
        ) from None
    tell(customers, keep=keep)
