"""Real worker processes on real models: what is measured, what each bad input comes to, and that nothing is left."""

import base64
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import odd_models as odd
import onnx
import psutil
import pytest
from PIL import Image
from test_bench_contender_run import IMAGES, PLAN, POSIX, save_digits

from edgecnn.bench import contender_run
from edgecnn.bench.contenders import CONVERTED, LITERT_VARIANTS
from edgecnn.bench.measure import MOST_PICTURES, measure
from edgecnn.bench.results import Bench, Measurement
from edgecnn.bench.runtimes.litert_conversion import Conversion
from edgecnn.bench.worker import FLOOR_QUERIES, KEPT
from edgecnn.data import Dataset, load
from edgecnn.errors import BenchError, DataError, ModelError
from edgecnn.folder import ModelFolder
from edgecnn.preprocessing import Preprocessing
from edgecnn.progress import Progress
from edgecnn.runtime.classifier import Classifier
from edgecnn.training.backend import keras

pytestmark = pytest.mark.slow  # nearly every test starts processes that measure
LIMIT = 60.0  # seconds: far more than anything here takes
ONNX = ("onnxruntime",)


@pytest.fixture(scope="module")
def digits(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real digits in a file of their own."""
    return save_digits(mnist, tmp_path_factory.mktemp("data") / "digits.npz")


@pytest.fixture(scope="module")
def odd_one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows nothing of digits."""
    return odd.save(odd.linear(), tmp_path_factory.mktemp("odd") / "odd.onnx")


@pytest.fixture(scope="module")
def stages() -> list[Progress]:
    """What `pair` told of its progress."""
    return []


@pytest.fixture(scope="module")
def pair(tiny: Path, odd_one: Path, digits: Path, stages: list[Progress]) -> Bench:
    """The tiny model and one that labels nearly all images differently, side by side."""
    return measure([tiny, odd_one], PLAN, data=digits, runtimes=ONNX, progress=stages.append)


@pytest.fixture(scope="module")
def peers(exported: ModelFolder, digits: Path) -> Bench:
    """A trained model in every runtime but TensorFlow, which tests/test_end_to_end.py measures in all its ways."""
    runtimes = ("onnxruntime", "openvino", "litert", "mnn")
    return measure([exported.path], replace(PLAN, threads=2), data=digits, runtimes=runtimes)


def labels_of(model: Path, dataset: Dataset) -> tuple[int, ...]:
    return tuple(Classifier(model).predict(dataset.test.images).argmax(axis=1).tolist())


def by_name(bench: Bench) -> dict[str, Measurement]:
    return {item.contender.name: item for item in bench.measurements}


def workers(coordinator: int | None = None) -> dict[int, list[str]]:
    """The worker processes that this one, or another, has running, with their arguments."""
    found = {}
    for child in psutil.Process(coordinator).children():
        with suppress(psutil.Error):  # some end while they are looked at
            found[child.pid] = child.cmdline()
    return {pid: arguments for pid, arguments in found.items() if "edgecnn.bench.worker" in arguments}


def worker_of(file: Path) -> int:
    (pid,) = [pid for pid, arguments in workers().items() if file.name in arguments[-1]]
    return pid


def never(stage: Progress) -> None:
    raise AssertionError(stage.doing)


def at(doing: str, act: Callable[[], None]) -> Callable[[Progress], None]:
    """Progress that does something before that step."""

    def progress(stage: Progress) -> None:
        if stage.doing == doing:
            act()

    return progress


def press_ctrl_c() -> None:
    raise KeyboardInterrupt


def test_every_contender_has_every_round(pair: Bench) -> None:
    assert list(by_name(pair)) == ["onnx-tiny", "onnx-odd"]
    for item in pair.measurements:
        assert [(part.number, part.batch, part.rate) for part in item.rounds] == [(at, 1, None) for at in range(3)]
        assert all(part.queries >= 4 for part in item.rounds)  # ten of them over three rounds
        assert all(len(part.ns) == min(part.queries, KEPT) for part in item.rounds)
        assert all(part.elapsed_ns >= sum(part.ns) > 0 for part in item.rounds)
        assert len(item.memories) == PLAN.rounds
        assert len(item.floor_ns) >= FLOOR_QUERIES
        assert item.file_bytes == item.contender.file.stat().st_size
        assert item.failure is None
    assert (pair.failures, pair.partial) == ((), False)


def test_answers_are_the_classifiers_own(pair: Bench, digits: Path) -> None:
    dataset = load(digits)
    for item in pair.measurements:
        expected = labels_of(item.contender.file, dataset)
        assert item.answers == expected
        assert item.accuracy is not None
        right = int(np.sum(np.array(expected) == dataset.test.labels))
        assert (item.accuracy.split, item.accuracy.correct, item.accuracy.images) == ("test", right, IMAGES)


def test_the_conditions_are_kept(pair: Bench, tiny: Path, odd_one: Path, digits: Path) -> None:
    dataset = load(digits)
    assert (pair.plan, pair.missing) == (PLAN, ())
    assert pair.data == {str(tiny): dataset.sha256, str(odd_one): dataset.sha256}
    (kept,) = pair.datasets.values()
    assert (kept.source, kept.labels) == (str(digits), dataset.labels)
    assert kept.truth == tuple(dataset.test.labels.tolist())
    assert len(pair.readings) == PLAN.rounds + 2
    assert 5 * 2**20 < pair.empty_python < min(item.memories[0].steady for item in pair.measurements)


def test_the_coordinator_rests_while_workers_work(pair: Bench) -> None:
    assert 0 < pair.coordinator_cpu_s < pair.elapsed_s
    assert pair.elapsed_s > sum(part.elapsed_ns for item in pair.measurements for part in item.rounds) / 1e9


def test_pictures_are_the_images_that_contenders_label_differently(pair: Bench, digits: Path) -> None:
    dataset = load(digits)
    first, second = (np.array(item.answers) for item in pair.measurements)
    changed = np.flatnonzero(first != second).tolist()
    assert len(changed) > MOST_PICTURES
    pictures = pair.datasets[dataset.sha256].pictures
    assert [picture.index for picture in pictures] == changed[:MOST_PICTURES]
    for picture in pictures:
        shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.png))))
        assert (shown == dataset.test.images[picture.index]).all()


