"""The programs about conversions: what they measure adds up, and their tables show what was measured."""

import sys
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.lib import results
from benchmarks.models import applications, conversion_speed, memory


def test_the_peak_is_that_of_all_processes_together() -> None:
    child = "taken = bytearray(60 << 20); import time; time.sleep(1.5)"
    parent = f"import subprocess, sys; taken = bytearray(40 << 20); subprocess.run([sys.executable, '-c', {child!r}])"
    most, seconds = memory.peak([sys.executable, "-c", parent])
    if sys.platform == "linux":
        assert 100 << 20 < most < 170 << 20
    assert seconds > 1.5


def test_a_command_that_fails_is_told() -> None:
    with pytest.raises(SystemExit, match="the reason"):
        memory.peak([sys.executable, "-c", "raise ValueError('the reason')"])


def test_a_network_that_is_not_exported_has_its_reason_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"name": "VGG16", "parameters": 14_700_000, "difference": 2e-7, "allowed": 1e-5}
    nodes = {"nodes": 38, "nodes_tf2onnx": 61, "nodes_onnxslim": 38}
    rows = [row | nodes | {"convert_seconds": 5.2}, {"name": "NASNetLarge", "size": 32, "reason": "too large"}]
    monkeypatch.setattr(applications, "RESULTS", tmp_path / "applications.json")
    results.update_result(applications.RESULTS, networks=rows)
    lines = applications.table().splitlines()
    assert lines[2] == "| `VGG16` | 14.7 M | 5 s | 2.0e-07 | 1.0e-05 | 38 | 61 | 38 |"
    assert lines[3].startswith("| `NASNetLarge` | too large |")
    assert len({line.count("|") for line in lines[:4]}) == 1


def test_only_networks_without_seconds_are_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applications, "RESULTS", tmp_path / "applications.json")
    rows = [{"name": "VGG16", "convert_seconds": 5.2}, {"name": "VGG19"}, {"name": "Xception", "reason": "too large"}]
    results.update_result(applications.RESULTS, networks=rows)
    assert applications.already_measured() == {"VGG16"}


def test_the_committed_clean_up_grows_linearly() -> None:
    """Twice the nodes take at most two and a half times the seconds. Fractions of a second are not compared."""
    graphs = results.read_result(conversion_speed.RESULTS)["graphs"]
    for small, large in pairwise(graphs):
        growth = large["converted_nodes"] / small["converted_nodes"]
        assert large["cleanup_s"] <= 1.25 * growth * max(small["cleanup_s"], 0.2)
    assert all(row["cleanup_s"] <= 3 for row in graphs if row["converted_nodes"] <= 350)
