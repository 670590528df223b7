"""Real worker processes on real models: what they measure, and that none outlives an error."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import odd_models as odd
import pytest

from edgecnn.bench.measure import MOST_SAMPLES, ROUNDS, Bench, Stage, measure
from edgecnn.bench.report import rows
from edgecnn.data import Dataset
from edgecnn.errors import BenchError, DataError
from edgecnn.folder import ModelFolder
from edgecnn.runtime import Classifier

TINY_TIME = 0.02  # seconds a contender: every round still has a query
PROCESSES = Path("/proc")
LISTS_PROCESSES = pytest.mark.skipif(not (PROCESSES / "self" / "status").exists(), reason="needs Linux's /proc")


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> ModelFolder:
    """The tiny model twice, the second one claiming to be int8."""
    made = ModelFolder(tmp_path / "model")
    made.path.mkdir()
    shutil.copy(tiny, made.onnx("float32"))
    shutil.copy(tiny, made.onnx("int8"))
    return made


@pytest.fixture(scope="module")
def pair(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """The tiny model and a copy of it, measured side by side."""
    copy = tmp_path_factory.mktemp("models") / "copy.onnx"
    shutil.copy(tiny, copy)
    return measure([tiny, copy], duration=TINY_TIME)


def workers() -> list[int]:
    """The process ids of the workers that this process has running."""
    found = []
    for process in PROCESSES.glob("[0-9]*"):
        with suppress(OSError):  # some end while they are looked at
            mine = f"PPid:\t{os.getpid()}\n" in (process / "status").read_text()
            if mine and b"edgecnn.bench.worker" in (process / "cmdline").read_bytes():
                found.append(int(process.name))
    return found


def test_every_contender_has_every_round_with_a_query_in_each(pair: Bench) -> None:
    assert [item.contender.name for item in pair.measurements] == ["onnxruntime tiny", "onnxruntime copy"]
    for item in pair.measurements:
        assert len(item.rounds) == ROUNDS
        assert all(1 <= len(samples) <= MOST_SAMPLES for samples in item.rounds)
        assert min(min(samples) for samples in item.rounds) > 0
        assert min(item.import_ns, item.init_ns, item.first_ns) > 0
        assert item.peak_rss > 20 * 2**20  # numpy and onnxruntime alone take more


def test_answers_are_the_classifiers_own(pair: Bench, tiny: Path, mnist: Dataset) -> None:
    expected = Classifier(tiny).predict(mnist.test.images).argmax(axis=1)
    right = int((expected == mnist.test.labels).sum())
    for item in pair.measurements:
        assert item.answers == tuple(expected.tolist())
        assert item.accuracy is not None
        assert (item.accuracy.split, item.accuracy.correct, item.accuracy.images) == ("test", right, 10_000)


def test_the_conditions_are_kept(pair: Bench) -> None:
    assert (pair.threads, pair.batch, pair.duration, pair.data, pair.missing) == (1, 1, TINY_TIME, ("mnist",), ())
    assert {(item.contender.threads, item.contender.batch) for item in pair.measurements} == {(1, 1)}


def test_progress_counts_every_step_once(tiny: Path, few_digits: Path) -> None:
    seen: list[Stage] = []
    measure([tiny], data=few_digits, duration=TINY_TIME, progress=seen.append)
    assert [stage.done for stage in seen] == list(range(ROUNDS + 2))
    assert {stage.steps for stage in seen} == {ROUNDS + 2}
    assert [seen[0].doing, seen[1].doing, seen[-1].doing] == [
        "loading onnxruntime tiny",
        f"round 1 of {ROUNDS}",
        "scoring onnxruntime tiny",
    ]


def test_batches_of_eight_are_scored_image_by_image(tiny: Path, few_digits: Path, mnist: Dataset) -> None:
    bench = measure([tiny], data=few_digits, batch=8, threads=2, duration=TINY_TIME)
    (item,) = bench.measurements
    assert (bench.batch, item.contender.batch, item.contender.threads) == (8, 8, 2)
    assert item.answers == tuple(Classifier(tiny).predict(mnist.test.images[:20]).argmax(axis=1).tolist())
    assert bench.data == (str(few_digits),)


def test_a_model_without_data_is_timed_with_noise(tmp_path: Path) -> None:
    path = odd.save(odd.linear((20, None, 3), "float32", classes=3), tmp_path / "odd.onnx")
    bench = measure([path], duration=TINY_TIME)
    (item,) = bench.measurements
    assert (bench.data, item.answers, item.accuracy) == ((), None, None)
    assert len(item.rounds) == ROUNDS


def test_a_model_of_a_fixed_batch_is_measured_with_that_batch(tmp_path: Path, few_digits: Path, mnist: Dataset) -> None:
    path = odd.save(odd.linear(batch=4), tmp_path / "odd.onnx")
    (item,) = measure([path], data=few_digits, batch=4, duration=TINY_TIME).measurements
    assert item.answers == tuple(Classifier(path).predict(mnist.test.images[:20]).argmax(axis=1).tolist())
    with pytest.raises(BenchError, match=r"onnxruntime odd: .*odd\.onnx takes batches of 4: give --batch 4"):
        measure([path], data=few_digits, duration=TINY_TIME)


def test_data_that_does_not_suit_is_refused_before_anything_is_started(tmp_path: Path, few_digits: Path) -> None:
    path = odd.save(odd.linear(classes=3), tmp_path / "odd.onnx")
    seen: list[Stage] = []
    with pytest.raises(DataError, match="10 classes, the model 3"):
        measure([path], data=few_digits, progress=seen.append)
    assert seen == []


@LISTS_PROCESSES
def test_a_broken_file_is_named_and_no_worker_stays(folder: ModelFolder, few_digits: Path) -> None:
    folder.onnx("int8").write_bytes(folder.onnx("float32").read_bytes()[:5000])
    running: list[int] = []
    with pytest.raises(BenchError, match=r"^onnxruntime int8: .*model\.int8\.onnx cannot be opened .* truncated"):
        measure([folder.path], data=few_digits, duration=TINY_TIME, progress=lambda _: running.append(len(workers())))
    assert running == [0, 1]
    assert workers() == []


def kill_a_worker() -> None:
    os.kill(workers()[0], signal.SIGKILL)


def press_ctrl_c() -> None:
    raise KeyboardInterrupt


@LISTS_PROCESSES
@pytest.mark.parametrize(
    ("accident", "error", "message"),
    [
        (kill_a_worker, BenchError, r"onnxruntime float32 ended while it was to round: exit code -9"),
        (press_ctrl_c, KeyboardInterrupt, None),
    ],
)
def test_no_worker_stays_when_measuring_breaks_off(
    accident: Callable[[], None], error: type[BaseException], message: str | None, folder: ModelFolder, few_digits: Path
) -> None:
    running: list[int] = []

    def progress(stage: Stage) -> None:
        running.append(len(workers()))
        if stage.doing == f"round 3 of {ROUNDS}":
            accident()

    with pytest.raises(error, match=message):
        measure([folder.path], data=few_digits, duration=TINY_TIME, progress=progress)
    assert running == [0, 1, 2, 2, 2]
    assert workers() == []


def test_what_is_imported_is_not_counted_as_loading(tiny: Path) -> None:
    """In a process of its own, as a worker is: no package is imported after `import_runtime`."""
    code = f"""
