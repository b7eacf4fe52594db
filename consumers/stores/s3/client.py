"""The S3 client of one service: bounded waits, a name an administrator recognizes."""

from typing import Any

import boto3
from botocore.config import Config

from consumers.stores.rules import S3Rules

CONNECT_TIMEOUT_S = 2.0
READ_TIMEOUT_S = 20.0
"""Longer than S3 takes to delete 1,000 versions."""
ATTEMPTS = 3


def client_for(rules: S3Rules) -> Any:
    """A client for the bucket of these rules, with the credentials of the environment. Makes no call."""
    store = rules.store
    return boto3.session.Session().client(
        "s3",
        region_name=store.region,
        endpoint_url=store.endpoint,
        config=Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            tcp_keepalive=True,
            user_agent_extra=f"lapse-{rules.service}",
            # a server of one's own seldom has a host name for each bucket
            s3={"addressing_style": "path" if store.endpoint else "auto"},
        ),
    )
