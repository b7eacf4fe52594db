"""The import rules refuse one wrong import of each kind."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
WRONG = [
    ("consumers/domain/due.py", "import consumers.runtime.loop", "Layers"),
    ("consumers/state/cache.py", "import consumers.ticker.sweep", "Layers"),
    ("consumers/operations/status.py", "import consumers.anonymizer.trail", "Layers"),
    ("consumers/settings.py", "import consumers.app", "Layers"),
    ("consumers/runtime/barrier.py", "import consumers.adapters.clock", "Layers"),
    ("consumers/newcomer.py", "", "Layers"),
    ("consumers/ticker/sweep.py", "import consumers.adapters.clock", "Roles, operations"),
    ("consumers/operations/modes.py", "import consumers.stores", "Roles, operations"),
    ("consumers/audit/commits.py", "import consumers.adapters.clock", "Roles, operations"),
    ("consumers/runtime/records.py", "import schemas.codec", "Domain, ports and runtime"),
    ("schemas/topics.py", "import consumers.ports", "Schemas stand alone"),
    ("producer_client/checks.py", "import schemas.codec", "What product services"),
    ("producer_client/checks.py", "import consumers.ports", "What product services"),
    ("consumers/state/batch.py", "import producer_client", "Only the demo"),
    ("consumers/domain/item.py", "import pydantic", "The domain is"),
    ("consumers/anonymizer/commit.py", "import boto3", "Client libraries"),
    ("consumers/ticker/consumer.py", "import urllib3", "Client libraries"),
    ("consumers/stores/s3/purge.py", "import consumers.stores.sql.names", "One kind of store"),
    ("consumers/stores/sql/names.py", "import botocore", "Only the table and"),
    ("consumers/adapters/dynamodb/tries.py", "import consumers.adapters.kafka", "One adapter"),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources and the rules, to be spoiled."""
    folder = tmp_path_factory.mktemp("imports")
    for package in ("consumers", "schemas", "producer_client"):
        shutil.copytree(REPOSITORY / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / ".importlinter", folder)
    return folder


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    code = (
        "import sys; sys.path.insert(0, ''); from importlinter.cli import lint_imports_command; lint_imports_command()"
    )
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )


def test_import_rules_hold_for_the_project(copy: Path) -> None:
    found = check(copy)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize(("module", "line", "contract"), WRONG, ids=[f"{each[0]}: {each[1]}" for each in WRONG])
def test_import_rules_refuse_a_wrong_import(copy: Path, module: str, line: str, contract: str) -> None:
    path = copy / module
    before = path.read_text("utf-8") if path.exists() else None
    path.write_text(f"{before or ''}\n{line}\n", encoding="utf-8")
    try:
        found = check(copy)
    finally:
        path.write_text(before, encoding="utf-8") if before is not None else path.unlink()
    broken = [row for row in found.stdout.splitlines() if " BROKEN" in row]
    assert found.returncode == 1, found.stdout + found.stderr
    assert any(row.startswith(contract) for row in broken), found.stdout