import sys
from pathlib import Path
from edgecnn.bench.contenders import Contender
from edgecnn.bench.worker import import_runtime, load
contender = Contender("tiny", "tiny", "onnxruntime", Path({str(tiny)!r}), 1, 1, 1.0)
packages = lambda: {{name.partition(".")[0] for name in sys.modules}}
import_runtime(contender)
before = packages()
load(contender)
print("onnxruntime" in before, sorted(packages() - before))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True []\n"


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
    folder: ModelFolder, few_digits: Path, tmp_path: Path
) -> None:
    folder.keras.touch()  # an original that nothing here can open
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_TENSORFLOW)
    code = f"""
import importlib.util, json
from edgecnn.bench.measure import measure
bench = measure([{str(folder.path)!r}], data={str(few_digits)!r}, duration={TINY_TIME})
print(json.dumps([
    importlib.util.find_spec("tensorflow"), [item.contender.name for item in bench.measurements], bench.missing
]))
"""
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    spec, names, missing = json.loads(done.stdout)
    assert spec is None
    assert names == ["onnxruntime float32", "onnxruntime int8"]
    assert missing == [
        "TensorFlow is not installed, so the original model is not measured: pip install 'edgecnn[train]' adds it"
    ]


def test_the_original_is_measured_beside_its_exports(exported: ModelFolder) -> None:
    bench = measure([exported.path], duration=0.1)
    table = {row.contender: row for row in rows(bench)}
    assert list(table) == [
        "TensorFlow predict",
        "TensorFlow model(x)",
        "TensorFlow tf.function",
        "onnxruntime float32",
        "onnxruntime int8",
    ]
    card = exported.card()
    assert card is not None
    assert bench.data == ("mnist",)
    for row in list(table.values())[:4]:  # float32 in every runtime: the same answers but for rounding
        assert row.agreement is not None
        assert row.agreement > 0.999
    assert table["TensorFlow tf.function"].accuracy == card.exports["model.onnx"].accuracy
    assert table["onnxruntime int8"].accuracy == card.exports["model.int8.onnx"].accuracy
    fastest = min(row.latency.p50_us for name, row in table.items() if name.startswith("TensorFlow"))
    float32 = table["onnxruntime float32"]
    assert float32.speedup == pytest.approx(fastest / float32.latency.p50_us)


def test_a_worker_is_not_led_astray_by_files_where_the_user_stands(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')")
    monkeypatch.chdir(tmp_path)
    assert measure([tiny.resolve()], duration=0.1).measurements[0].accuracy is not None