def test_contenders_take_turns_and_every_other_round_in_reverse(stages: list[Progress], pair: Bench) -> None:
    assert [stage.doing for stage in stages] == [
        "loading onnx-tiny",
        "loading onnx-odd",
        "round 1 of 3: onnx-tiny",
        "round 1 of 3: onnx-odd",
        "round 2 of 3: onnx-odd",
        "round 2 of 3: onnx-tiny",
        "round 3 of 3: onnx-tiny",
        "round 3 of 3: onnx-odd",
        "scoring onnx-tiny",
        "scoring onnx-odd",
    ]


def test_progress_counts_every_step_once(stages: list[Progress], pair: Bench) -> None:
    assert [stage.done for stage in stages] == list(range(10))
    assert {stage.steps for stage in stages} == {10}


def test_models_that_agree_have_no_pictures_and_batches_are_scored_image_by_image(
    tiny: Path, tmp_path: Path, few_digits: Path
) -> None:
    copy = Path(shutil.copy(tiny, tmp_path / "copy.onnx"))
    bench = measure([tiny, copy], replace(PLAN, batch=8, threads=2, rounds=1), data=few_digits, runtimes=ONNX)
    dataset = load(few_digits)
    assert {item.answers for item in bench.measurements} == {labels_of(tiny, dataset)}
    assert {(item.contender.batch, item.contender.threads) for item in bench.measurements} == {(8, 2)}
    assert {part.batch for item in bench.measurements for part in item.rounds} == {8}
    assert bench.datasets[dataset.sha256].pictures == ()


