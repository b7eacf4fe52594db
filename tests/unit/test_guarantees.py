"""Every promise names tests, and every test it names exists."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def promised() -> dict[str, list[str]]:
    """Tests by heading."""
    text = (REPOSITORY / "GUARANTEES.md").read_text("utf-8")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    return {section.splitlines()[0]: re.findall(r"^- `(test_\w+)`", section, re.MULTILINE) for section in sections}


def written() -> set[str]:
    suite = REPOSITORY / "consumers" / "stores" / "conformance"
    return {
        name
        for path in [*(REPOSITORY / "tests").rglob("test_*.py"), *suite.glob("*.py")]
        for name in re.findall(r"^ *def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }


def test_guarantees_are_the_eleven_promises() -> None:
    assert [heading.partition(".")[0] for heading in promised()] == [str(number) for number in range(1, 12)]


def test_guarantees_name_tests_that_exist() -> None:
    there = written()
    missing = {name for names in promised().values() for name in names} - there
    assert not missing


def test_guarantees_without_a_test_say_that_they_are_open() -> None:
    text = (REPOSITORY / "GUARANTEES.md").read_text("utf-8")
    for heading, names in promised().items():
        section = text.partition(heading)[2].partition("\n## ")[0]
        assert names or "*Open:*" in section
