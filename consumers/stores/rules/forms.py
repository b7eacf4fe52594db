"""How a strategy is written in a rules file, and why some that other tools have are refused.

One word, or one key with its argument. There is one way to write each thing: what another word would say again is
refused with the word to use. So is what can be reversed: it hides a person from a reader, not from who tries. Two of
those are taken with a reason, `accept_reversible`, and told apart in the register.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from consumers.stores.rules.problems import not_available, refusal
from consumers.stores.rules.strategies import AnyStrategy

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
    "hash": "who hashes every possible value finds the old one again",
    "partial_mask": "what is left of a value tells a person from others",
    "encrypt": "who has the key reads the old value",
    "noise": "the old value is near the new one, and averages out over rows",
    "shuffle": "every old value is still there, in another row",
}


def read_strategy(written: object) -> dict[str, Any]:
    """Turn the short forms of a rules file (`zeros`, `{static: X}`, `{truncate: year}`) into fields.

    Raises a finding with the form to write: not a strategy, not this argument, written another way, or reversible.
    """
    if isinstance(written, str):
        return _bare(written)
    if isinstance(written, dict) and len(written) == 1:
        name, argument = next(iter(written.items()))
        return _with_argument(str(name), argument)
    raise refusal("strategy_form", "a strategy is one word or one key with its argument.", _forms())


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
    return (
        "write one of set_null, empty, zeros, redact, unique_token, unique_phone, {static: VALUE}, "
        '{unique_email: {domain: NAME}}, {unique_phone: {prefix: "+999"}}, {template: "Customer {token}"}, '
        "{truncate: year|month|day}, {truncate: {characters: N}}, {bucket: {size: N}} or "
        "{json: {remove: [$.a], set: {$.b: VALUE}, keep: {REASON: [$.c.d]}, other_paths: refuse}}."
    )


Strategy = Annotated[Annotated[AnyStrategy, Field(discriminator="kind")], BeforeValidator(read_strategy)]
