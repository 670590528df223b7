"""Many pictures into a table: the same rows by any number of processes, and after whatever stopped the command."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from PIL import Image
from shared_fixtures import Run

from edgecnn.bulk.filling import ReadMany, fill
from edgecnn.bulk.pool import FEW, read_many
from edgecnn.bulk.rows import Row
from edgecnn.bulk.table import COLUMNS, Table
from edgecnn.bulk.worker import Task
from edgecnn.data import Dataset
from edgecnn.errors import UsageError
from edgecnn.readings import Wanted

PICTURES = FEW + 56
EDGE = Task("edge", None, Wanted())


@pytest.fixture(scope="module")
def folder(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits, one file that is not a picture, and an empty sheet."""
    path = tmp_path_factory.mktemp("many") / "digits"
    path.mkdir()
    for number, image in enumerate(mnist.test.images[: PICTURES - 2]):
        Image.fromarray(image).save(path / f"{number:03}.png")
    (path / "broken.png").write_bytes(b"not a picture")
    Image.new("L", (100, 100), 255).save(path / "empty.png")
    return path


def files_of(folder: Path) -> list[str]:
    return [str(path) for path in sorted(folder.iterdir())]


def by(task: Task, processes: int) -> ReadMany:
    return partial(read_many, task, processes=processes)


