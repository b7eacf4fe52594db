"""The failure table of the DynamoDB adapter, row by row."""

from typing import Any

import botocore.exceptions as away
import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from consumers.adapters.dynamodb.failures import call
from consumers.domain.errors import LapseError, PermanentError, TransientError

PAUSED = [
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "InternalServerError",
    "ServiceUnavailable",
    "TransactionConflictException",
    "AccessDeniedException",
    "ExpiredTokenException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "KMSAccessDeniedException",
    "503",
    "NeverHeardOf",
]
REFUSED = ["ValidationException", "SerializationException", "UnknownOperationException", "ResourceNotFoundException"]
AWAY = [
    away.EndpointConnectionError(endpoint_url="http://host"),
    away.ConnectTimeoutError(endpoint_url="http://host"),
    away.ReadTimeoutError(endpoint_url="http://host"),
    away.ConnectionClosedError(endpoint_url="http://host"),
    away.HTTPClientError(error=OSError("reset")),
    away.NoCredentialsError(),
    away.TokenRetrievalError(provider="sso", error_msg="expired"),
    ResponseParserError("half an answer"),
]


def raised(error: Exception) -> LapseError:
    def method(**_: Any) -> dict[str, Any]:
        raise error

    with pytest.raises(LapseError) as failed:
        call(method, "Items")
    return failed.value


def refusal(code: str) -> LapseError:
    return raised(ClientError({"Error": {"Code": code, "Message": "key c-1 is wrong"}}, "Query"))


@pytest.mark.parametrize("code", PAUSED)
def test_dynamodb_busy_or_unauthorized_is_transient(code: str) -> None:
    error = refusal(code)

    assert isinstance(error, TransientError)
    assert error.code == code


@pytest.mark.parametrize("code", REFUSED)
def test_dynamodb_refusal_is_permanent(code: str) -> None:
    assert isinstance(refusal(code), PermanentError)


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
def test_dynamodb_away_is_transient(error: Exception) -> None:
    assert isinstance(raised(error), TransientError)


def test_call_that_the_client_itself_refuses_is_permanent() -> None:
    assert isinstance(raised(away.ParamValidationError(report="c-1 is no string")), PermanentError)


def test_missing_table_names_the_command_that_makes_it() -> None:
    assert "lapse table apply" in str(refusal("ResourceNotFoundException"))


@pytest.mark.parametrize("code", [*PAUSED, *REFUSED])
def test_failure_carries_nothing_of_what_dynamodb_wrote(code: str) -> None:
    error = refusal(code)

    assert "c-1" not in str(error)
    assert error.__suppress_context__
    assert error.__cause__ is None


def test_error_that_is_not_of_the_client_passes() -> None:
    def method(**_: Any) -> dict[str, Any]:
        raise AssertionError("a scan")

    with pytest.raises(AssertionError, match="a scan"):
        call(method, "Items")
