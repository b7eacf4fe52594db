"""What an error of the database means.

| error                                                        | answer       | what the caller does                  |
|--------------------------------------------------------------|--------------|---------------------------------------|
| refused, lost, shut down, no room (08, 53, 57, 58, XX)       | retry        | TransientError: pause, back off, again |
| connect, statement or lock timeout (57014, 55P03), pool full | retry        | the same                              |
| deadlock, serialization failure (40)                         | retry        | the same                              |
| password, role, permission, read-only (28, 42501, 25, 3D)    | retry        | the same: it is a person's to grant   |
| data of one customer (22, 23, 44, P0: raised by a trigger)   | give up      | one by one; that one is FAILED        |
| unknown table, column, function (42, 0A, 3F, all others)     | pause        | PermanentError: run pre-flight        |
| customer without rows, id of another type                    | already gone | NOTHING_FOUND                         |
| ledger row there                                             | already gone | ALREADY_DONE or LATE                  |

Codes are SQLSTATEs, or the name of the driver's class where there is none. Text of the database is never passed on:
it quotes values.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from sqlalchemy import exc

from consumers.domain.errors import LapseError, PermanentError, PoisonError, TransientError

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

_AWAY = ("08", "25", "28", "40", "53", "57", "58", "XX", "3D")
_AWAY_STATES = frozenset({"42501", "55P03", "55006"})
_DATA = ("22", "23", "44", "P0")


class DataFailure(PoisonError):  # noqa: N818 - where a batch can be taken apart, callers never see it
    """The values of a customer cannot be rewritten by the rules."""


def translated(call: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """Turn errors of the driver into errors of Lapse, without their text, parameters or chain."""

    @wraps(call)
    def guarded(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
        try:
            return call(*args, **kwargs)
        except exc.SQLAlchemyError as error:
            failure = classify(error)
        # raised outside the handler: the original, which quotes values, is not even its __context__
        raise failure

    return guarded


def classify(error: exc.SQLAlchemyError) -> LapseError:
    """The error of Lapse that stands for this one; see the table above."""
    original = error.orig if isinstance(error, exc.StatementError) and error.orig is not None else error
    state = getattr(original, "sqlstate", None)
    code = state or type(original).__name__
    if _is_away(error, state):
        return TransientError(f"the database is away ({code})", code=code)
    if _is_data(error, state):
        return DataFailure(f"the database refuses the new values ({code})", code=code)
    return PermanentError(f"the database does not match the rules ({code})", code=code)


def _is_away(error: exc.SQLAlchemyError, state: str | None) -> bool:
    if state is not None:
        return state in _AWAY_STATES or state.startswith(_AWAY)
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, exc.OperationalError | exc.InterfaceError | exc.TimeoutError | exc.DisconnectionError)


def _is_data(error: exc.SQLAlchemyError, state: str | None) -> bool:
    if state is not None:
        return state.startswith(_DATA)
    # without a state: the driver could not even send the value
    plain_statement_error = isinstance(error, exc.StatementError) and not isinstance(error, exc.DBAPIError)
    return isinstance(error, exc.DataError | exc.IntegrityError) or plain_statement_error
