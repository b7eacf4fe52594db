"""The failure table of the S3 store, row by row; and what S3 answers that no server here can be made to say."""

import traceback
from typing import Any

import botocore.exceptions as away
import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from consumers.adapters.memory.clock import MemoryClock
from consumers.domain.errors import LapseError, PermanentError, PoisonError, TransientError
from consumers.domain.retention import moment
from consumers.stores.s3.bucket import Bucket
from consumers.stores.s3.failures import AbsentError, call, unless_absent
from consumers.stores.s3.purge import PATIENCE_MICROS, ROUNDS, Purged, purge
from tests.support.build import NOW

PAUSED = [
    "SlowDown",
    "ServiceUnavailable",
    "InternalError",
    "RequestTimeout",
    "AccessDenied",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "RequestTimeTooSkewed",
    "PermanentRedirect",
    "503",
    "NeverHeardOf",
]
AWAY = [
    away.EndpointConnectionError(endpoint_url="http://host/customers/c-4711/"),
    away.ConnectTimeoutError(endpoint_url="http://host/customers/c-4711/"),
    away.ReadTimeoutError(endpoint_url="http://host/customers/c-4711/"),
    away.ConnectionClosedError(endpoint_url="http://host/customers/c-4711/"),
    away.HTTPClientError(error=OSError("customers/c-4711/")),
    away.ResponseStreamingError(error="customers/c-4711/"),
    away.NoCredentialsError(),
    ResponseParserError("half an answer about customers/c-4711/"),
]
STOPPED = ["NoSuchBucket", "InvalidBucketName", "InvalidRequest", "MethodNotAllowed", "NotImplemented"]
REFUSED = ["MalformedXML", "InvalidArgument", "InvalidURI", "KeyTooLongError"]
GONE = ["NoSuchKey", "NoSuchVersion", "NoSuchUpload", "NoSuchObjectLockConfiguration"]


def raising(error: Exception) -> Any:
    def method(**_: Any) -> None:
        raise error

    return method


def answering(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "customers/c-4711/letter"}}, "DeleteObjects")


def failed(error: Exception) -> LapseError:
    with pytest.raises(LapseError) as caught:
        call(raising(error))
    told = "".join(traceback.format_exception(caught.value))
    assert "4711" not in told
    assert caught.value.__context__ is None
    return caught.value


@pytest.mark.parametrize("code", PAUSED)
def test_s3_busy_or_denied_is_transient(code: str) -> None:
    error = failed(answering(code))

    assert isinstance(error, TransientError)
    assert error.code == code


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
def test_s3_away_is_transient(error: Exception) -> None:
    assert isinstance(failed(error), TransientError)


@pytest.mark.parametrize("code", STOPPED)
def test_s3_that_does_not_match_the_rules_stops(code: str) -> None:
    error = failed(answering(code))

    assert isinstance(error, PermanentError)
    assert not isinstance(error, PoisonError | AbsentError)


def test_request_that_the_client_refuses_stops() -> None:
    error = failed(away.ParamValidationError(report="customers/c-4711/"))

    assert (type(error), error.code) == (PermanentError, "ParamValidationError")


@pytest.mark.parametrize("code", REFUSED)
def test_key_that_s3_refuses_is_one_customers_fault(code: str) -> None:
    assert isinstance(failed(answering(code)), PoisonError)


@pytest.mark.parametrize("code", GONE)
def test_what_is_gone_already_is_no_failure(code: str) -> None:
    assert unless_absent(raising(answering(code))) is None


class Stubborn:
    """A client of a bucket with one version, which answers to its deletion with an error of that key."""

    def __init__(self, code: str, key: str = "customers/1/x") -> None:
        self.code, self.key = code, key
        self.deletions = 0

    def list_multipart_uploads(self, **_: Any) -> dict[str, Any]:
        return {}

    def list_object_versions(self, **_: Any) -> dict[str, Any]:
        return {"Versions": [{"Key": self.key, "VersionId": "v1"}]}

    def delete_objects(self, **_: Any) -> dict[str, Any]:
        self.deletions += 1
        return {"Errors": [{"Key": self.key, "VersionId": "v1", "Code": self.code}]}

    def get_object_retention(self, **_: Any) -> dict[str, Any]:
        raise answering("MethodNotAllowed")

    def get_object_legal_hold(self, **_: Any) -> dict[str, Any]:
        raise answering("NoSuchObjectLockConfiguration")


