"""How far an import has come, kept beside its file so that it can be gone on with after any end."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from consumers.domain.errors import PermanentError


class Position(NamedTuple):
    """A place in the file before which every good line is acknowledged: its line, offset, and how many these are."""

    line: int
    offset: int
    acknowledged: int


class Progress(NamedTuple):
    """`run` names what is being imported and whereto; `checked_at` is the time its lines were judged by."""

    run: str
    checked_at: int
    at: Position


class ForeignProgressError(PermanentError):
    """The progress file belongs to another import."""


def run_name(*parts: str) -> str:
    """The name of an import from all that decides what is published, and whereto."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class ProgressFile:
    """The one file of an import. No value of the imported file is in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Progress | None:
        """The progress kept, None if there is none. ForeignProgressError: there is a file, but no progress in it."""
        try:
            kept: dict[str, Any] = json.loads(self.path.read_text("utf-8"))
            return Progress(kept["run"], kept["checked_at"], Position(*kept["at"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            raise ForeignProgressError(f"{self.path}: holds no progress of an import; move it away") from None

    def write(self, progress: Progress) -> None:
        """Keep progress; after any crash the file holds this or the one before."""
        beside = self.path.with_name(self.path.name + ".new")
        with beside.open("w", encoding="utf-8") as target:
            json.dump(progress._asdict(), target)
            target.flush()
            os.fsync(target.fileno())
        beside.replace(self.path)
        _sync(self.path.parent)

    def remove(self) -> None:
        """The import is complete; a second call changes nothing."""
        self.path.unlink(missing_ok=True)

    def refuse_foreign(self, kept: Progress, run: str) -> None:
        """ForeignProgressError unless the progress kept is of this import."""
        if kept.run != run:
            raise ForeignProgressError(
                f"{self.path}: belongs to another import, up to line {kept.at.line}: since it was written the file, "
                "--source, the pattern for personal data, the topic or the cluster has changed. Finish that import "
                "as it was, or delete the progress file to begin at the first line: a line published twice counts once"
            )


def _sync(folder: Path) -> None:
    # a new name is safe only once its folder is
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