def test_a_model_whose_data_is_not_here_is_timed_and_says_that_it_is_not_scored(tiny: Path, tmp_path: Path) -> None:
    model = onnx.load(tiny)
    entries = {entry.key: entry for entry in model.metadata_props}
    entries["edgecnn.dataset"].value = entries["edgecnn.dataset"].value.replace("mnist", "/nowhere/digits.npz")
    onnx.save(model, tmp_path / "away.onnx")
    bench = measure([tmp_path / "away.onnx"], replace(PLAN, rounds=1), runtimes=ONNX)
    (measured,) = bench.measurements
    assert measured.rounds
    assert (measured.failure, measured.unscored, measured.accuracy) == (None, None, None)
    assert any("digits.npz" in note for note in bench.notes)


def test_a_trained_model_is_measured_in_every_runtime(peers: Bench) -> None:
    assert list(by_name(peers)) == [
        "onnx-float32",
        "onnx-int8",
        "openvino-float32",
        "openvino-int8",
        "litert-float32",
        "litert-int8",
        "litert-float32-compiled",
        "litert-int8-compiled",
        "mnn-float32",
    ]
    for item in peers.measurements:
        assert item.failure is None
        assert len(item.rounds) == len(item.memories) == PLAN.rounds
        assert item.contender.threads == 2
        assert item.floor_ns
        assert item.file_bytes > 1000


def test_only_contenders_that_start_slowly_keep_their_process(peers: Bench) -> None:
    for item in peers.measurements:
        quick = item.loads[0].cold_ns < contender_run.STARTS_QUICKLY * 1e9
        assert len(item.loads) == (PLAN.rounds if quick else 1)


def test_every_runtime_labels_as_the_classifier_does(peers: Bench, exported: ModelFolder, digits: Path) -> None:
    dataset, measured = load(digits), by_name(peers)
    expected = {name: labels_of(exported.onnx(name), dataset) for name in ("float32", "int8")}
    for runtime in ("onnx", "openvino", "litert"):
        assert measured[f"{runtime}-float32"].answers == expected["float32"]
        same = np.mean(np.array(measured[f"{runtime}-int8"].answers) == np.array(expected["int8"]))
        assert same >= 0.99
    assert measured["onnx-int8"].answers == expected["int8"]


def test_what_was_converted_for_the_run_goes_with_it_but_for_its_name(peers: Bench, exported: ModelFolder) -> None:
    converted = [item for item in peers.measurements if item.contender.runtime in CONVERTED]
    names = ["float32.tflite", "int8.tflite"]
    assert [str(item.contender.file) for item in converted] == [*names, *names, "model.mnn"]
    assert min(item.file_bytes for item in converted) > 10_000
    assert not list(exported.path.glob("*.tflite"))


@pytest.mark.tensorflow
def test_a_tflite_file_needs_no_original(tmp_path: Path, exported: ModelFolder, digits: Path) -> None:
    conversion = Conversion(tmp_path)
    conversion.load(str(exported.keras))
    conversion.float32()
    path = tmp_path / "float32.tflite"
    bench = measure([path], replace(PLAN, rounds=1), data=digits)
    expected = labels_of(exported.onnx("float32"), load(digits))
    assert [item.answers for item in bench.measurements] == [expected] * 2
    path.write_bytes(path.read_bytes()[:3000])
    for item in measure([path], replace(PLAN, rounds=1), data=digits).failures:
        assert item.failure == f"{path} cannot be opened by LiteRT: The model is not a valid Flatbuffer buffer"


