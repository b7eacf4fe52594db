"""Both wheels as shipped: what they hold, and that the client works where the host has modules of our names."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.packaging

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "producer_client"

# A host application with its own `schemas`, and with a module for each of the client's names beside it.
DECOYS = ["schemas", "consumers", *(file.stem for file in CLIENT.glob("*.py") if file.stem != "__init__")]
USE = """
import sys
from datetime import UTC, datetime
import schemas
assert schemas.OWNER == "host"
from producer_client import LapseProducer, Schedule, encode
from producer_client.testing import InMemoryProducer
record = encode(Schedule(customer_id="c1", product="loan/1", retention_starts_at=datetime.now(UTC), source="loans"))
assert record.value[:2] == b"\\xc3\\x01"
producer = InMemoryProducer(source="loans")
producer.legal_hold("c1", "7")
assert producer.events[0].product == "legal-hold/7"
LapseProducer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 0}, source="loans").close()
assert sys.modules["schemas"].OWNER == "host" and "consumers" not in sys.modules
print(sys.modules["producer_client"].__file__)
"""


def run(*command: str | Path, cwd: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def built(project: Path, out: Path) -> Path:
    """Builds an sdist and, from nothing but the sdist, the wheel; with the build backend of this environment."""
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, project, cwd=out)
    (wheel,) = out.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def client_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(CLIENT, tmp_path_factory.mktemp("client"))


@pytest.fixture(scope="session")
def lapse_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(ROOT, tmp_path_factory.mktemp("lapse"))


def contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def in_tree(directory: Path, *suffixes: str) -> set[str]:
    files = (file for suffix in suffixes for file in directory.rglob(f"*{suffix}"))
    return {file.relative_to(ROOT).as_posix() for file in files}


def make_environment(home: Path, wheel: Path) -> Path:
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    uv = shutil.which("uv")
    if uv:
        run(uv, "venv", "--python", sys.executable, home, cwd=home.parent)
        run(uv, "pip", "install", "--python", python, wheel, cwd=home.parent)
    else:
        run(sys.executable, "-m", "venv", home, cwd=home.parent)
        run(python, "-m", "pip", "install", wheel, cwd=home.parent)
    return python


def test_client_wheel_holds_the_package_and_its_two_schemas_only(client_wheel: Path) -> None:
    modules = {f"producer_client/{file.name}" for file in CLIENT.glob("*.py")}
    assert contents(client_wheel) == modules | {
        "producer_client/py.typed",
        "producer_client/avro/ScheduleAnonymization.v1.avsc",
        "producer_client/avro/PostponeAnonymization.v1.avsc",
    }


def test_client_wheel_depends_on_three_libraries(client_wheel: Path) -> None:
    with zipfile.ZipFile(client_wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(metadata).decode().splitlines()
    needed = {line.removeprefix("Requires-Dist: ").split(">")[0] for line in lines if line.startswith("Requires-Dist")}
    assert needed == {"confluent-kafka", "fastavro", "pydantic"}
    assert "Name: lapse-producer-client" in lines


def test_client_works_beside_modules_of_the_same_names(client_wheel: Path, tmp_path: Path) -> None:
    python = make_environment(tmp_path / "environment", client_wheel)
    host = tmp_path / "host"
    host.mkdir()
    for name in DECOYS:
        (host / f"{name}.py").write_text("OWNER = 'host'\n", encoding="utf-8")
    (host / "app.py").write_text(USE, encoding="utf-8")
    assert str(tmp_path / "environment") in run(python, "-m", "app", cwd=host)


def test_lapse_wheel_holds_consumers_and_schemas_only(lapse_wheel: Path) -> None:
    names = contents(lapse_wheel)
    assert {name.split("/")[0] for name in names} == {"consumers", "schemas"}
    assert not {name for name in names if name.endswith(".pyc")}


def test_lapse_wheel_holds_all_code_and_data(lapse_wheel: Path) -> None:
    data = in_tree(ROOT / "schemas", ".py", ".avsc", ".yaml", ".json", "py.typed")
    data |= in_tree(ROOT / "consumers", ".py", ".yaml", ".sql", ".txt", ".xml")
    assert data - contents(lapse_wheel) == set()
    assert any(name.endswith(".avsc") for name in data)
    assert any(name.endswith(".yaml") for name in data)


def test_lapse_works_where_only_its_wheel_is_installed(lapse_wheel: Path, tmp_path: Path) -> None:
    python = make_environment(tmp_path / "environment", lapse_wheel)
    command = python.with_name("lapse")
    assert "anonymizer" in run(command, "run", "--help", cwd=tmp_path)
    imports = "from schemas.library import newest; from schemas.topics import load_topics"
    code = f"{imports}; print(len(load_topics()), len(newest()))"
    assert run(python, "-c", code, cwd=tmp_path).split() == ["6", "7"]


def test_lapse_without_the_extra_says_what_its_demo_needs(lapse_wheel: Path, tmp_path: Path) -> None:
    python = make_environment(tmp_path / "environment", lapse_wheel)
    done = subprocess.run([python.with_name("lapse"), "demo"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "lapse[demo]" in done.stderr
