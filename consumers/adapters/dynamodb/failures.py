"""What an error of DynamoDB means to a role.

| error | meaning | raised |
|---|---|---|
| throttled, limit exceeded, internal error, transaction conflict | busy | TransientError |
| refused, closed, timed out, no usable answer | away | TransientError |
| access denied, expired token, bad signature, no credentials | unauthorized until granted | TransientError |
| any error not named here | unknown: to wait loses nothing | TransientError |
| the table is not there | a person must create it | PermanentError, names the command |
| a row is refused: too large, invalid | fails again, other rows do not | PoisonError |
| the request is invalid or unknown there | fails again | PermanentError |

An error's text is DynamoDB's code and the operation, nothing else: DynamoDB's own messages may quote keys.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.parsers import ResponseParserError

from consumers.domain.errors import LapseError, PermanentError, PoisonError, TransientError

BUSY = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "ThrottlingError",
        "Throttling",
        "TransactionConflict",
    }
)
"""Codes of single statements, and of whole calls, that are worth another try at once."""

_ABSENT = frozenset({"ResourceNotFound", "TableNotFound"})
_REFUSED = frozenset(
    {
        "ItemCollectionSizeLimitExceeded",
        "ParamValidationError",
        "Serialization",
        "UnknownOperation",
        "Validation",
        "ValidationError",
    }
)

_OF_ROWS = frozenset({"ItemCollectionSizeLimitExceeded", "Validation", "ValidationError"})
"""Codes that a call by key is refused with for one of its rows, and that DynamoDB does not tell from its own fault."""

Method = Callable[..., dict[str, Any]]


def call_for_rows(method: Method, gives: str, **request: Any) -> dict[str, Any]:
    """Make a call that reads or writes rows by key; `call` says how.

    Raises:
        TransientError, PermanentError: See the table above.
        PoisonError: One of the rows is refused; other rows may be asked for without it.
    """
    try:
        return call(method, gives, **request)
    except PermanentError as error:
        code = error.code
    raise failure_of_row(code)


def call(method: Method, gives: str, **request: Any) -> dict[str, Any]:
    """Make a call.

    Args:
        method: A method of the client.
        gives: The member the answer must have; an answer without it came from something else on the way.
        request: The members of the request.

    Raises:
        TransientError: See the table above.
        PermanentError: See the table above.
    """
    with translated():
        answer = method(**request)
    if gives not in answer:
        raise failure("UnusableAnswer")
    return answer


def unless_busy(call: Method, *what: Any, **request: Any) -> dict[str, Any] | None:
    """The answer of a call; None where DynamoDB is busy, so that it may be asked again at once. Raises as the call."""
    try:
        return call(*what, **request)
    except TransientError as error:
        if short_code(error.code) not in BUSY:
            raise
    return None


@contextmanager
def translated() -> Iterator[None]:
    """Raise what DynamoDB's client raises as `call` does."""
    try:
        yield
    except ClientError as error:
        raise failure(error.response.get("Error", {}).get("Code", "Unknown")) from None
    except (BotoCoreError, ResponseParserError) as error:
        raise failure(_name(error)) from None


def failure(code: str) -> LapseError:
    """The error for a code of DynamoDB or the name of an error of its client."""
    short = short_code(code)
    if short in _ABSENT:
        return PermanentError("the table is not there: run `lapse table apply`", code=code)
    if short in _REFUSED:
        return PermanentError(f"DynamoDB refused the request: {code}", code=code)
    return TransientError(f"DynamoDB cannot answer now: {code}", code=code)


def failure_of_row(code: str) -> LapseError:
    """The error for a code that one row was answered with."""
    if short_code(code) in _OF_ROWS:
        return PoisonError(f"DynamoDB refuses a row: {code}", code=code)
    return failure(code)


def short_code(code: str) -> str:
    """A code without its ending: whole calls say `ThrottlingException` where statements say `ThrottlingError`."""
    return code.removesuffix("Exception")


def _name(error: Exception) -> str:
    return "ParamValidationError" if isinstance(error, ParamValidationError) else type(error).__name__
