"""The one table on DynamoDB. Only calls that name their keys: nothing here scans."""

from consumers.adapters.dynamodb.client import connect
from consumers.adapters.dynamodb.schema import apply_table, check_table
from consumers.adapters.dynamodb.table import DynamoTable

__all__ = ["DynamoTable", "apply_table", "check_table", "connect"]
