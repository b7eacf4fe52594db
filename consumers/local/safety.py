"""Keeps the demo and the tests away from anything that is not of this machine."""

import ipaddress
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

from consumers.local.service import LocalServicesError

_FOREIGN = re.compile(r"AWS_.*|LAPSE__.*")
_DUMMY = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",  # any will do: local endpoints check none
    "AWS_DEFAULT_REGION": "eu-north-1",
    "AWS_REGION": "eu-north-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    # else boto3 would still read a profile's endpoint and role from the user's files
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
}


def refuse_foreign(endpoint: str) -> None:
    """Return if everything named is on this machine; containers started here are published on its loopback.

    Args:
        endpoint: A URL, a SQLAlchemy URL, or Kafka's `host:port,host:port`.

    Raises:
        LocalServicesError: Something is elsewhere, or cannot be told. Names the host, not the credentials.
    """
    for host in _hosts(endpoint):
        if not _is_local(host):
            raise LocalServicesError(f"refused to touch {host or 'an endpoint without a host'}: not of this machine")


@contextmanager
def own_environment() -> Iterator[None]:
    """Run a block without the user's AWS and Lapse settings, with dummy keys and a region; restores them after."""
    saved = dict(os.environ)
    for name in filter(_FOREIGN.fullmatch, saved):
        del os.environ[name]
    os.environ.update(_DUMMY)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(saved)


def _hosts(endpoint: str) -> list[str]:
    parts = [part if "://" in part else f"//{part}" for part in endpoint.split(",")]
    return [host for part in parts for host in _hosts_of_url(part)]


def _hosts_of_url(text: str) -> list[str]:
    url = urlsplit(text)
    # libpq and SQLAlchemy take the host from the query where it is there
    named = [host for value in parse_qs(url.query).get("host", []) for host in value.split(",")]
    return named or [url.hostname or ""]


def _is_local(host: str) -> bool:
    if host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
