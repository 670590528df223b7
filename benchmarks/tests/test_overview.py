"""The overview shows what committed runs hold, and marks what may not hold."""

from pathlib import Path

import made_up
import numpy as np
import pytest
from PIL import Image

from benchmarks.latency import overview, peers
from edgecnn.bench.figures import Summary, summarize

pytestmark = pytest.mark.slow  # summarizes every committed run


@pytest.fixture(scope="module")
def runs() -> dict[str, Summary]:
    return peers.summaries()


def test_every_committed_run_has_a_point_for_each_way(runs: dict[str, Summary]) -> None:
    for run in runs.values():
        points = {series.title: point for series, point in overview.drawn(run.rows)}
        assert list(points) == ["TensorFlow", "ONNX float32", "ONNX int8", "LiteRT int8"]
        assert all(point.low < point.accuracy < point.high for point in points.values())
        timed = [row.p50_us for row in run.rows if row.runtime == "tensorflow" and row.p50_us]
        assert points["TensorFlow"].us == min(timed)
        assert max(point.us for point in points.values()) < overview.LONGEST


def test_a_failed_contender_has_no_point() -> None:
    run = summarize(made_up.bench(made_up.failed("onnx-int8", "out of memory")))
    assert list(overview.drawn(run.rows)) == []


def test_conditions_are_one_line(runs: dict[str, Summary]) -> None:
    said = overview.conditions(runs)
    assert "1 thread" in said
    assert "10,000 test images" in said
    assert len(said) < 70


def test_the_picture_is_made_of_the_committed_runs(runs: dict[str, Summary], tmp_path: Path) -> None:
    overview.draw(runs, tmp_path / "overview.png")
    with Image.open(tmp_path / "overview.png") as again, Image.open(overview.PICTURE) as committed:
        assert again.size == committed.size
        difference = np.abs(np.asarray(again, np.int16) - np.asarray(committed, np.int16))
    # Another release of matplotlib may draw letters otherwise, but not put points elsewhere.
    assert (difference.max(axis=-1) > 60).mean() < 0.01