@pytest.fixture(scope="module")
def accidents(tiny: Path, digits: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, Path]:
    """One run in which all goes wrong that can, but for the first contender and the last."""
    folder = tmp_path_factory.mktemp("accidents")
    files = {name: folder / f"{name}.onnx" for name in ("first", "removed", "changed", "killed", "last")}
    for file in files.values():
        shutil.copy(tiny, file)
    files["nan"] = odd.save(odd.filled(odd.linear(), np.nan), folder / "nan.onnx")
    files["classes"] = odd.save(odd.linear(classes=3), folder / "classes.onnx")
    files["half"] = folder / "half.onnx"
    files["half"].write_bytes(tiny.read_bytes()[:5000])
    deeds: dict[str, Callable[[], Any]] = {
        "round 1 of 3: onnx-killed": lambda: os.kill(worker_of(files["killed"]), signal.SIGKILL),
        "round 2 of 3: onnx-removed": files["removed"].unlink,
        "round 3 of 3: onnx-changed": lambda: odd.save(odd.linear(), files["changed"]),
    }
    order = ("first", "nan", "classes", "half", "removed", "changed", "killed", "last")

    def progress(stage: Progress) -> None:
        deeds.pop(stage.doing, lambda: None)()

    models = [files[name] for name in order]
    bench = measure(models, PLAN, data=digits, runtimes=ONNX, progress=progress)
    assert deeds == {}
    return bench, folder


@POSIX
@pytest.mark.parametrize(
    ("name", "rounds", "reason"),
    [
        ("nan", 0, "the model returned values that are not finite: check its weights for NaN, or export it again"),
        ("classes", 0, "{digits} has 10 classes, but the model has 3: give the model's --data"),
        ("half", 0, "{folder}/half.onnx cannot be opened: * truncated or not an ONNX file*"),
        ("removed", 1, "{folder}/removed.onnx was changed or removed while it was measured: measure again"),
        ("changed", 2, "{folder}/changed.onnx was changed or removed while it was measured: measure again"),
        ("killed", 0, "its process ended (warm_up): signal 9"),
    ],
)
def test_a_contender_that_fails_has_a_row_that_says_why(
    name: str, rounds: int, reason: str, accidents: tuple[Bench, Path], digits: Path
) -> None:
    bench, folder = accidents
    item = by_name(bench)[f"onnx-{name}"]
    assert item in bench.failures
    assert item.failure is not None
    start, *rest = reason.format(folder=folder, digits=digits).split("*")
    assert item.failure.startswith(start)
    assert all(part in item.failure for part in rest)
    assert "\n" not in item.failure
    assert (len(item.rounds), item.answers, item.accuracy, item.floor_ns) == (rounds, None, None, ())


@POSIX
def test_the_others_are_measured_whatever_goes_wrong_with_one(accidents: tuple[Bench, Path], digits: Path) -> None:
    bench, folder = accidents
    assert [item.contender.name for item in bench.measurements if not item.failure] == ["onnx-first", "onnx-last"]
    assert len(bench.failures) == 6
    for item in (bench.measurements[0], bench.measurements[-1]):
        assert len(item.rounds) == len(item.loads) == PLAN.rounds
        assert item.answers == labels_of(item.contender.file, load(digits))
    assert not bench.partial
    assert workers() == {}
    assert str(folder / "classes.onnx") not in bench.data


def test_a_contender_that_hangs_is_ended_at_the_time_limit_and_the_others_are_measured(
    tiny: Path, digits: Path, tmp_path: Path
) -> None:
    hanging = odd.save(odd.endless(), tmp_path / "hanging.onnx")
    bench = measure([hanging, tiny], replace(PLAN, rounds=1, timeout=3.0), data=digits, runtimes=ONNX)
    assert {name: (len(item.rounds), item.failure) for name, item in by_name(bench).items()} == {
        "onnx-hanging": (0, "its process did not answer in time (load): raise --timeout if it is only slow"),
        "onnx-tiny": (1, None),
    }
    assert workers() == {}


@pytest.mark.tensorflow
def test_an_original_that_cannot_be_converted_fails_alone(tiny: Path, digits: Path, tmp_path: Path) -> None:
    shutil.copy(tiny, tmp_path / "model.onnx")
    (tmp_path / "model.keras").write_bytes(b"no model")
    bench = measure([tmp_path], replace(PLAN, rounds=1), data=digits, runtimes=("onnxruntime", "litert"))
    onnx, *failed = bench.measurements
    assert onnx.failure is None
    assert onnx.answers is not None
    assert [item.contender.name for item in failed] == [f"litert-{variant}" for variant in LITERT_VARIANTS]
    for item in failed:
        assert item.failure is not None
        assert item.failure.startswith(
            f"the model cannot be converted for LiteRT: {tmp_path}/model.keras is damaged or not a "
        )
        assert (item.file_bytes, item.loads) == (0, ())


