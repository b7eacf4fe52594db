"""Files of an import: every line is a schedule or refused by its number, and the counts add up."""

import csv
import io
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from uuid import UUID

from consumers.adapters.memory.clock import MemoryClock
from consumers.domain.retention import moment
from consumers.importing.checking import Checked, check, header_of
from consumers.importing.lines import COLUMNS, HeaderError, Line, lines_of
from consumers.importing.load import Load
from consumers.importing.publishing import Outcome
from consumers.importing.schedules import Reading, Refused
from consumers.ports import Record
from consumers.state.reading import Understood, read_record
from producer_client import DEFAULT_PERSONAL_DATA, Schedule, encode
from producer_client.testing import InMemoryProducer
from schemas.validate import PERSONAL_DATA
from tests.fuzz.cases import Target
from tests.fuzz.growing import IDS, PRODUCTS
from tests.fuzz.mutation import mutated
from tests.support.build import NOW

CANARY = "secretly"
TIMES = (
    *("2024-02-29T00:00+01:00", "2024-02-29T00:00Z", "2026-06-15T12:04Z", "2026-06-15T12:06Z", "20240229T000000Z"),
    *(
        "2024-02-29",
        "2024-02-29T12:00",
        "2024-W09-4T00:00Z",
        "24:00",
        "0001-01-01T00:00+23:59",
        "9999-12-31T23:59:59.999999-23:59",
    ),
    *(
        "9999-12-31T23:59:59.999999Z",
        "1899-12-31T23:59:59Z",
        "1900-01-01T00:00Z",
        "2024-02-29T00:00:60Z",
        "\u0662024-01-01T00:00Z",
    ),
    *(
        "2024-01-01T00:00:00.123456789Z",
        "2024-01-01T00:00+24:00",
        "1706745600",
        "now",
        "",
        " 2024-02-29T00:00Z",
        "2024-01-01T00:00+00:00:00.5",
    ),
)
HEADERS = (
    *(
        ",".join(COLUMNS),
        "customer_id,product,occurred_at",
        "product,retention_starts_at,customer_id",
        '"customer_id","product","occurred_at"',
    ),
    *(
        "customer_id;product;occurred_at",
        "customer_id,product",
        "customer_id,product,occurred_at,occurred_at",
        "",
        CANARY,
        '"',
    ),
)
ENDS = (b"\n", b"\n", b"\n", b"\r\n", b"\r", b"", b"\n\n", b"\x00\n", b"\x85\n", "\u2028".encode())
BREAKS = (
    b'"',
    b'""',
    b"'",
    b",",
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\r",
    b"\n",
    b"\\",
    b";",
    b"\t",
    b"x" * 9000,
    b"," * 5000,
    b'"' * 300,
)


def make(chance: random.Random) -> bytes:
    """A file of a few lines, some of them torn."""
    header = chance.choice(HEADERS[:4] if chance.random() < 0.85 else HEADERS)
    columns = next(csv.reader([header]), [])
    lines = [_line(chance, columns) for _ in range(chance.choice((0, 1, 2, 5, 20)))]
    first = header.encode() if chance.random() < 0.95 else mutated(chance, header.encode(), (b"product",))
    content = b"".join([first, chance.choice(ENDS[:4]), *lines])
    if chance.random() < 0.15:
        content = mutated(chance, content, (b"c-1,loan/1,2024-01-01T00:00Z,,\n",))
    if chance.random() < 0.05:
        content = content.decode(errors="replace").encode(
            chance.choice(("utf-16", "utf-32", "utf-8-sig", "cp1252")), "replace"
        )
    return content


def _line(chance: random.Random, columns: list[str]) -> bytes:
    target = io.StringIO()
    csv.writer(target, lineterminator="").writerow([_value(chance, name) for name in columns])
    line = target.getvalue().encode()
    if chance.random() < 0.3:
        at = chance.randrange(len(line) + 1)
        line = line[:at] + chance.choice(BREAKS) + line[at:]
    if chance.random() < 0.1:
        line = mutated(chance, line, (b"c-2,loan/1,,2024-01-01T00:00Z,",))
    return line + chance.choice(ENDS)


def _value(chance: random.Random, column: str) -> str:
    if column in {"customer_id", "product"}:
        ids = (f"c-{chance.randrange(9)}", f"{CANARY}-x")
        good, other = (ids, (*IDS, "a\nb", 'a"b')) if column == "customer_id" else (PRODUCTS[:3], PRODUCTS)
        return chance.choice(good if chance.random() < 0.8 else other)
    if column == "not_before" and chance.random() < 0.6:
        return ""
    return chance.choice(TIMES[:3] if chance.random() < 0.75 else TIMES)


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="lapse-fuzz-"))


