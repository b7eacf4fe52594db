"""The errors of Lapse. No message, argument or attribute of any of them ever carries a person's data."""


class LapseError(Exception):
    """Lapse refused or failed."""

    def __init__(self, message: str | None = None, *, code: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())
        self.code = code or type(self).__name__


class TransientError(LapseError):
    """A dependency is away; the same call may succeed later."""


class PermanentError(LapseError):
    """The same call will fail again until a person changes something."""


class PoisonError(PermanentError):
    """One record, row or customer fails on its own account; what came with it can be handled without it."""


class InvalidRecordError(LapseError):
    """A record cannot be understood. `code` says why, in words that may stand in a header."""

    def __init__(self, code: str) -> None:
        super().__init__(f"invalid record: {code}", code=code)
