"""S3 buckets as stores."""

from consumers.stores.s3.store import S3Store

__all__ = ["S3Store"]
