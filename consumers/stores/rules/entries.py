"""What installed packages bring by entry points. Looked for once in a process, as code is loaded once."""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, NamedTuple, TypeVar

Base = TypeVar("Base")


class Brought(NamedTuple, Generic[Base]):
    """A class and the package that brings it, with its version."""

    cls: type[Base]
    package: str


class Unfit(NamedTuple):
    """Why what is installed cannot be used, and what to do."""

    message: str
    repair: str


def names(group: str) -> Mapping[str, Sequence[EntryPoint]]:
    """Entry points of the group by name."""
    return _installed(group, tuple(sys.path))


def brought(group: str, name: str, base: Callable[..., Base]) -> Brought[Base] | Unfit | None:
    """The class under this name, a subclass of the class `base` of `consumers.stores`; None: nobody brings one.

    No text of an exception of somebody else's code is passed on.
    """
    found = names(group).get(name, ())
    if len(found) > 1:
        return Unfit(f"several packages bring it: {', '.join(map(_told, found))}.", "uninstall all but one.")
    return _loaded(found[0], base) if found else None


def forget() -> None:
    """Look again at what is installed."""
    _installed.cache_clear()


def package_of(entry: EntryPoint) -> str:
    """Name and version of the package."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "a package without a name"


@lru_cache(maxsize=8)
def _installed(group: str, path: tuple[str, ...]) -> Mapping[str, Sequence[EntryPoint]]:
    del path  # what is installed depends on it
    found: dict[str, list[EntryPoint]] = {}
    for each in entry_points(group=group):
        found.setdefault(each.name, []).append(each)
    return found


def _loaded(entry: EntryPoint, base: Any) -> Brought[Any] | Unfit:
    problem = f"is no subclass of consumers.stores.{base.__name__}"
    try:
        loaded = entry.load()
    except Exception as error:  # noqa: BLE001 - whatever the import of somebody else's code raises
        problem = f"cannot be loaded ({type(error).__name__})"
    else:
        if isinstance(loaded, type) and issubclass(loaded, base):
            return Brought(loaded, package_of(entry))
    return Unfit(f"its entry point {_told(entry)} {problem}.", "mend or update the package that brings it.")


def _told(entry: EntryPoint) -> str:
    return f"{entry.value} of {package_of(entry)}"
