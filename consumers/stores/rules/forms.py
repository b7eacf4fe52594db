"""How a strategy is written in a rules file, and why some that other tools have are refused.

One word, or one key with its argument. There is one way to write each thing: what another word would say again is
refused with the word to use. So is what can be reversed: it hides a person from a reader, not from who tries. Two of
those are taken with a reason, `accept_reversible`, and told apart in the register.

A word that is none of ours may be somebody else's, who brings it by an entry point; a word of ours never is.
"""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import (
    Field,
    GetPydanticSchema,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    ValidatorFunctionWrapHandler,
    WrapSerializer,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from consumers.stores.rules.custom_strategies import GROUP, CustomStrategy, read_custom, unfit
from consumers.stores.rules.entries import Brought, Unfit, brought, names, package_of
from consumers.stores.rules.problems import not_available, refusal
from consumers.stores.rules.strategies import DECLARED, AnyStrategy, BuiltIn

BARE = ("set_null", "empty", "zeros", "redact", "unique_token", "unique_phone")
_ONE_VALUE = {"static": "value", "template": "text"}
_TAKES = {
    "unique_email": {"domain"},
    "unique_phone": {"prefix"},
    "truncate": {"characters"},
    "bucket": {"size"},
    "hash": {"accept_reversible"},
    "partial_mask": {"characters", "accept_reversible"},
}
_ACCEPTED = {
    "hash": '{hash: {accept_reversible: "why"}}',
    "partial_mask": '{partial_mask: {characters: 4, accept_reversible: "why"}}',
}
_JSON = {"remove", "set", "keep", "other_paths"}
AVAILABLE = (*dict.fromkeys((*BARE, *_ONE_VALUE, *_TAKES, "json")),)

_ELSEWHERE = {
    "keep": "move the column to the table's keep section, under a reason: keep: {REASON: [COLUMN]}.",
    "truncate_text": "write {truncate: {characters: N}}.",
    "uuid": "write unique_token: a fresh random UUID, in columns of text or uuid.",
}
_REVERSIBLE = {
    **{kind: declared.reversible for kind, declared in DECLARED.items() if declared.reversible},
    "encrypt": "who has the key reads the old value",
    "noise": "the old value is near the new one, and averages out over rows",
    "shuffle": "every old value is still there, in another row",
}
TAKEN = {*AVAILABLE, *_ELSEWHERE, *_REVERSIBLE}  # nobody else's strategy can be called so


def read_strategy(written: object) -> dict[str, Any] | CustomStrategy:
    """Turn the short forms of a rules file (`zeros`, `{static: X}`, `{truncate: year}`) into fields.

    One of somebody else is made. Raises a finding with the form to write: not a strategy, not this argument, written
    another way, or reversible; and where what is installed is not fit.
    """
    if isinstance(written, str):
        return _custom(written, {}) or _bare(written)
    if isinstance(written, dict) and len(written) == 1:
        name, argument = next(iter(written.items()))
        return _custom(str(name), argument) or _with_argument(str(name), argument)
    raise refusal("strategy_form", "a strategy is one word or one key with its argument.", _forms())


def _custom(name: str, argument: object) -> CustomStrategy | None:
    if name in TAKEN:
        for entry in names(GROUP).get(name, ()):
            message = f"{package_of(entry)} brings a strategy {name}, which is a word of Lapse."
            raise refusal("strategy", message, "uninstall that package, or have it name its strategy otherwise.")
        return None
    found = brought(GROUP, name, CustomStrategy)
    if isinstance(found, Unfit):
        raise refusal("strategy", f"{name}: {found.message}", found.repair)
    return read_custom(name, argument, found) if found else None


def installed() -> Iterator[tuple[str, type[CustomStrategy]]]:
    """Strategies that other packages bring and that are fit, by their word."""
    for name in sorted({*names(GROUP)} - TAKEN):
        found = brought(GROUP, name, CustomStrategy)
        if isinstance(found, Brought) and not unfit(found.cls):
            yield name, found.cls


def _bare(name: str) -> dict[str, Any]:
    _known(name)
    if name in _ACCEPTED:
        raise _unaccepted(name)
    if name not in BARE:
        raise refusal("strategy_form", f"{name} needs an argument.", _forms())
    return {"kind": name}


def _with_argument(name: str, argument: object) -> dict[str, Any]:
    _known(name)
    if name in _ACCEPTED and not (isinstance(argument, dict) and "accept_reversible" in argument):
        raise _unaccepted(name)
    if name in _ONE_VALUE:
        return {"kind": name, _ONE_VALUE[name]: argument}
    if name == "truncate" and isinstance(argument, str):
        return {"kind": name, "to": argument}
    if name == "json" and isinstance(argument, dict) and set(argument) <= _JSON:
        return {"kind": name, **argument}
    if name not in _TAKES or not isinstance(argument, dict) or set(argument) != _TAKES[name]:
        raise refusal("strategy_form", f"{name} does not take this argument.", _forms())
    return {"kind": name, **argument}


def _known(name: str) -> None:
    if name not in AVAILABLE:
        raise _refused(name)


def _refused(name: str) -> PydanticCustomError:
    if name in _ELSEWHERE:
        return refusal("strategy_form", f"{name} is no strategy here.", _ELSEWHERE[name])
    if name in _REVERSIBLE:
        message = f"{name} can be reversed: {_REVERSIBLE[name]}."
        return refusal("reversible", message, f"take one that forgets: {_forms()}")
    return not_available(f"the strategy {name}", _forms())


def _unaccepted(name: str) -> PydanticCustomError:
    message = f"{name} can be reversed: {_REVERSIBLE[name]}."
    repair = f"take one that forgets, or say why the data may stay personal: {_ACCEPTED[name]}."
    return refusal("reversible", message, repair)


def _forms() -> str:
    own = (
        "write one of set_null, empty, zeros, redact, unique_token, unique_phone, {static: VALUE}, "
        '{unique_email: {domain: NAME}}, {unique_phone: {prefix: "+999"}}, {template: "Customer {token}"}, '
        "{truncate: year|month|day}, {truncate: {characters: N}}, {bucket: {size: N}} or "
        "{json: {remove: [$.a], set: {$.b: VALUE}, keep: {REASON: [$.c.d]}, other_paths: refuse}}"
    )
    others = ", ".join(sorted({*names(GROUP)} - TAKEN))
    return f"{own}; other packages bring {others}." if others else f"{own}."


def _made(written: object, ours: ValidatorFunctionWrapHandler) -> Any:
    read = read_strategy(written)
    return read if isinstance(read, CustomStrategy) else ours(read)


def _dumped(strategy: AnyStrategy, ours: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
    if not isinstance(strategy, CustomStrategy):
        return ours(strategy)
    return strategy.model_dump(mode=info.mode, by_alias=info.by_alias, exclude_none=info.exclude_none)


_OURS = Annotated[BuiltIn, Field(discriminator="kind")]
Strategy = Annotated[
    AnyStrategy,
    GetPydanticSchema(lambda _, schema_of: schema_of(_OURS)),
    WrapValidator(_made),
    WrapSerializer(_dumped),
]
