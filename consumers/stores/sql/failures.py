"""What an error of the database means.

| error (PostgreSQL's SQLSTATEs)                               | answer       | what the caller does                  |
|--------------------------------------------------------------|--------------|---------------------------------------|
| refused, lost, shut down, no room (08, 53, 57, 58, XX)       | retry        | TransientError: pause, back off, again |
| connect, statement or lock timeout (57014, 55P03), pool full | retry        | the same                              |
| deadlock, serialization failure (40)                         | retry        | the same                              |
| password, role, permission, read-only (28, 42501, 25, 3D)    | retry        | the same: it is a person's to grant   |
| data of one customer (22, 23, 44, P0: raised by a trigger)   | give up      | one by one; that one is FAILED        |
| unknown table, column, function (42, 0A, 3F, all others)     | pause        | PermanentError: run pre-flight        |
| customer without rows, id of another type                    | already gone | NOTHING_FOUND                         |
| ledger row there                                             | already gone | ALREADY_DONE or LATE                  |

MariaDB's numbers and SQLite's names stand for the same answers below. Codes are SQLSTATEs, those numbers or names, or
the name of the driver's class where there is none. Text of the database is never passed on: it quotes values.
"""

import sqlite3
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import pymysql
from sqlalchemy import exc

from consumers.domain.errors import LapseError, PermanentError, PoisonError, TransientError

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

_AWAY = ("08", "25", "28", "40", "53", "57", "58", "XX", "3D")
_AWAY_STATES = frozenset({"42501", "55P03", "55006"})
_DATA = ("22", "23", "44", "P0")

# MariaDB. No room; too many; locked, deadlocked, killed, out of time; password, role, permission, read-only; unknown
# database; connections refused or lost (2xxx are the client's own)
_MARIADB_AWAY = frozenset(
    {"1021", "1037", "1038", "1040", "1041", "1114", "1135", "1203", "1226"}
    | {"1205", "1206", "1213", "1020", "1317", "1927", "1969", "3024"}
    | {"1044", "1045", "1142", "1143", "1227", "1290", "1370", "1698", "1792", "1820", "1836"}
    | {"1049", "1053", "1077", "1078", "1079", "1080", "1129", "1130", "1152", "1153", "1158", "1159", "1160", "1161"}
    | {"2002", "2003", "2006", "2013", "2055"}
)
# digits; MariaDB's shorter numbers tell of its host: a file that cannot be written or is gone, a full disk
_NUMBER_OF_A_STATEMENT = 4
# Duplicates, NULL, length, range, dates, letters, checks, foreign keys, division by zero, raised by a trigger
_MARIADB_DATA = frozenset(
    {"1022", "1048", "1062", "1169", "1264", "1265", "1292", "1364", "1365", "1366", "1406", "1411", "1441", "1451"}
    | {"1452", "1525", "1557", "1586", "1644", "1690", "1761", "3819", "4025", "4078", "3141", "4037", "4038"}
)
# SQLite's primary codes: what is behind them, as in BUSY_SNAPSHOT, says which kind of the same
_SQLITE_AWAY = ("BUSY", "LOCKED", "INTERRUPT", "IOERR", "FULL", "CANTOPEN", "PERM", "READONLY", "PROTOCOL", "NOMEM")
_SQLITE_DATA = ("CONSTRAINT", "TOOBIG", "MISMATCH")
NOT_VERIFIED = "not_verified"


class DataFailure(PoisonError):  # noqa: N818 - where a batch can be taken apart, callers never see it
    """The values of a customer cannot be rewritten by the rules."""


def not_verified(place: str) -> DataFailure:
    """A row is not as the rules say; `place` is `table.column`."""
    return DataFailure("what was changed is not as the rules say", code=f"{NOT_VERIFIED}:{place}")


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
    state = _state(original)
    code = state or type(original).__name__
    if _is_away(error, state):
        return TransientError(f"the database is away ({code})", code=code)
    if _is_data(error, state):
        return DataFailure(f"the database refuses the new values ({code})", code=code)
    return PermanentError(f"the database does not match the rules ({code})", code=code)


def _state(original: BaseException) -> str | None:
    """SQLSTATE, MariaDB's number or SQLite's name."""
    if isinstance(original, pymysql.MySQLError):
        # 0 where the driver itself saw the connection end
        return str(original.args[0]) if original.args and original.args[0] else None
    name = getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None)
    # a function of ours that refused a value has no code but this
    refused = isinstance(original, sqlite3.OperationalError) and "user-defined function" in str(original)
    return "SQLITE_FUNCTION" if refused else name


def _is_away(error: exc.SQLAlchemyError, state: str | None) -> bool:
    if state is not None and state.startswith("SQLITE_"):
        return state.removeprefix("SQLITE_").startswith(_SQLITE_AWAY)
    if state is not None:
        return state in _AWAY_STATES | _MARIADB_AWAY or (
            state.startswith(_AWAY) if len(state) == 5 else len(state) < _NUMBER_OF_A_STATEMENT
        )
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, exc.OperationalError | exc.InterfaceError | exc.TimeoutError | exc.DisconnectionError)


def _is_data(error: exc.SQLAlchemyError, state: str | None) -> bool:
    if state is not None and state.startswith("SQLITE_"):
        return state == "SQLITE_FUNCTION" or state.removeprefix("SQLITE_").startswith(_SQLITE_DATA)
    if state is not None:
        return state in _MARIADB_DATA or (len(state) == 5 and state.startswith(_DATA))
    # without a state: the driver could not even send the value
    plain_statement_error = isinstance(error, exc.StatementError) and not isinstance(error, exc.DBAPIError)
    return isinstance(error, exc.DataError | exc.IntegrityError) or plain_statement_error
