"""A central list of active products behind HTTP.

Asked: `POST` with `{"customers": ["…"]}`. Answered: `{"active": ["…"], "unknown": ["…"]}`, both among those asked.

| answer | what it means |
|---|---|
| 200 with that body | who is neither active nor unknown may be claimed |
| 200 with another body, or somebody who was not asked about | away: nobody is claimed on a misunderstanding |
| any other status, redirect, timeout, refused, reset | away: asked again later |
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Literal
from urllib.parse import SplitResult, urlsplit

import urllib3
from pydantic import BaseModel, ConfigDict, ValidationError

from consumers.domain.errors import PermanentError, TransientError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
AT_ONCE = 500
_TOKEN = re.compile(r"[\x21-\x7e]+")


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    active: list[str]
    unknown: list[str] = []


class HttpActiveProducts:
    """Fulfils ActiveProducts. Ids travel in the body alone, never in an address that somebody logs.

    Args:
        url: Where to ask; https, or http on this machine.
        token: Sent as a bearer token; None: none.
        timeout: Of connecting and of each read, in seconds.

    Raises:
        PermanentError: The address is not https, or the token cannot stand in a header.
    """

    def __init__(self, url: str, token: str | None, timeout: float) -> None:
        parts = _split(url)
        if parts is None or not parts.hostname or parts.scheme not in {"http", "https"}:
            raise PermanentError("active_products.url: not an address; write https://HOST/PATH")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise PermanentError("active_products.url: ids of customers would travel unencrypted; use https")
        if token is not None and not _TOKEN.fullmatch(token):
            # refused here: the client's own error quotes it
            raise PermanentError("active_products.token: not a bearer token; write it alone, on one line")
        self._url = url
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=timeout, read=timeout))

    def active(self, customer_ids: Sequence[str]) -> Mapping[str, Literal["active", "unknown"]]:
        """Those the source calls active or cannot tell about. TransientError: it is away, or not to be understood."""
        found: dict[str, Literal["active", "unknown"]] = {}
        for start in range(0, len(customer_ids), AT_ONCE):
            asked = list(customer_ids[start : start + AT_ONCE])
            answer = self._ask(asked)
            if not {*answer.active, *answer.unknown} <= set(asked):
                raise _misunderstood()
            found.update((each, "unknown") for each in answer.unknown)
            found.update((each, "active") for each in answer.active)
        return found

    def close(self) -> None:
        """Release connections."""
        self._pool.clear()

    def _ask(self, customers: list[str]) -> _Answer:
        body = json.dumps({"customers": customers}).encode()
        try:
            answer = self._pool.request("POST", self._url, body=body, headers=self._headers, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            code = type(error).__name__
        else:
            if answer.status != 200:
                raise TransientError(f"active products: status {answer.status}", code=f"http_{answer.status}")
            return _understood(answer.data)
        raise TransientError(f"active products: away ({code})", code="away")


def _understood(body: bytes) -> _Answer:
    try:
        return _Answer.model_validate_json(body)
    except ValidationError:
        pass  # raised outside the handler: its text may quote the body
    raise _misunderstood()


def _misunderstood() -> TransientError:
    return TransientError("active products: the answer is not as agreed; see docs/operating.md", code="misunderstood")


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:  # brackets of an IPv6 address that do not close
        return None
