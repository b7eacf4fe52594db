"""The rules in words, for the person who answers for them."""

from collections.abc import Iterator

from consumers.stores.rules.model import Rules, Table
from consumers.stores.rules.strategies import AnyStrategy, JsonPaths


def describe(rules: Rules) -> str:
    """One paragraph per table: what is rewritten and how, what is deleted, what is kept and why."""
    lines = [f"{rules.service} ({rules.purpose}): a customer is {rules.root}.{rules.customer_column}."]
    for name, table in rules.tables.items():
        lines += [f"{name}:", *(f"  {line}" for line in _table(table))]
    for reason, names in rules.ignore.items():
        lines.append(f"ignored, {reason}: {', '.join(names)}")
    return "\n".join(lines)


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