def judge(case: bytes) -> str | Counter[str]:
    """Check it twice, and publish what is good."""
    file = io.BytesIO(case)
    try:
        columns, start = header_of(file)
    except HeaderError as error:
        return _header_refused(str(error))
    reading = Reading(columns, "old", DEFAULT_PERSONAL_DATA, moment(NOW))
    checked, refused = _checked(lambda report: check(file, start, reading, report, lambda _: None))
    verdicts = [reading.schedule(line) for line in _lines(case, start)]
    assert [each.line for each in verdicts if isinstance(each, Refused)] == refused, (
        "other lines than on the second reading"
    )
    good = [each for each in verdicts if isinstance(each, Schedule)]
    empty = sum(each is None for each in verdicts)
    assert (checked.good, checked.refused) == (len(good), len(refused))
    assert checked.good + checked.refused + empty == _count(case[start:]), "the counts do not add up"
    for each in good:
        _is_understood(each)
    if good and len(case) % 10 == 0:  # a tenth: each syncs files to disk
        _is_published(case, len(good))
    codes = Counter(f"line {each.code}" for each in verdicts if isinstance(each, Refused))
    return codes + Counter({"line good": len(good), "line empty": empty, "file": 1})


def _header_refused(told: str) -> str:
    assert CANARY not in told
    return "header refused"


def _lines(case: bytes, start: int) -> list[Line]:
    file = io.BytesIO(case)
    file.seek(start)
    return list(lines_of(file, 1))


def _count(content: bytes) -> int:
    return content.count(b"\n") + (not content.endswith(b"\n") and bool(content))


def _checked(do: Callable[[Path], Checked]) -> tuple[Checked, list[int]]:
    report = _folder() / "rejects.csv"
    report.unlink(missing_ok=True)
    checked = do(report)
    if not report.exists():
        return checked, []
    text = report.read_text("utf-8")
    assert CANARY not in text, "the report repeats a value"
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    numbers = [int(row["line"]) for row in rows]
    assert numbers == sorted(set(numbers)), "a line is refused twice, or out of order"
    assert all(row["code"] and row["message"] for row in rows)
    return checked, numbers


def _is_understood(schedule: Schedule) -> None:
    """What an import publishes, the state consumer folds."""
    encoded = encode(schedule)
    read = read_record(Record("lapse.events", 0, 0, NOW, encoded.key, encoded.value), PERSONAL_DATA)
    assert isinstance(read, Understood), read.code


def _is_published(case: bytes, good: int) -> None:
    """Over interrupted runs with a broker that loses some, and a last one: no good line is left out, no other sent."""
    path, progress = _folder() / "import.csv", _folder() / "progress.json"
    path.write_bytes(case)
    progress.unlink(missing_ok=True)
    chance = random.Random(case)
    producer = InMemoryProducer(source="old", clock=lambda: moment(NOW))
    for _ in range(chance.randrange(5)):
        producer.fail_next(times=chance.choice((0, 0, 1)))
        asked = iter(range(chance.randrange(100)))
        _run(path, progress, producer, partial(_are_over, asked))
    producer._failures.clear()
    outcome = _run(path, progress, producer, lambda: False)
    assert outcome.state == "complete", outcome
    assert (outcome.at.acknowledged, outcome.at.offset) == (good, len(case))
    assert {each.event_id for each in producer.events} == _ids(case), "a good line was not published"


def _are_over(asked: Iterator[int]) -> bool:
    return next(asked, None) is None


def _run(path: Path, progress: Path, producer: InMemoryProducer, stopped: Callable[[], bool]) -> Outcome:
    with path.open("rb") as file:
        load = Load(file, _folder() / "load.csv", progress, "old", DEFAULT_PERSONAL_DATA, MemoryClock(NOW))
        load.check(lambda _: None)
        return load.publish(producer, load.begin("here"), None, stopped, lambda _: None)


def _ids(case: bytes) -> set[UUID]:
    columns, start = header_of(io.BytesIO(case))
    reading = Reading(columns, "old", DEFAULT_PERSONAL_DATA, moment(NOW))
    read = (reading.schedule(line) for line in _lines(case, start))
    return {each.event_id for each in read if isinstance(each, Schedule)}


TARGET = Target("csv", make, judge)
