"""The rules in words, for the person who answers for them."""

from collections.abc import Iterator

from consumers.stores.rules.model import Rules, Table
from consumers.stores.rules.s3 import AnyRules, S3Rules
from consumers.stores.rules.strategies import AnyStrategy, JsonPaths


def describe(rules: AnyRules) -> str:
    """One paragraph per table: what is rewritten and how, what is deleted, what is kept and why."""
    return "\n".join(_bucket(rules) if isinstance(rules, S3Rules) else _database(rules))


def _bucket(rules: S3Rules) -> Iterator[str]:
    yield f"{rules.service} ({rules.purpose}): objects of the bucket {rules.store.bucket}."
    for name, objects in rules.objects.items():
        yield f"{name}: every version below {objects.prefix} is deleted"


def _database(rules: Rules) -> list[str]:
    lines = [f"{rules.service} ({rules.purpose}): a customer is {rules.root}.{rules.customer_column}."]
    for name, table in rules.tables.items():
        lines += [f"{name}:", *(f"  {line}" for line in _table(table))]
    for reason, names in rules.ignore.items():
        lines.append(f"ignored, {reason}: {', '.join(names)}")
    return lines


def _table(table: Table) -> Iterator[str]:
    if table.parent is not None:
        yield f"found through {table.parent}"
    if table.deletes:
        yield "rows are deleted"
    for column, strategy in table.mask.items():
        yield f"{column} becomes {strategy.kind}" + "".join(_arguments(strategy))
    if table.token is not None:
        yield f"{table.token.column} gets a fresh UUID, so that {', '.join(table.token.unique_with)} may be equal"
    for reason, columns in table.keep.items():
        yield f"kept, {reason}: {', '.join(columns)}"
    if table.flag is not None:
        yield f"{table.flag} is set with the change"


def _arguments(strategy: AnyStrategy) -> Iterator[str]:
    for name, value in strategy.model_dump(exclude={"kind"}, exclude_none=True).items():
        if isinstance(strategy, JsonPaths):
            yield f", {name}: {value if isinstance(value, str) else ', '.join(value)}" if value else ""
        else:
            yield f" {value}"