def test_a_conversion_has_a_time_limit(exported: ModelFolder, digits: Path) -> None:
    bench = measure([exported.path], replace(PLAN, timeout=0.05), data=digits, runtimes=("litert",))
    reason = "the conversion for LiteRT took longer than the time limit: raise --timeout"
    assert [item.failure for item in bench.failures] == [reason] * 4


@pytest.mark.tensorflow
def test_a_model_without_data_is_timed_with_noise(tmp_path: Path) -> None:
    """An original of a form that MNIST has not, and what was exported of it: nothing to score or to calibrate with."""
    from edgecnn import export

    layers = keras("a test").layers
    network = [layers.Input((20, 24, 3), dtype="uint8"), layers.Rescaling(1 / 255), layers.Flatten()]
    keras("a test").Sequential([*network, layers.Dense(3, activation="softmax")]).save(tmp_path / "model.keras")
    export(tmp_path)
    bench = measure([tmp_path], PLAN, runtimes=("onnxruntime", "litert"))
    assert (bench.data, bench.datasets) == ({}, {})
    assert {name: (len(item.rounds), item.failure) for name, item in by_name(bench).items()} == {
        "onnx-float32": (3, None),
        **dict.fromkeys(("litert-float32", "litert-float32-compiled"), (3, None)),
        **dict.fromkeys(
            ("litert-int8", "litert-int8-compiled"),
            (0, "quantizing for LiteRT needs calibration images: give --data"),
        ),
    }
    assert {(item.answers, item.accuracy) for item in bench.measurements} == {(None, None)}


def test_a_size_that_a_model_leaves_open_is_chosen_for_it(tmp_path: Path) -> None:
    path = odd.save(odd.linear((20, None, 3), "float32", classes=3), tmp_path / "odd.onnx")
    bench = measure([path], replace(PLAN, batch=100, rounds=1), runtimes=("onnxruntime", "openvino"))
    assert [(len(item.rounds), item.failure) for item in bench.measurements] == [(1, None)] * 2


def test_a_float_models_own_scale_is_used_in_every_runtime(tmp_path: Path, digits: Path) -> None:
    scale = 1 / 127.5
    path = odd.save(odd.linear(dtype="float32", metadata={"input_scale": str(scale)}), tmp_path / "odd.onnx")
    bench = measure([path], replace(PLAN, rounds=1), data=digits, runtimes=("onnxruntime", "openvino"))
    assert {item.contender.preprocessing for item in bench.measurements} == {Preprocessing((scale,))}
    assert {item.answers for item in bench.measurements} == {labels_of(path, load(digits))}


def test_a_model_of_a_fixed_batch_is_measured_with_that_batch_only(tmp_path: Path, digits: Path) -> None:
    path = odd.save(odd.linear(batch=4), tmp_path / "odd.onnx")
    (item,) = measure([path], replace(PLAN, batch=4, rounds=1), data=digits, runtimes=ONNX).measurements
    assert item.answers == labels_of(path, load(digits))
    (item,) = measure([path], PLAN, data=digits, runtimes=ONNX).measurements
    assert item.failure == f"{path} only takes batches of 4: give --batch 4"


def test_an_original_beside_an_onnx_file_needs_no_card_and_not_that_runtime(tiny: Path, tmp_path: Path) -> None:
    """The ONNX file says what the original takes, measured or not."""
    shutil.copy(tiny, tmp_path / "model.onnx")
    (tmp_path / "model.keras").write_bytes(b"no model")
    bench = measure([tmp_path], replace(PLAN, timeout=0.05), runtimes=("litert",))
    assert list(bench.data) == [str(tmp_path)]
    assert {item.failure for item in bench.failures} == {
        "the conversion for LiteRT took longer than the time limit: raise --timeout"
    }


