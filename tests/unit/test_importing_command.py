"""`lapse import` without a broker: what it prints, writes and exits with."""

import io
import json
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from tests.support.command_line import Answer, refused, run

GOOD = "customer_id,product,occurred_at\nc-1,loan/1,2024-02-29T00:00+01:00\n"
BAD = "anna@example.com,loan/1,2024-02-29T00:00+01:00\n"


def dry(folder: Path, content: str, *words: str) -> Answer:
    file = folder / "old.csv"
    file.write_text(content, encoding="utf-8")
    return run("import", str(file), "--dry-run", *words)


def test_dry_run_of_good_lines_exits_0_and_leaves_nothing_behind(tmp_path: Path) -> None:
    answer = dry(tmp_path, GOOD)
    assert (answer.code, answer.out) == (0, "state checked, lines 1, acknowledged 0, refused 0\n")
    assert [path.name for path in tmp_path.iterdir()] == ["old.csv"]


def test_refused_lines_exit_1_and_name_their_report(tmp_path: Path) -> None:
    answer = dry(tmp_path, GOOD + BAD, "--json")
    report = tmp_path / "old.csv.rejects.csv"
    assert answer.code == 1
    told = json.loads(answer.out)
    assert told == {"state": "checked", "lines": 2, "acknowledged": 0, "refused": 1, "rejects": str(report)}
    header, row = report.read_text("utf-8").splitlines()
    assert header == "line,column,code,message"
    assert row.startswith("3,customer_id,personal_data,")
    assert "anna" not in row + answer.out + answer.err


def test_standard_input_is_read_and_its_report_stands_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO((GOOD + BAD).encode()))):
        answer = run("import", "-", "--dry-run")
    assert answer.code == 1
    assert "lines 2" in answer.out
    assert [path.name for path in tmp_path.iterdir()] == ["import.csv.rejects.csv"]


def test_header_without_names_is_refused_with_the_repair(tmp_path: Path) -> None:
    answer = dry(tmp_path, BAD)
    refused(answer, "line 1", "column 1 is none of an import", "customer_id, product, occurred_at")
    assert "anna" not in answer.err


def test_source_that_cannot_be_sent_is_refused(tmp_path: Path) -> None:
    refused(dry(tmp_path, GOOD, "--source", "a#b"), "source", "'#'")


def test_report_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    refused(dry(tmp_path, GOOD, "--rejects", str(tmp_path / "away" / "rejects.csv")), "away", "No such file")


@pytest.mark.parametrize("words", [("no-such-file.csv",), (), ("-", "--rate", "0")])
def test_wrong_use_exits_2(words: tuple[str, ...]) -> None:
    assert run("import", *words).code == 2


def test_broker_away_exits_1_with_the_file_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "old.csv"
    file.write_text(GOOD, encoding="utf-8")
    monkeypatch.setenv("LAPSE__KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    refused(run("import", str(file)), "does not answer")
    assert [path.name for path in tmp_path.iterdir()] == ["old.csv"]
