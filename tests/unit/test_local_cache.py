from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from consumers.local import cache


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAPSE_CACHE", str(tmp_path))
    return tmp_path


def test_prepared_makes_a_directory_once() -> None:
    made: list[Path] = []
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: cache.prepared("jars", made.append), range(4)))
    assert len(made) == 1
    assert len(set(paths)) == 1


def test_prepared_leaves_nothing_of_a_failure(own_cache: Path) -> None:
    def half_way(target: Path) -> None:
        (target / "first").touch()
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        cache.prepared("jars", half_way)
    assert [path.name for path in own_cache.iterdir()] == ["locks"]


def test_root_follows_the_users_cache_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAPSE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.root() == tmp_path / "xdg" / "lapse"
