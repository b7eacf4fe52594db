"""The rules of a service whose personal data are objects in an S3 bucket, under one exact prefix per customer."""

import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field

from consumers.domain.work import Finding
from consumers.stores.rules.model import Name, Purpose, Service
from consumers.stores.rules.problems import refusal
from consumers.stores.rules.shapes import Frozen

CUSTOMER = "{customer_id}"
KEY_BYTES = 1024
"""The longest key S3 takes, in UTF-8; no object can lie below a longer prefix."""
_SEGMENT = re.compile(r"(?!\.{1,2}$)[^/{}\x00-\x1f\x7f]+")


def _plain(written: object) -> object:
    if not isinstance(written, str) or not _is_prefix(written):
        raise refusal("prefix", "not a prefix of keys.", "write words that each end with a slash: lapse-ledger/.")
    return written


def _template(written: object) -> object:
    repair = f"write {CUSTOMER} once as a whole segment, with a slash behind each: customers/{CUSTOMER}/."
    if not isinstance(written, str) or written.split("/").count(CUSTOMER) != 1:
        raise refusal("prefix", "does not say where one customer's objects are.", repair)
    if not _is_prefix(written.replace(CUSTOMER, "customer", 1)):
        raise refusal("prefix", "not a prefix of keys.", repair)
    return written


def _is_prefix(written: str) -> bool:
    *segments, rest = written.split("/")
    return rest == "" and bool(segments) and all(map(_SEGMENT.fullmatch, segments))


def _endpoint(written: object) -> object:
    if isinstance(written, str):
        try:
            url = urlsplit(written)
            fits = url.scheme in {"http", "https"} and url.hostname and "@" not in url.netloc and url.port != 0
        except ValueError:  # a port that is no number; its text quotes it
            fits = False
        if fits:
            return written
    raise refusal("endpoint", "not the address of a server.", "write https://HOST:PORT, or leave it out for AWS.")


def _ledger(written: object) -> object:
    if written is None or written == "none":
        raise refusal("ledger", "only a ledger tells what is done in a bucket.", "write {prefix: lapse-ledger/}.")
    return written


Prefix = Annotated[str, Field(max_length=512)]


class S3StoreRules(Frozen):
    """Where the bucket is. Credentials come from the environment, as the AWS SDK looks for them."""

    kind: Literal["s3"]
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
    endpoint: Annotated[str | None, BeforeValidator(_endpoint)] = None


class Objects(Frozen):
    """One group of objects: everything below `prefix`, in which `{customer_id}` stands for the customer."""

    prefix: Annotated[Prefix, BeforeValidator(_template)]

    def of(self, customer_id: str) -> str | None:
        """The customer's own prefix; None where the id is no segment of a key, so that nothing can be below it."""
        if "/" in customer_id or customer_id in {"", ".", ".."} or not customer_id.isprintable():
            return None
        prefix = self.prefix.replace(CUSTOMER, customer_id)
        return prefix if len(prefix.encode()) <= KEY_BYTES else None


class S3Ledger(Frozen):
    """Where the objects that prove a command was carried out are kept, in the same bucket."""

    prefix: Annotated[Prefix, BeforeValidator(_plain)]


class S3Rules(Frozen):
    """The rules of one service on S3. `objects` by the name that counts are told under."""

    version: Literal[1]
    service: Service
    purpose: Purpose
    store: S3StoreRules
    objects: Annotated[Mapping[Name, Objects], Field(min_length=1)]
    ledger: Annotated[S3Ledger, BeforeValidator(_ledger)]


def overlaps(rules: S3Rules) -> Iterator[Finding]:
    """Prefixes of which one could cover what is below another: some customer's id would erase what is not his."""
    for name, objects in rules.objects.items():
        if _overlap(objects.prefix, rules.ledger.prefix):
            yield Finding(
                "overlap",
                f"objects.{name}.prefix",
                "it can cover the ledger.",
                "begin the two with different segments that hold no customer id.",
            )
    for (one, above), (other, below) in combinations(rules.objects.items(), 2):
        if _overlap(above.prefix, below.prefix):
            yield Finding(
                "overlap",
                f"objects.{other}.prefix",
                f"it and that of {one} can cover the same objects.",
                "leave out the one below the other, or make their segments before the customer id differ.",
            )


def _overlap(one: str, other: str) -> bool:
    """Whether one can be a prefix of the other, the customer id standing for any segment."""
    pairs = zip(one.split("/")[:-1], other.split("/")[:-1], strict=False)
    return all(left == right or CUSTOMER in {left, right} for left, right in pairs)
