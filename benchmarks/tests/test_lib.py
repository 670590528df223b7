"""Committed results are replaced row by row, compressed without a trace of the time; tables are Markdown."""

import gzip
from pathlib import Path

import pytest

from benchmarks.lib import markdown, results
from edgecnn.host.machine import this_host


def test_a_row_takes_the_place_of_the_one_with_its_keys_and_the_rest_stays(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    for row in ({"name": "b", "value": 1}, {"name": "a", "value": 2}, {"name": "b", "value": 3}):
        results.replace_row(path, "rows", row, ("name",), lambda item: item["name"], host="x")
    results.update_result(path, other=[1])
    assert results.read_result(path) == {
        "rows": [{"name": "a", "value": 2}, {"name": "b", "value": 3}],
        "host": "x",
        "other": [1],
    }


def test_a_timed_row_says_where_and_rows_name_each_machine_once() -> None:
    here = results.timed_here({"name": "a", "seconds": 1.0})
    assert here == {"name": "a", "seconds": 1.0, "host": str(this_host())}
    assert results.hosts([here, {"host": "another"}, here]) == f"{this_host()}; another"


@pytest.mark.parametrize("name", ["none.json", "none.json.gz"])
def test_nothing_is_read_before_the_first_measurement(tmp_path: Path, name: str) -> None:
    assert results.read_result(tmp_path / name) == {}


def test_a_compressed_result_is_read_as_any_other(tmp_path: Path) -> None:
    path = tmp_path / "samples.json.gz"
    results.update_result(path, samples=[1, 2, 3] * 1000)
    assert results.read_result(path) == {"samples": [1, 2, 3] * 1000}
    assert path.stat().st_size < 1000
    assert gzip.decompress(path.read_bytes()) == results.read_bytes(path)


def test_the_same_samples_are_the_same_bytes_at_any_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, now in enumerate((1.0e9, 1.7e9)):
        monkeypatch.setattr("time.time", lambda now=now: now)
        results.write_text(tmp_path / f"{number}.json.gz", "samples")
    assert (tmp_path / "0.json.gz").read_bytes() == (tmp_path / "1.json.gz").read_bytes()


def test_a_table_has_words_on_the_left_figures_on_the_right_and_notes_below() -> None:
    assert markdown.table(("what", "how", "µs"), [("a", "b", "1")], ["a machine"], words=2) == (
        "| what | how | µs |\n|---|---|---:|\n| a | b | 1 |\n\na machine  \n"
    )
    assert markdown.table(("what", "µs"), []) == "| what | µs |\n|---|---:|\n"
