"""The command `sheet`, as a user runs it in an empty folder."""

import json
from pathlib import Path

import numpy as np
import pytest
from shared_fixtures import Run

from benchmarks.accuracy.filled_sheets import Photograph, filled, photographed
from edgecnn.data import Dataset
from edgecnn.sheet.layout import LAYOUT

pytestmark = [pytest.mark.long, pytest.mark.slow]


@pytest.fixture(scope="module")
def photo(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four rows of a sheet, without a 5 and with one 9."""
    boxes = [box for box in range(40) if box % 10 != 5 and box not in (19, 29, 39)]
    first = [np.flatnonzero(mnist.test.labels == label) for label in range(10)]
    digits = mnist.test.images[[first[box % 10][box // 10] for box in boxes]]
    path = tmp_path_factory.mktemp("camera") / "photo.jpg"
    path.write_bytes(photographed(filled(digits, np.array(boxes)), Photograph((900, 1200), turn=90, tilt=8)))
    return path


def test_a_pi_draws_a_sheet_and_reads_a_photograph_of_it(pi: Run, photo: Path, tmp_path: Path) -> None:
    drawn = pi("sheet", "sheet.pdf", cwd=tmp_path)
    assert (drawn.returncode, drawn.stdout.split()) == (0, ["wrote", "sheet.pdf"])
    assert "edgecnn sheet --read" in drawn.stderr
    read = pi("sheet", "--read", photo, cwd=tmp_path)
    assert read.returncode == 0, read.stderr
    assert "33 digits, 107 empty boxes" in read.stdout
    assert "5 in row 1" in read.stdout
    assert "4 of 8, 1 of 9" in read.stdout
    assert read.stderr.strip() == "next: edgecnn bench --data digits"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["digits", "sheet.pdf"]


def test_the_data_set_measures_a_model_that_knows_more_digits(edgecnn: Run, photo: Path, tmp_path: Path) -> None:
    read = edgecnn("sheet", "--read", photo, "--out", "mine", "--json", cwd=tmp_path)
    found = json.loads(read.stdout)
    assert (found["folder"], found["digits"]["5"], found["digits"]["8"]) == ("mine", 0, 4)
    assert len(found["sheets"][0]["empty"]) == LAYOUT.rows
    options = ("--runtime", "onnxruntime", "--duration", "0.1", "--json", "-")
    benched = edgecnn("bench", "edge", "--data", "mine", *options, cwd=tmp_path)
    assert benched.returncode == 0, benched.stderr
    rows = json.loads(benched.stdout)["contenders"]
    assert {row["images"] for row in rows} == {16}
    assert all(row["accuracy"] >= 15 / 16 for row in rows)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["a.pdf", "b.pdf"], 2, "2 files were given"),
        (["a.pdf", "--out", "digits"], 2, "--out does nothing without --read"),
        (["a.jpg"], 2, "a PDF or PNG file"),
        (["--read", "missing.jpg"], 1, "missing.jpg"),
        (["missing/a.pdf", "--json"], 0, ""),
    ],
)
def test_what_is_asked_for_wrongly_is_told_in_a_line(
    edgecnn: Run, arguments: list[str], code: int, message: str, tmp_path: Path
) -> None:
    done = edgecnn("sheet", *arguments, cwd=tmp_path)
    assert done.returncode == code
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == (code > 0)
    assert (list(tmp_path.iterdir()) == []) == (code > 0)
