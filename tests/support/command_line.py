"""Commands of the command line, and how they ended."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
import structlog

from consumers.cli import main
from consumers.local import Services
from tests.support.installation import Installation, installation

QUICK = 45.0
"""Seconds: the longest any command may take with a dependency away, on a busy machine."""


class Answer(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@contextmanager
def installed(services: Services, folder: Path) -> Iterator[Installation]:
    """State consumer and ticker run; one customer is known and not due."""
    with installation(services, folder, ("crm", "loans")) as made, made.roles("state", "ticker"):
        made.close_product("known", days_ago=3)
        made.wait_until_folded()
        yield made
    structlog.reset_defaults()


def arguments(lapse: Installation, *words: str) -> list[str]:
    return ["--config", str(lapse.settings_file()), *words]


@contextmanager
def _logs_as_they_were() -> Iterator[None]:
    """A command sets up the logs of its process, which here is the tests'."""
    root, configured = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    # the tests' roles log while the command sets up its own logs: not to the stdout that is read as its answer
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stdout))
    try:
        yield
    finally:
        root.handlers[:], root.level = handlers, level
        structlog.configure(**configured)


def run(*words: str) -> Answer:
    """Run a command as the console script does, without the second it takes to start an interpreter."""
    out, err = StringIO(), StringIO()
    with _logs_as_they_were(), patch.object(sys, "argv", ["lapse", *words]), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Answer(code, out.getvalue(), err.getvalue())


def ask(lapse: Installation, *words: str) -> Answer:
    return run(*arguments(lapse, *words))


def start(*words: str, **environ: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "consumers.cli", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env={**os.environ, **environ}, stdout=pipe, stderr=pipe, text=True)


def ended(process: "subprocess.Popen[str]", patience: float = QUICK) -> Answer:
    try:
        out, err = process.communicate(timeout=patience)
    finally:
        process.kill()
        process.wait()
    return Answer(process.returncode, out, err)


def both(lapse: Installation, *words: str, code: int = 0) -> Any:
    """Run a command that prints a table, with and without --json; what the JSON says."""
    table, as_json = ask(lapse, *words), ask(lapse, *words, "--json")
    assert (table.code, as_json.code) == (code, code), table.err + as_json.err
    assert table.out.strip()
    with pytest.raises(ValueError):  # noqa: PT011 - any reason not to be JSON will do
        json.loads(table.out)
    return json.loads(as_json.out)


def refused(answer: Answer, *parts: str) -> None:
    """The command exited 1, for a reason a person can read."""
    assert answer.code == 1, answer
    assert "Traceback" not in answer.out + answer.err
    said = " ".join((answer.out + answer.err).split())
    for part in parts:
        assert part in said
