"""Backups of what a test restores: a service's database, the DynamoDB table."""

from collections.abc import Callable
from typing import Any

from tests.support.installation import Installation

Restore = Callable[[], None]


def database_backup(lapse: Installation, service: str) -> Restore:
    """Copy a service's rows and ledger now; what is given puts them back as they were."""
    with lapse.connect(service) as database:
        database.execute("CREATE SCHEMA IF NOT EXISTS backup")
        database.execute("CREATE TABLE backup.people AS TABLE people")
        database.execute("CREATE TABLE backup.ledger AS TABLE lapse.lapse_ledger")

    def restore() -> None:
        with lapse.connect(service) as database, database.transaction():
            database.execute("TRUNCATE people, lapse.lapse_ledger")
            database.execute("INSERT INTO people SELECT * FROM backup.people")
            database.execute("INSERT INTO lapse.lapse_ledger SELECT * FROM backup.ledger")

    return restore


def table_backup(lapse: Installation) -> Restore:
    """Copy every row of the DynamoDB table now (a scan, which the service itself never does)."""
    rows = _rows(lapse)

    def restore() -> None:
        lapse.app.dynamodb.delete_table(TableName=lapse.app.settings.table.name)
        lapse.app.dynamodb.get_waiter("table_not_exists").wait(TableName=lapse.app.settings.table.name)
        lapse.make_empty_table()
        for row in rows:
            lapse.app.dynamodb.put_item(TableName=lapse.app.settings.table.name, Item=row)

    return restore


def _rows(lapse: Installation) -> list[dict[str, Any]]:
    pages = lapse.app.dynamodb.get_paginator("scan").paginate(TableName=lapse.app.settings.table.name)
    return [row for page in pages for row in page["Items"]]
