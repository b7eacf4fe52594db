"""What it means that a promise is broken."""


class ViolationError(BaseException):
    """A promise was broken. `promise` is its number. No role may take it for an error of its own."""

    def __init__(self, promise: int, what: str) -> None:
        super().__init__(f"promise {promise}: {what}")
        self.promise = promise


def promise(number: int, kept: bool, broken: str) -> None:
    """A ViolationError where the promise of this number is not kept."""
    if not kept:
        raise ViolationError(number, broken)