def purged(client: Stubborn) -> LapseError:
    with pytest.raises(LapseError) as caught:
        purge(Bucket(client, "b"), {"documents": "customers/1/"}, MemoryClock(0))
    return caught.value


def test_denied_without_a_lock_waits_until_it_is_granted() -> None:
    error = purged(Stubborn("AccessDenied"))

    assert (type(error), error.code) == (TransientError, "AccessDenied")


@pytest.mark.parametrize(("code", "kind"), [("InternalError", TransientError), ("MalformedXML", PoisonError)])
def test_error_of_one_key_is_not_taken_for_done(code: str, kind: type[LapseError]) -> None:
    client = Stubborn(code)

    assert type(purged(client)) is kind
    assert client.deletions == 1


def test_what_is_listed_again_and_again_is_never_done() -> None:
    client = Stubborn("NoSuchVersion")

    assert purged(client).code == "not_empty"
    assert client.deletions == ROUNDS


class Locked(Stubborn):
    """A client of a bucket that denies the first deletion, and says of the lock what it is told to."""

    def __init__(self, lock: dict[str, Any] | ClientError) -> None:
        super().__init__("AccessDenied")
        self.lock = lock

    def list_object_versions(self, **request: Any) -> dict[str, Any]:
        return {} if self.deletions > 1 else super().list_object_versions(**request)

    def delete_objects(self, **request: Any) -> dict[str, Any]:
        answer = super().delete_objects(**request)
        return answer if self.deletions == 1 else {}

    def get_object_retention(self, **_: Any) -> dict[str, Any]:
        if isinstance(self.lock, ClientError):
            raise self.lock
        return {"Retention": self.lock}


@pytest.mark.parametrize(
    "lock",
    [{"Mode": "GOVERNANCE", "RetainUntilDate": moment(NOW)}, answering("NoSuchVersion")],
    ids=["run out", "gone with its version"],
)
def test_a_lock_that_is_over_by_now_keeps_nothing(lock: dict[str, Any] | ClientError) -> None:
    client = Locked(lock)
    found = purge(Bucket(client, "b"), {"documents": "customers/1/"}, MemoryClock(NOW))

    assert found == Purged({"documents": 1}, None)


def test_a_lock_that_stands_puts_off_to_its_date() -> None:
    client = Locked({"Mode": "GOVERNANCE", "RetainUntilDate": moment(NOW + 1)})
    found = purge(Bucket(client, "b"), {"documents": "customers/1/"}, MemoryClock(NOW))

    assert found == Purged({}, NOW + 1)


def test_a_customer_with_too_much_for_one_call_is_gone_on_with() -> None:
    clock = MemoryClock(0)

    class Endless(Stubborn):
        def list_object_versions(self, **_: Any) -> dict[str, Any]:
            marker = {"NextKeyMarker": self.key, "NextVersionIdMarker": "v1"}
            return {**super().list_object_versions(), "IsTruncated": True, **marker}

        def delete_objects(self, **_: Any) -> dict[str, Any]:
            clock.wait(1)
            self.deletions += 1
            return {}

    client = Endless("")
    with pytest.raises(TransientError) as caught:
        purge(Bucket(client, "b"), {"documents": "customers/1/"}, clock)

    assert (caught.value.code, client.deletions) == ("unfinished", PATIENCE_MICROS // 1_000_000 + 1)


def test_key_that_was_not_asked_for_is_never_deleted() -> None:
    client = Stubborn("NoSuchVersion", key="customers/10/c-4711")
    error = purged(client)

    assert (error.code, client.deletions) == ("foreign_key", 0)
    assert "4711" not in str(error)
