"""What an error of S3 means.

| error                                                      | answer       | what the caller does                   |
|------------------------------------------------------------|--------------|----------------------------------------|
| refused, lost, timed out, no usable answer                 | retry        | TransientError: pause, back off, again |
| SlowDown, ServiceUnavailable, InternalError, RequestTimeout| retry        | the same                               |
| AccessDenied, keys or tokens of no use, no credentials     | retry        | the same: it is a person's to grant    |
| any error not named here                                   | retry        | the same: to wait loses nothing        |
| objects keep coming while they are deleted                 | retry        | the same, under `not_empty`            |
| more objects of a customer than are deleted in one call    | retry        | the same, under `unfinished`: goes on  |
| AccessDenied for a version under retention or legal hold   | put off      | DEFERRED, the rest is deleted          |
| one key is refused (MalformedXML, InvalidArgument, ...)    | give up      | PoisonError: that customer is FAILED   |
| no such bucket, request invalid or unknown there           | stop         | PermanentError: run pre-flight         |
| no such key, version or upload                             | already gone | counts as deleted                      |
| customer without objects, id that is no segment of a key   | already gone | NOTHING_FOUND                          |
| ledger object there                                        | already gone | ALREADY_DONE or LATE                   |

Codes are those of S3, or the name of the client's class. Its texts are never passed on: they quote keys.
"""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from consumers.domain.errors import LapseError, PermanentError, PoisonError, TransientError

ACCESS_DENIED = "AccessDenied"
ABSENT = frozenset(
    {
        "NoSuchKey",
        "NoSuchObjectLockConfiguration",
        "NoSuchUpload",
        "NoSuchVersion",
        "ObjectLockConfigurationNotFoundError",
    }
)
UNLOCKABLE = frozenset({"InvalidRequest", "MethodNotAllowed", "NotImplemented"})
"""What a bucket that locks nothing, or a delete marker, answers who asks for a lock."""
_KEY = frozenset({"InvalidArgument", "InvalidURI", "KeyTooLongError", "MalformedXML"})
_INVALID = frozenset(
    {
        "InvalidBucketName",
        "InvalidRequest",
        "MethodNotAllowed",
        "NoSuchBucket",
        "NotImplemented",
        "ParamValidationError",
    }
)


class AbsentError(PermanentError):
    """What was asked for is not there, or not there any more."""


def call(method: Callable[..., Any], **request: Any) -> Any:
    """Make a call. Errors: those of the table above, AbsentError for what is already gone."""
    try:
        return method(**request)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "Unknown")
    except (BotoCoreError, ResponseParserError) as error:
        code = type(error).__name__
    # raised outside the handler: the original, which quotes keys, is not even its __context__
    raise failure(code)


def unless_absent(method: Callable[..., Any], **request: Any) -> Any | None:
    """As `call`; None for what is already gone."""
    try:
        return call(method, **request)
    except AbsentError:
        return None


def failure(code: str) -> LapseError:
    """The error of Lapse for a code of S3 or a class of its client."""
    if code in ABSENT:
        return AbsentError(code=code)
    if code in _KEY:
        return PoisonError(f"the bucket refuses a key ({code})", code=code)
    if code in _INVALID:
        return PermanentError(f"the bucket does not match the rules ({code})", code=code)
    return TransientError(f"the bucket is away ({code})", code=code)
