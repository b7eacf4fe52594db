"""Packages as pip leaves them: what they bring is found by entry points of this process."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from consumers.stores.rules import entries

GROUP = "lapse.strategies"
ACME = "tests.support.acme.strategies"
BROKEN = {
    "nowhere": "tests.support.acme.nowhere:Nothing",
    **{
        re.sub(r"(?<!^)(?=[A-Z])", "_", each).lower(): f"tests.support.acme.broken:{each}"
        for each in (
            *("NoStrategy", "Abstract", "Undeclared", "UnknownTypes", "UnknownDatabase", "UnknownNull"),
            *("UniqueAndRepeating", "Unaccepted", "AcceptedForNothing", "Bounded", "Raising"),
            *(
                "WithoutSql",
                "WithQuery",
                "WithOthers",
                "WithSyntax",
                "WithDraws",
                "WithParameters",
                "Nested",
                "Untold",
                "Lazy",
                "OnlyThere",
            ),
        )
    },
}
LYING = {
    name: f"tests.support.acme.lying:{name.title().replace('_', '')}"
    for name in (
        *("plain", "of_dates", "short", "null_replaced", "never_null", "repeating", "drawn", "unique", "differing"),
        *("expects_more", "expects_nothing", "expects_less", "restless", "forgetting", "elsewhere"),
    )
}
STRATEGIES = {
    "fixed_length": f"{ACME}:FixedLength",
    "any_name": f"{ACME}:AnyName",
    "keeps_end": f"{ACME}:KeepsEnd",
    "digits": f"{ACME}:Digits",
}


class Installed:
    """A folder of packages that is searched as long as the test lasts."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        monkeypatch.syspath_prepend(str(folder))
        entries.forget()

    def add(self, group: str, brings: Mapping[str, str], package: str = "acme-lapse", version: str = "1.0") -> None:
        """A package that brings these entry points; another version of it replaces it."""
        for each in self._folder.glob(f"{package.replace('-', '_')}-*.dist-info"):
            (each / "METADATA").unlink()
            (each / "entry_points.txt").unlink()
            each.rmdir()
        about = self._folder / f"{package.replace('-', '_')}-{version}.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        lines = "".join(f"{name} = {target}\n" for name, target in brings.items())
        (about / "entry_points.txt").write_text(f"[{group}]\n{lines}")
        entries.forget()
