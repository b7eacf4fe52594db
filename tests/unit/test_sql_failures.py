"""The failure table, row by row, on errors as the driver raises them."""

import psycopg
import pymysql
import pytest
from psycopg import errors
from sqlalchemy import exc

from consumers.domain.errors import LapseError, PermanentError, TransientError
from consumers.stores.sql.failures import DataFailure, classify, translated

WRAPPERS: dict[type[psycopg.Error], type[exc.DBAPIError]] = {
    psycopg.OperationalError: exc.OperationalError,
    psycopg.IntegrityError: exc.IntegrityError,
    psycopg.DataError: exc.DataError,
    psycopg.ProgrammingError: exc.ProgrammingError,
    psycopg.InternalError: exc.InternalError,
    psycopg.InterfaceError: exc.InterfaceError,
    psycopg.NotSupportedError: exc.NotSupportedError,
}


def wrapped(original: psycopg.Error) -> exc.DBAPIError:
    wrapper = next(made for kind, made in WRAPPERS.items() if isinstance(original, kind))
    return wrapper("UPDATE", {"x": "CANARY"}, original)


@pytest.mark.parametrize(
    ("original", "expected", "code"),
    [
        (errors.ConnectionException("CANARY"), TransientError, "08000"),
        (errors.AdminShutdown("CANARY"), TransientError, "57P01"),
        (errors.CannotConnectNow("CANARY"), TransientError, "57P03"),
        (errors.TooManyConnections("CANARY"), TransientError, "53300"),
        (errors.DiskFull("CANARY"), TransientError, "53100"),
        (errors.QueryCanceled("CANARY"), TransientError, "57014"),
        (errors.LockNotAvailable("CANARY"), TransientError, "55P03"),
        (errors.DeadlockDetected("CANARY"), TransientError, "40P01"),
        (errors.SerializationFailure("CANARY"), TransientError, "40001"),
        (errors.InvalidPassword("CANARY"), TransientError, "28P01"),
        (errors.InsufficientPrivilege("CANARY"), TransientError, "42501"),
        (errors.ReadOnlySqlTransaction("CANARY"), TransientError, "25006"),
        (errors.InvalidCatalogName("CANARY"), TransientError, "3D000"),
        (psycopg.OperationalError("CANARY"), TransientError, "OperationalError"),
        (psycopg.InterfaceError("CANARY"), TransientError, "InterfaceError"),
        (errors.UniqueViolation("CANARY"), DataFailure, "23505"),
        (errors.CheckViolation("CANARY"), DataFailure, "23514"),
        (errors.StringDataRightTruncation("CANARY"), DataFailure, "22001"),
        (errors.RaiseException("CANARY"), DataFailure, "P0001"),
        (psycopg.DataError("CANARY"), DataFailure, "DataError"),
        (errors.UndefinedTable("CANARY"), PermanentError, "42P01"),
        (errors.UndefinedColumn("CANARY"), PermanentError, "42703"),
        (errors.FeatureNotSupported("CANARY"), PermanentError, "0A000"),
        (psycopg.ProgrammingError("CANARY"), PermanentError, "ProgrammingError"),
    ],
)
def test_error_is_classified_by_the_table(original: psycopg.Error, expected: type[LapseError], code: str) -> None:
    failure = classify(wrapped(original))

    assert type(failure) is expected
    assert failure.code == code
    assert "CANARY" not in str(failure) + repr(vars(failure))


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (6, TransientError),  # a temporary file is gone
        (28, TransientError),  # no room for one
        (1213, TransientError),
        (1062, DataFailure),
        (1146, PermanentError),
    ],
)
def test_number_of_mariadb_is_classified_by_the_table(number: int, expected: type[LapseError]) -> None:
    failure = classify(exc.OperationalError("UPDATE", {"x": "CANARY"}, pymysql.OperationalError(number, "CANARY")))

    assert type(failure) is expected
    assert failure.code == str(number)


def test_full_pool_is_transient() -> None:
    assert type(classify(exc.TimeoutError())) is TransientError


def test_value_the_driver_cannot_send_is_data() -> None:
    assert type(classify(exc.StatementError("x", "UPDATE", {}, UnicodeError("CANARY")))) is DataFailure


def test_translated_error_has_no_chain_to_the_original() -> None:
    @translated
    def fail() -> None:
        raise wrapped(errors.UniqueViolation("CANARY"))

    with pytest.raises(DataFailure) as caught:
        fail()

    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_other_errors_pass_unchanged() -> None:
    @translated
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
