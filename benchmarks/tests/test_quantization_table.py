"""What the comparison of quantizers says, of made-up runs whose figures can be worked out by hand."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import made_up
import pytest

from benchmarks.latency import quantization
from benchmarks.latency import quantization_table as tables
from edgecnn.bench import Runtime
from edgecnn.bench.contenders import Contender

IMAGES = 1000
SHIPPED = tables.Ours("model.int8.onnx", "static U8S8", "fastest", False, 12.5)
KEPT = tables.Ours("model.onnx", None, "nothing is faster", True, 12.5)


def ran(us: float, only_float32: int = 0, only_this: int = 0, rounds: int = 10) -> Any:
    """A contender whose every round took so long, and which labels as many fewer right as the counts say."""
    return tables.Contender(
        file_bytes=1000,
        p50_us=us,
        round_medians_us=(us,) * rounds,
        correct=990 + only_this - only_float32,
        images=IMAGES,
        only_float32=only_float32,
        only_this=only_this,
    )


CONTENDERS = {
    "float32": ran(120),
    "naive dynamic": ran(240, 0, 3),
    "naive static": ran(60, 30, 5),
    "ours": ran(40, 1, 0),
    "LiteRT int8": ran(20, 1, 1),
    "tf.function": ran(400),
}


def network(
    changed: Mapping[str, Any] = CONTENDERS, shipped: Any = SHIPPED, stability_issues: tuple[str, ...] = ()
) -> Any:
    """The contenders above with some of them changed, or left out by None."""
    contenders = {**CONTENDERS, **changed}
    return tables.Network(
        started="2026-03-01T12:00:00+00:00",
        host="a board",
        versions={"numpy": "2.4.6", "onnxruntime": "1.24.1"},
        rounds=10,
        threads=1,
        data="mnist",
        data_sha256="d" * 64,
        parameters=1234,
        ours=shipped,
        contenders={name: item for name, item in contenders.items() if item},
        stability_issues=stability_issues,
    )


def row(found: Any) -> list[str]:
    line: str = tables.table({"edge": found}).splitlines()[2]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_row_has_each_ways_speed_up_and_change_of_accuracy() -> None:
    assert row(network()) == [
        "`edge`",
        "120",
        "2.00× slower (2.00–2.00); +0.30",
        "2.00× faster (2.00–2.00); −2.50, less accurate",
        "3.00× faster (3.00–3.00); −0.10",
        "6.00× faster (6.00–6.00); 0.00",
        "static U8S8",
        "1.50× faster (1.50–1.50), naive static",
        "2.00× slower (2.00–2.00)",
    ]


def test_a_kept_float32_file_is_its_own_figure() -> None:
    slow = network({"ours": None, "naive static": ran(130)}, KEPT)
    assert row(slow)[4:8] == [
        "no difference shown; 0.00",
        "6.00× faster (6.00–6.00); 0.00",
        "float32, kept",
        "the same file: float32 is the fastest",
    ]
    assert row(network({"ours": None}, KEPT))[7] == "2.00× slower (2.00–2.00), naive static"


def test_what_failed_or_was_not_entered_has_no_figure() -> None:
    cells = row(network({"naive dynamic": tables.Contender(failure="no kernel"), "LiteRT int8": None}))
    assert cells[2] == "fails"
    assert cells[5] == cells[8] == "–"


def test_a_doubtful_run_is_marked_and_says_why() -> None:
    found = network(stability_issues=("the CPU reached 84 °C",))
    assert row(found)[0] == "`edge` (unstable)"
    assert tables.conditions({"edge": found})[-1] == "`edge` UNSTABLE: the CPU reached 84 °C"


def test_conditions_are_said_once_for_networks_that_share_them() -> None:
    (_, conditions) = tables.conditions({"edge": network(), "other": network()})
    assert conditions == "a board; onnxruntime 1.24.1; batch 1, 1 thread, 10 interleaved rounds"


def test_results_come_back_from_json_as_they_were(tmp_path: Path) -> None:
    file = tmp_path / "quantization.json"
    assert tables.read(file) == {}
    results = {"edge": network(), "adventures": network(shipped=KEPT, stability_issues=("noise",))}
    file.write_text(tables.to_json(results), encoding="utf-8")
    assert tables.read(file) == results


# What is taken of a run


@pytest.mark.parametrize(
    ("model", "runtime", "variant", "way"),
    [
        ("/tmp/a/float32", "onnxruntime", "float32", "float32"),
        ("/tmp/a/naive static/model.int8.onnx", "onnxruntime", "int8", "naive static"),
        ("/tmp/a/naive dynamic/model.dynamic.onnx", "onnxruntime", "dynamic", "naive dynamic"),
        ("/tmp/a/ours/model.onnx", "onnxruntime", "float32", "ours"),
        ("/tmp/a/float32", "litert", "int8", "LiteRT int8"),
        ("/tmp/a/float32", "litert", "float32", None),
        ("/tmp/a/float32", "tensorflow", "function", "tf.function"),
        ("/tmp/a/float32", "tensorflow", "predict", None),
    ],
)
def test_a_contender_is_known_by_its_runtime_and_its_folder(
    model: str, runtime: Runtime, variant: str, way: str | None
) -> None:
    assert quantization.way_of(Contender("a", model, runtime, variant, Path("a"), 1, 1)) == way


def test_a_runs_raw_figures_are_kept_and_counted_against_float32() -> None:
    original, naive = "/tmp/a/float32", "/tmp/a/naive static/model.int8.onnx"
    bench = made_up.bench(
        made_up.measured("onnx-float32", made_up.streams([4, 5, 6]), model=original, given=made_up.answers([1])),
        made_up.measured("onnx-int8", made_up.streams([2, 3, 2]), model=naive, given=made_up.answers([2, 3])),
        made_up.failed("litert-int8", f"{original}/model.keras cannot be converted", model=original),
    )
    found = quantization.measured(bench)
    assert found["naive static"].round_medians_us == (2, 3, 2)
    assert found["naive static"].p50_us == 2
    assert (found["naive static"].correct, found["naive static"].images) == (98, 100)
    assert (found["naive static"].only_float32, found["naive static"].only_this) == (2, 1)
    assert (found["float32"].only_float32, found["float32"].only_this) == (0, 0)
    assert found["LiteRT int8"].failure == "float32/model.keras cannot be converted"
