"""Registers as one Markdown text, for the person who answers for them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

_HEAD = """# What is masked, deleted and kept

Made from the rules files by `lapse rules report`. How long each purpose keeps data: `lapse policy show`. Lapse masks
and erases in place; whether what remains is anonymous is the controller's judgement."""
_BY_FOREIGN_KEY = "(as its foreign key says)"
_SHARED = {
    None: "",
    "keep": ", but those that somebody else who is still there refers to",
    "refuse": "; a customer fails if somebody else who is still there refers to one",
}
_REVERSIBLE = "Who tries can find the old values again, or tell a person by what is left: these stay personal data."
_LINKS = "Who has these columns can tell which rows belong together, or whose they were: they keep pseudonyms."


def markdown(registers: Iterable[Mapping[str, Any]]) -> str:
    """One section a service, one table of columns for each of its tables, and every link that is kept."""
    return "\n\n".join([_HEAD, *(part for each in registers for part in _service(each))]) + "\n"


def _service(register: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {_text(register['service'])}: {_text(register['purpose'])}"
    yield from _FORMS[next(form for form in _FORMS if form in register)](register)
    yield "### Links that are kept"
    yield _LINKS
    roles = [(each["table"], each["column"] or _BY_FOREIGN_KEY, each["role"]) for each in register["links"]]
    yield _rows(("table", "column", "link"), roles)


def _bucket(register: Mapping[str, Any]) -> Iterator[str]:
    yield f"Bucket {_text(register['bucket'])}. Every version of the objects below a customer's prefixes is deleted."
    yield _rows(("objects", "prefix"), [(each["group"], each["prefix"]) for each in register["objects"]])


def _database(register: Mapping[str, Any]) -> Iterator[str]:
    customer = register["customer"]
    votes = " It votes: its guard can object before anybody is anonymized." if register["votes"] else ""
    column = _text(f"{customer['table']}.{customer['column']}")
    yield f"Schema {_text(register['schema'])}. A customer is {column} ({customer['type']}).{votes}"
    for table in register["tables"]:
        yield f"### {_text(table['table'])}"
        yield from _table(table)
    reversible = [(table["table"], *each) for table in register["tables"] for each in _reversible(table)]
    if reversible:
        yield "### Not anonymized: masked in a way that can be reversed"
        yield _REVERSIBLE
        yield _rows(("table", "column", "masked by", "accepted because"), reversible)
    if register["ignored"]:
        yield "### Ignored"
        yield _rows(("table", "why"), [(each["table"], each["why"]) for each in register["ignored"]])
    if register["accepted"]:
        yield "### Findings that are accepted"
        yield _rows(("finding", "at", "why"), [tuple(each.values()) for each in register["accepted"]])


def _table(table: Mapping[str, Any]) -> Iterator[str]:
    found = f"Found through {_text(table['parent'])}. " if table["parent"] else ""
    newer = f", but those that are newer than the command by their {_text(table['since'])}" if table["since"] else ""
    yield f"{found}Its rows are {table['rows']}{newer}{_SHARED[table['shared']]}."
    columns = [
        *((each["column"], f"{_masked(each)}: {each['becomes']}", each["meaning"]) for each in table["masked"]),
        *((each["column"], "kept", each["why"]) for each in table["kept"]),
        *((each["column"] or _BY_FOREIGN_KEY, "kept", f"link: {each['role']}") for each in table["links"]),
        *((each["column"], "set", each["to"]) for each in table["set"]),
    ]
    if columns:
        yield _rows(("column", "what happens", "how or why"), columns)


def _masked(column: Mapping[str, Any]) -> str:
    masked = "masked, can be reversed" if column["reversible"] else "masked"
    return f"{masked}, by {column['package']}" if column["package"] else masked


def _reversible(table: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    return ((each["column"], each["becomes"], each["reversible"]) for each in table["masked"] if each["reversible"])


def _custom(register: Mapping[str, Any]) -> Iterator[str]:
    yield f"A store of kind {_text(register['kind'])}."
    yield _rows(("group", "its rows are"), [(each["group"], each["rows"]) for each in register["groups"]])


_FORMS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {
    "bucket": _bucket,
    "schema": _database,
    "kind": _custom,
}


def _rows(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(map(_text, row))} |" for row in (names, ["---"] * len(names), *rows))


def _text(written: str) -> str:
    """Text of a rules file on one line of a table."""
    return " ".join(written.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split())