def rows_in(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def whole(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table of all pictures, by one process."""
    path = tmp_path_factory.mktemp("whole") / "all.csv"
    with Table(path, "edge") as table:
        fill(table, by(EDGE, 1), files_of(folder))
    return path


def test_each_picture_has_a_row_in_order(folder: Path, whole: Path, mnist: Dataset) -> None:
    rows = rows_in(whole)
    assert [row["file"] for row in rows] == files_of(folder)
    digits = [row for row in rows if row["label"]]
    right = [row["label"] == str(label) for row, label in zip(digits, mnist.test.labels, strict=False)]
    assert sum(right) > 0.97 * len(right)
    assert all(float(row["probability"]) >= float(row["second_probability"]) for row in digits)
    assert (rows[-1]["verdict"], rows[-1]["label"]) == ("no digit", "")
    assert (rows[-2]["verdict"], "broken.png" in rows[-2]["error"]) == ("error", True)


def test_several_processes_write_the_very_same(folder: Path, whole: Path, tmp_path: Path) -> None:
    with Table(tmp_path / "two.csv", "edge") as table:
        reasons = fill(table, by(EDGE, 2), files_of(folder))
    assert (tmp_path / "two.csv").read_bytes() == whole.read_bytes()
    assert (table.pictures, table.errors, len(reasons)) == (PICTURES, 1, 1)


@pytest.mark.parametrize("cut", [1, 40, 700, 3000, -1])
def test_a_table_that_was_cut_anywhere_is_continued(folder: Path, whole: Path, tmp_path: Path, cut: int) -> None:
    part = tmp_path / "part.csv"
    part.write_bytes(whole.read_bytes()[: len(",".join(COLUMNS)) + 2 + cut if cut > 0 else None])
    with Table(part, "edge", resume=True) as table:
        assert table.pictures < PICTURES
        fill(table, by(EDGE, 1), files_of(folder))
    assert part.read_bytes() == whole.read_bytes()


def test_a_table_says_with_which_confidence_it_was_read() -> None:
    said = {Task("edge", None, Wanted(confidence=confidence)).identity for confidence in (None, 0, 0.5)}
    assert len(said) == 3


def test_only_pictures_that_lack_are_read(folder: Path, whole: Path, tmp_path: Path) -> None:
    part = tmp_path / "part.csv"
    part.write_bytes(whole.read_bytes())
    with Table(part, "edge", resume=True) as table:
        lacking = [file for file in files_of(folder) if not table.has(file)]
    assert lacking == files_of(folder)[-1:]  # it may have had more rows
    assert (table.pictures, table.errors) == (PICTURES - 1, 1)


def test_digits_of_a_page_have_a_row_each_and_a_cut_page_is_read_again(mnist: Dataset, tmp_path: Path) -> None:
    page = Image.new("L", (300, 100), 255)
    for place, image in enumerate(mnist.test.images[:3]):
        page.paste(Image.fromarray(255 - image).resize((80, 80)), (10 + 95 * place, 10))
    page.save(tmp_path / "page.png")
    task, table = Task("edge", None, Wanted(segment=True)), tmp_path / "page.csv"
    with Table(table, "edge") as whole:
        fill(whole, by(task, 1), [str(tmp_path / "page.png")])
    assert [row["label"] for row in rows_in(table)] == ["7", "2", "1"]
    before = table.read_bytes()
    table.write_bytes(before[: before.index(b"\n", len(before) // 2) + 1])
    with Table(table, "edge", resume=True) as again:
        fill(again, by(task, 1), [str(tmp_path / "page.png")])
    assert table.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not a table of predict"),
        (b"hello\n", "is not a table of predict"),
        (b"\x00\xff\x00", "is not a table of predict"),
        (b'"' + b"x" * 200_000, "is not a table of predict"),
        (
            f"{','.join(COLUMNS)}\r\na.png,,label,7,1,1,0,,nano\r\n".encode(),
            "was made with the model nano, and this is",
        ),
    ],
)
def test_another_file_is_not_continued_and_stays(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "other.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=reason):
        Table(path, "edge", resume=True)
    assert path.read_bytes() == content


def test_odd_names_stay_what_they_are_and_are_no_formulas(
    mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd").mkdir()
    monkeypatch.chdir(tmp_path / "odd")
    files = sorted(["=1+1.png", "a,b.png", "line\nbreak.png", os.fsdecode(b"latin-\xe9.png")])
    for name in files:
        Image.fromarray(mnist.test.images[0]).save(name, "PNG")
    with Table(tmp_path / "odd.csv", "edge") as table:
        fill(table, by(EDGE, 1), files)
    names = [row["file"] for row in rows_in(tmp_path / "odd.csv")]
    assert names == [file.replace("=1", "'=1") for file in files]
    with Table(tmp_path / "odd.csv", "edge", resume=True) as again:
        assert [again.has(file) for file in files] == [True, True, True, False]


def test_pictures_are_taken_as_they_are_needed(folder: Path) -> None:
    """A stream of any length is read: only a few are ahead of what was given back."""
    asked = 0

    def endless() -> Iterator[str]:
        nonlocal asked
        while True:
            for file in files_of(folder):
                asked += 1
                yield file

    with closing(cast(Generator[list[Row]], read_many(EDGE, endless(), processes=2))) as answers:
        for _ in range(100):
            next(answers)
    assert asked < 400


def test_a_killed_command_is_continued_by_the_next(edgecnn: Run, folder: Path, tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(3000):
        (many / f"{number:04}.png").hardlink_to(folder / f"{number % 100:03}.png")
    command = [sys.executable, "-m", "edgecnn", "predict", "many", "--csv", "a.csv", "--model", "edge"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        table = tmp_path / "a.csv"
        while not (table.exists() and table.stat().st_size > 20_000):
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert "give --resume a.csv to continue" in process.stderr.read()
    assert process.returncode == 128 + signal.SIGTERM
    assert 100 < len(rows_in(table)) < 3000
    done = edgecnn("predict", "many", "--resume", "a.csv", "--model", "edge", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert [row["file"] for row in rows_in(table)] == [f"many/{number:04}.png" for number in range(3000)]


def test_what_cannot_be_read_is_told_at_the_end_and_nothing_is_overwritten(
    edgecnn: Run, folder: Path, tmp_path: Path
) -> None:
    done = edgecnn("predict", folder, "--csv", "a.csv", "--model", "edge", cwd=tmp_path)
    *_, reason, last = done.stderr.splitlines()
    assert (done.returncode, "broken.png" in reason) == (1, True)
    assert last == f"error: 1 of {PICTURES} pictures cannot be read"
    before = (tmp_path / "a.csv").read_bytes()
    again = edgecnn("predict", folder, "--csv", "a.csv", "--model", "edge", cwd=tmp_path)
    assert (again.returncode, "--resume a.csv" in again.stderr) == (2, True)
    assert (tmp_path / "a.csv").read_bytes() == before