def test_an_original_alone_says_that_it_has_to_be_exported(tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(b"no model")
    first, *_ = measure([tmp_path], PLAN, runtimes=("litert",)).failures
    assert first.failure == f"{tmp_path} has neither a card nor an ONNX file: run 'edgecnn export {tmp_path}' first"


def test_a_batch_larger_than_the_data_is_refused_before_anything_starts(tiny: Path, digits: Path) -> None:
    with pytest.raises(BenchError, match="--batch 201 is more than the 200 test images: give a smaller batch"):
        measure([tiny], replace(PLAN, batch=IMAGES + 1), data=digits, progress=never)


def test_data_that_is_not_there_is_refused_before_anything_starts(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere is not a data set"):
        measure([tiny], PLAN, data=tmp_path / "nowhere", progress=never)


def test_a_model_that_is_not_there_is_refused_before_anything_starts(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere does not exist"):
        measure([tiny, tmp_path / "nowhere"], PLAN, progress=never)


def test_ctrl_c_in_a_round_keeps_what_was_measured_and_no_process(tiny: Path, odd_one: Path, digits: Path) -> None:
    running: list[int] = []

    def progress(stage: Progress) -> None:
        running.append(len(workers()))
        if stage.doing == "round 2 of 3: onnx-tiny":
            raise KeyboardInterrupt

    bench = measure([tiny, odd_one], PLAN, data=digits, runtimes=ONNX, progress=progress)
    assert bench.partial
    assert running == [0, 1, 2, 2, 2, 2]
    assert workers() == {}
    assert [len(item.rounds) for item in bench.measurements] == [1, 2]
    assert [item.answers for item in bench.measurements] == [None, None]
    assert bench.failures == ()


@pytest.mark.parametrize("doing", ["loading onnx-tiny", "loading onnx-odd", "round 1 of 3: onnx-tiny"])
def test_ctrl_c_before_the_first_round_is_an_error(doing: str, tiny: Path, odd_one: Path, digits: Path) -> None:
    with pytest.raises(BenchError, match="stopped before anything was measured"):
        measure([tiny, odd_one], PLAN, data=digits, runtimes=ONNX, progress=at(doing, press_ctrl_c))
    assert workers() == {}


def test_an_error_of_the_callers_own_leaves_no_process(tiny: Path, digits: Path) -> None:
    with pytest.raises(AssertionError, match="round 1 of 3: onnx-tiny"):
        measure([tiny], PLAN, data=digits, runtimes=ONNX, progress=at("round 1 of 3: onnx-tiny", fail))
    assert workers() == {}


def fail() -> None:
    raise AssertionError("round 1 of 3: onnx-tiny")


# The command line, for which each contender starts quickly, however busy the machine is.
QUICKLY = """
from edgecnn.__main__ import main
from edgecnn.bench import contender_run
contender_run.STARTS_QUICKLY = 1e6
main()
"""


@POSIX
def test_a_real_ctrl_c_prints_a_partial_table_and_leaves_no_process(tiny: Path, digits: Path) -> None:
    options = ["--runtime", "onnxruntime", "--data", str(digits), "--duration", "3"]
    bench = subprocess.Popen(
        [sys.executable, "-c", QUICKLY, "bench", str(tiny), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )
    seen: set[int] = set()
    until = time.monotonic() + LIMIT
    while len(seen) < 3 and bench.poll() is None and time.monotonic() < until:  # one, and a new one each round
        with suppress(psutil.NoSuchProcess):
            seen |= workers(bench.pid).keys()
        time.sleep(0.01)
    os.killpg(bench.pid, signal.SIGINT)
    stdout, stderr = bench.communicate(timeout=LIMIT)
    assert bench.returncode == 130, stderr
    assert "onnx-tiny" in stdout
    assert "PARTIAL: stopped before the end" in stdout
    assert "stopped before the end" in stderr
    assert "Traceback" not in stderr
    assert len(seen) >= 3
    assert not any(psutil.pid_exists(pid) for pid in seen)


def test_offline_measures_every_batch_that_the_data_allows(tiny: Path, digits: Path) -> None:
    (item,) = measure([tiny], replace(PLAN, scenario="offline"), data=digits, runtimes=ONNX).measurements
    assert [(part.number, part.batch) for part in item.rounds] == [
        (number, batch) for number in range(3) for batch in (1, 8, 32, 128)
    ]
    assert all(part.queries >= 1 and part.elapsed_ns > 0 for part in item.rounds)


def test_a_server_is_sent_queries_at_given_rates(tiny: Path, digits: Path) -> None:
    plan = replace(PLAN, scenario="server", rates=(100.0, 2000.0))
    (item,) = measure([tiny], plan, data=digits, runtimes=ONNX).measurements
    assert [(part.number, part.rate) for part in item.rounds] == [
        (number, rate) for number in range(3) for rate in (100.0, 2000.0)
    ]
    assert [part.queries for part in item.rounds if part.rate == 2000] == [34] * 3  # a third of 0.05 s


def test_a_server_is_searched_for_the_highest_rate_that_it_holds(
    tiny: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contender_run, "STARTS_QUICKLY", 0.0)  # one process does
    plan = replace(PLAN, scenario="server", latency_bound_us=100_000.0)
    stages: list[Progress] = []
    (item,) = measure([tiny], plan, data=digits, runtimes=ONNX, progress=stages.append).measurements
    rates = [part.rate or 0.0 for part in item.rounds]
    assert item.failure is None
    assert len(rates) == 16
    assert min(rates) > 0
    assert stages[-1].steps == len(stages) == 16 + 2
    assert len(item.loads) == 1


def test_a_server_too_slow_for_its_bound_has_no_rounds_and_no_failure(
    tiny: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contender_run, "STARTS_QUICKLY", 0.0)
    plan = replace(PLAN, scenario="server", latency_bound_us=0.001)
    (item,) = measure([tiny], plan, data=digits, runtimes=ONNX).measurements
    assert (item.rounds, item.failure) == ((), None)
    assert item.answers is not None


WITHOUT_TENSORFLOW = """
from importlib.machinery import PathFinder

find = PathFinder.find_spec


class Finder(PathFinder):
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        return None if fullname.partition(".")[0] in ("tensorflow", "keras") else find(fullname, path, target)


import sys

sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
"""


def test_without_tensorflow_the_rest_is_measured_and_what_is_missing_is_said(
    tiny: Path, digits: Path, tmp_path: Path
) -> None:
    folder = ModelFolder(tmp_path / "model")
    folder.path.mkdir()
    for precision in ("float32", "int8"):
        shutil.copy(tiny, folder.onnx(precision))
    folder.keras.touch()  # an original that nothing here can open
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_TENSORFLOW)
    code = f"""
import importlib.util, json
from edgecnn.bench.measure import measure
from edgecnn.bench.results import Plan
plan = Plan(duration=0.05, warm_up=0.01, warm_up_queries=2, rounds=1, queries=10)
bench = measure([{str(folder.path)!r}], plan, data={str(digits)!r})
print(json.dumps([
    importlib.util.find_spec("tensorflow"),
    {{item.contender.name: len(item.rounds) for item in bench.measurements}},
    bench.missing,
]))
"""
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    spec, rounds, missing = json.loads(done.stdout)
    assert spec is None
    names = ["onnx-float32", "onnx-int8", "openvino-float32", "openvino-int8", "mnn-float32"]
    assert rounds == dict.fromkeys([*names, *(["ncnn-float32"] if find_spec("pnnx") else [])], 1)
    assert missing == [
        "TensorFlow is not installed, so the original model is not measured: pip install 'edgecnn[train]'"
    ]
