"""Quantizing for real: what is tried, what is chosen, what is written and what is refused."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import odd_models as odd
import onnx
import onnxruntime
import pytest
from shared_fixtures import Run

import edgecnn.quantizing.search as searching
from edgecnn.card import Card
from edgecnn.data import Dataset
from edgecnn.data.dataset import Split
from edgecnn.errors import DataError, ExportError, InputError, ModelError, VerificationError
from edgecnn.files import sha256
from edgecnn.folder import ModelFolder
from edgecnn.host import machine
from edgecnn.metrics import Accuracy
from edgecnn.progress import Progress
from edgecnn.quantizing import quantize as quantizing
from edgecnn.quantizing import write
from edgecnn.quantizing.decision import Decision
from edgecnn.quantizing.evaluator import Evaluator, Timing
from edgecnn.quantizing.quantize import quantize
from edgecnn.quantizing.result import QuantizationResult
from edgecnn.quantizing.schemes import S8S8, U8S8_REDUCED, Target, int8_for, is_here
from edgecnn.quantizing.session_tuning import Tuning, tune
from edgecnn.runtime.arithmetic import needs_exact_products
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.settings import Settings, stored

ANY_DROP = 5.0  # percentage points: what a briefly trained network loses is not the subject


def describe_again(float32: Path) -> None:
    """Make the folder's card be about the file as it is now."""
    folder = ModelFolder(float32.parent)
    card = folder.card()
    assert card is not None
    folder.write_card(card.with_export(float32.name, replace(card.exports[float32.name], sha256=sha256(float32))))


def operators(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(path).graph.node]


@pytest.fixture
def float32(exported: ModelFolder, tmp_path: Path) -> Path:
    """A float32 model in a folder of its own, with its card."""
    folder = ModelFolder(tmp_path / "model")
    folder.prepare()
    folder.onnx("float32").write_bytes(exported.onnx("float32").read_bytes())
    card = exported.card()
    assert card is not None
    folder.write_card(replace(card, exports={"model.onnx": card.exports["model.onnx"]}))
    return folder.onnx("float32")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rounds and no tuning: what is chosen does not matter to the test."""
    monkeypatch.setattr(searching, "GUIDE_ROUNDS", 5)
    monkeypatch.setattr(searching, "JUDGE_ROUNDS", 5)
    monkeypatch.setattr(write, "tune", lambda *_: Tuning(Settings(), (), ()))


def few_images(dataset: Dataset) -> Dataset:
    """The same images to train with, and the first 1,200 to validate and 1,000 to test."""
    validation, test = dataset.validation, dataset.test
    return replace(
        dataset,
        validation=Split("validation", validation.images[:1200], validation.labels[:1200]),
        test=Split("test", test.images[:1000], test.labels[:1000]),
    )


@pytest.fixture
def few(mnist: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Score on fewer images, which are not loaded anew for each quantization."""
    monkeypatch.setattr(quantizing, "find_dataset", lambda *_, **__: few_images(mnist))


@pytest.fixture
def clock(quick: None, few: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], float]], None]:
    """Have a function of a candidate's name say how many times as fast as float32 it is, on fewer images."""
    monkeypatch.setattr(searching.Search, "by_cost", lambda *_: ())

    def set_speeds(speed: Callable[[str], float]) -> None:
        def race(_: Any, candidates: list[Any], count: int) -> list[Timing]:
            steps = [100 + at % 3 for at in range(count)]
            return [
                Timing(tuple(step / speed(item.name) for step in steps), tuple(map(float, steps)))
                for item in candidates
            ]

        monkeypatch.setattr(Evaluator, "race", race)

    return set_speeds


@pytest.mark.slow
def test_what_ships_was_measured_faster_and_is_as_accurate(
    float32: Path, few: None, mnist: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real thing, on the real clock, with fewer rounds: whichever way it goes, the report must say so."""
    monkeypatch.setattr(searching, "GUIDE_ROUNDS", 5)
    monkeypatch.setattr(searching, "JUDGE_ROUNDS", 9)
    monkeypatch.setattr(write, "tune", partial(tune, count=5))
    seen: list[Progress] = []
    before = onnx.load(float32)
    done = quantize(float32, progress=seen.append)
    assert {trial.candidate.name for trial in done.trials} >= {
        "as exported",
        "channels-last",
        "space-to-depth 1×4",
        "space-to-depth 2×2",
    }
    assert sum("percentile" in trial.candidate.name for trial in done.trials) == 1
    assert len({trial.candidate for trial in done.trials}) == len(done.trials) >= 8
    assert all(trial.validation.images == 1200 and trial.timing for trial in done.trials)
    if done.chosen is None:
        assert done.path == float32
        assert onnx.load(float32).graph == before.graph
    else:
        assert done.chosen.timing is not None
        low = done.chosen.timing.speedup.low
        assert low is not None
        assert low > 1
        assert done.chosen.drop <= 0.1
        assert sha256(float32) == sha256(float32.parent / "model.onnx")
        assert done.path == float32.with_name("model.int8.onnx")
    test = few_images(mnist).test
    correct = (Classifier(done.path).predict(test.images).argmax(axis=1) == test.labels).sum()
    assert done.after == Accuracy("test", int(correct), 1000)
    assert {item.doing for item in seen} >= {"timing graphs", "timing candidates", "tuning the session"}
    assert all(item.done <= item.steps for item in seen)


def test_the_decision_is_in_the_file_and_the_card(float32: Path, clock: Any) -> None:
    clock(lambda name: 2.0 if name == "channels-last" else 1.5)
    done = quantize(float32, max_drop=ANY_DROP)
    assert done.chosen is not None
    assert done.chosen.candidate.name == "channels-last"
    metadata = Classifier(done.path).metadata
    decision, made = metadata.decision, metadata.quantization
    assert (decision["chosen"], decision["max_drop"]) == ("channels-last", ANY_DROP)
    assert decision["reason"].startswith("int8 is 2.00 (2.00 to 2.00) times as fast as float32 here; it loses")
    rows = {row["name"]: row for row in decision["candidates"]}
    assert rows["channels-last"]["speedup"] == [2.0, 2.0, 2.0]
    assert {row["verdict"] for row in rows.values()} <= {"passes", "less accurate"}
    assert (made["graph"], made["kept_float"], made["calibration"]["method"]) == ("channels-last", [], "minmax")
    assert made["timing"].startswith("timed on ")
    card = ModelFolder(float32.parent).card()
    assert card is not None
    record = card.exports["model.int8.onnx"]
    assert record.quantization == made
    assert record.sha256 == sha256(done.path)
    assert [len(row["rounds_us"]) for row in record.decision["candidates"]] == [5] * len(rows)
    assert len(metadata.entries()["edgecnn.decision"]) < 4000  # beside a model of 40,000 bytes


def test_float32_stays_where_nothing_is_faster(float32: Path, clock: Any) -> None:
    clock(lambda _: 0.9)
    earlier = float32.with_name("model.int8.onnx")
    earlier.write_bytes(b"earlier")
    graph = onnx.load(float32).graph
    done = quantize(float32, max_drop=ANY_DROP)
    assert (done.path, done.chosen, done.removed) == (float32, None, earlier)
    best = "the best, as exported, is 1.11× slower (1.11 to 1.11) than float32"
    assert done.reason == f"no int8 candidate is shown to be faster here: {best}"
    assert onnx.load(float32).graph == graph
    assert done.before == done.after
    assert not earlier.exists()
    card = ModelFolder(float32.parent).card()
    assert card is not None
    assert list(card.exports) == ["model.onnx"]
    record = card.exports["model.onnx"]
    assert (record.precision, record.quantization, record.sha256) == ("float32", {}, sha256(float32))
    assert record.decision["chosen"] == "float32"
    assert record.max_difference is not None
    assert record.max_difference > 0  # against TensorFlow, not against itself
    assert Classifier(float32).metadata.decision["chosen"] == "float32"
    again = quantize(float32, scheme="float16")  # it is not a quantized file
    assert again.path == float32.with_name("model.fp16.onnx")


def test_where_float32_stays_for_another_machine_nothing_changes(
    float32: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be timed here deletes nothing that was made for there."""
    other: Target = "x86-64" if is_here("arm64") else "arm64"
    float32.with_name(f"model.int8.{other}.onnx").write_bytes(b"earlier")
    monkeypatch.setattr(searching.Search, "run", lambda _: searching.Found((), Decision(None, "too inexact"), ()))
    before = {path.name: path.read_bytes() for path in float32.parent.iterdir()}
    clock(lambda _: 2.0)
    done = quantize(float32, target=other)
    assert (done.path, done.chosen, done.removed) == (float32, None, None)
    assert done.before == done.after
    assert {path.name: path.read_bytes() for path in float32.parent.iterdir()} == before


def test_a_neighbor_lends_no_card(float32: Path, clock: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`other.onnx` beside a model's files gets a card of its own, which is about every file in its folder."""
    clock(lambda _: 2.0)
    monkeypatch.chdir(tmp_path)
    other = float32.with_name("other.onnx")
    other.write_bytes(float32.read_bytes())
    done = quantize(other)
    folder = ModelFolder(Path("models/other"))
    assert Card.from_json(done.card.to_json()) == folder.card()
    assert (done.card.name, done.card.training) == ("other", None)
    assert set(done.card.exports) == {"model.onnx", "model.int8.onnx"}
    assert folder.undescribed(done.card) == ()
    with pytest.raises(ExportError, match=r"card\.json is about other files than other\.onnx: give --out DIR"):
        quantize(other, out=float32.parent)


def test_a_file_that_was_replaced_since_its_card_is_refused(float32: Path, clock: Any) -> None:
    clock(lambda _: 2.0)
    model = onnx.load(float32)
    model.doc_string = "another"
    onnx.save(model, float32)
    with pytest.raises(ModelError, match=r"card\.json is about another model\.onnx"):
        quantize(float32)


def test_a_lucky_candidate_has_to_be_faster_again(float32: Path, clock: Any) -> None:
    times: dict[str, int] = {}

    def speed(name: str) -> float:
        times[name] = times.get(name, 0) + 1
        alone = name == "space-to-depth 2×2" and times[name] > 3 * 5  # its third race is the one that counts
        return 0.8 if alone else {"space-to-depth 2×2": 3.0, "channels-last": 1.2}.get(name, 1.0)

    clock(speed)
    done = quantize(float32, max_drop=ANY_DROP)
    assert done.chosen is not None
    assert done.chosen.candidate.name == "channels-last"
    lucky = next(trial for trial in done.trials if trial.candidate.name == "space-to-depth 2×2")
    assert lucky.timing is not None
    assert lucky.timing.speedup.value == pytest.approx(0.8)


def test_the_settings_of_this_host_go_into_the_file(
    float32: Path, clock: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    best = Settings(arena=False)
    monkeypatch.setattr(write, "tune", lambda *_: Tuning(best, (), ()))
    clock(lambda _: 2.0)
    done = quantize(float32)
    assert Classifier(done.path).settings == best
    other = stored(Classifier(done.path).metadata.settings, "another host", onnxruntime.__version__)
    assert other == Settings()
    assert list(Classifier(done.path).metadata.settings) == [machine.fingerprint()]


def test_test_images_choose_nothing(float32: Path, clock: Any, mnist: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """With other test images and labels the same file is made, but for the accuracy that it tells."""
    clock(lambda name: 2.0 if name == "channels-last" else 1.5)
    first = onnx.load(quantize(float32).path)
    test = few_images(mnist).test
    noise = np.random.default_rng(0).integers(0, 256, test.images.shape, np.uint8)
    wrong = replace(few_images(mnist), test=replace(test, images=noise, labels=(test.labels + 1) % 10))
    monkeypatch.setattr(quantizing, "find_dataset", lambda *_, **__: wrong)
    done = quantize(float32)
    second = onnx.load(done.path)
    assert done.after.value < 0.5
    assert first.graph == second.graph
    texts = [{item.key: item.value for item in model.metadata_props} for model in (first, second)]
    assert {key for key in texts[0] if texts[0][key] != texts[1][key]} == {"edgecnn.accuracy"}


def test_calibration_is_recorded_and_the_same_each_time(float32: Path, quick: None, few: None, mnist: Dataset) -> None:
    first, again = (quantize(float32, scheme="static") for _ in range(2))
    made = first.record.quantization["calibration"]
    assert made == again.record.quantization["calibration"]
    assert (made["data"], made["split"], made["images"], made["seed"]) == ("mnist", "train", 512, 0)
    assert {len(made[key]) for key in ("sha256", "indices_sha256")} == {64}
    fewer = quantize(float32, scheme="static", calibration_images=20)
    assert fewer.record.quantization["calibration"]["images"] == 20
    assert any("20 calibration images are few" in note for note in fewer.notes)
    own = quantize(float32, mnist.train.images[:100], scheme="static")
    assert own.record.quantization["calibration"]["data"] == "given images"


@pytest.mark.parametrize(
    ("images", "error", "words"),
    [
        (np.zeros((0, 28, 28), np.uint8), DataError, "there are no calibration images"),
        (np.zeros((64, 28, 28), np.uint8), DataError, "every pixel of the calibration images is 0"),
        (np.random.default_rng(0).random((64, 28, 28), np.float32), InputError, "from 0 to 1 with"),
        (np.arange(64 * 784).reshape(64, 28, 28).astype(np.uint8) % 2, DataError, "pixels from 0 to 1"),
        (np.zeros((64, 32, 32), np.uint8), InputError, r"expected uint8 \[batch, 28, 28\]"),
    ],
)
def test_calibration_images_that_do_not_suit(images: Any, error: Any, words: str, float32: Path) -> None:
    before = sorted(path.read_bytes() for path in float32.parent.iterdir())
    with pytest.raises(error, match=words):
        quantize(float32, images)
    assert sorted(path.read_bytes() for path in float32.parent.iterdir()) == before


def spoilt(model: Any, change: Callable[[Any], None]) -> Any:
    change(model)
    return model


def without_numbers(model: Any) -> None:
    odd.filled(model, float("nan"))


def two_inputs(model: Any) -> None:
    model.graph.input.append(odd.value("more", "uint8", ["batch", 28, 28]))


def no_input(model: Any) -> None:
    del model.graph.input[:]
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros((1, 28, 28), np.uint8), "image"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without_numbers, "NaN or infinite weights, in weight"),
        (two_inputs, "has 2 inputs"),
        (no_input, "has 0 inputs"),
    ],
)
def test_models_that_cannot_be_quantized(change: Any, words: str, tmp_path: Path) -> None:
    path = odd.save(spoilt(odd.linear(), change), tmp_path / "odd.onnx")
    before = path.read_bytes()
    with pytest.raises((ExportError, ModelError), match=words):
        quantize(path, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert path.read_bytes() == before


def test_a_quantized_file_is_not_quantized_again(exported: ModelFolder) -> None:
    with pytest.raises(ExportError, match="is already quantized: give the float32 file it was made from"):
        quantize(exported.onnx("int8"))


def test_an_old_opset_is_raised(tmp_path: Path, quick: None) -> None:
    path = odd.save(odd.linear(opset=11, ir_version=6), tmp_path / "old.onnx")
    done = quantize(path, scheme="static", out=tmp_path / "out")
    assert onnx.load(done.path).opset_import[0].version >= 13
    assert done.record.agreement is not None
    assert done.record.agreement > 0.95


def test_operators_without_int8_stay_float(tmp_path: Path, quick: None) -> None:
    model = odd.linear()
    gemm = next(node for node in model.graph.node if node.op_type == "Gemm")
    gemm.output[0] = "before"
    position = list(model.graph.node).index(gemm)
    model.graph.node.insert(position + 1, onnx.helper.make_node("Sin", ["before"], ["logits"]))
    done = quantize(odd.save(model, tmp_path / "odd.onnx"), scheme="static", out=tmp_path / "out")
    assert set(operators(done.path)) == {"DequantizeLinear", "Flatten", "Gemm", "Sin", "Softmax"}


@pytest.mark.parametrize(
    ("target", "name", "activations", "reduced"),
    [("x86-64", "int8.x86-64", "uint8", True), ("arm64", "int8.arm64", "int8", False), ("any", "int8", "uint8", True)],
)
def test_another_target_gets_a_file_by_rule(
    target: Any, name: str, activations: str, reduced: bool, float32: Path, few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecnn.quantizing.schemes.architecture", lambda: "riscv64")  # which is none of them
    done = quantize(float32, target=target)
    assert done.path.name == f"model.{name}.onnx"
    details = done.record.quantization
    assert (details["activations"], details["weights"], details["reduce_range"]) == (activations, "int8", reduced)
    assert (details["timing"], details["graph"]) == ("not timed on its target", "space-to-depth 1×4")
    assert done.tuning is None
    assert all(trial.timing is None for trial in done.trials)
    assert done.reason.startswith("int8 by rule, not timed on its target; it loses")
    model = onnx.load(done.path)
    stored_weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    kernels = [array for array in stored_weights.values() if array.ndim == 4]
    assert len(kernels) == sum(node.op_type == "Conv" for node in onnx.load(float32).graph.node)
    assert {array.dtype for array in kernels} == {np.dtype(np.int8)}
    assert max(int(np.abs(array.astype(int)).max()) for array in kernels) == (64 if reduced else 127)
    assert model.ir_version == 8


def test_named_targets_do_not_depend_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert [int8_for(name) for name in ("x86-64", "arm64", "any")] == [U8S8_REDUCED, S8S8, U8S8_REDUCED]
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert (int8_for("host"), is_here("arm64"), is_here("any")) == (S8S8, True, False)


@pytest.mark.parametrize(("target", "exact"), [("host", True), ("host", False), ("x86-64", True)])
def test_eight_bit_weights_are_tried_for_this_very_processor_only(
    target: Any, exact: bool, float32: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecnn.quantizing.schemes.architecture", lambda: "x86-64")
    monkeypatch.setattr(searching, "multiplies_int8_exactly", lambda: exact)
    clock(lambda name: 3.0 if "8-bit" in name else 2.0)
    done = quantize(float32, target=target)
    names = [trial.candidate.name for trial in done.trials if "8-bit weights" in trial.candidate.name]
    assert names == (["as exported, 8-bit weights"] if exact and target == "host" else [])
    assert done.chosen is not None
    assert done.chosen.candidate.form.reduce_range == (not names)
    assert done.record.quantization["arithmetic"] == ("fast on x86-64 with VNNI" if names else "fast on every x86-64")
    assert needs_exact_products(done.path) == bool(names)


def test_eight_bit_weights_that_are_no_faster_do_not_ship(
    float32: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecnn.quantizing.schemes.architecture", lambda: "x86-64")
    monkeypatch.setattr(searching, "multiplies_int8_exactly", lambda: True)
    clock(lambda _: 2.0)
    done = quantize(float32)
    assert done.chosen is not None
    assert done.chosen.candidate.form.reduce_range


@pytest.mark.parametrize(("scheme", "name", "operator"), [
    ("dynamic", "model.dynamic.onnx", "ConvInteger"),
    ("float16", "model.fp16.onnx", "Conv"),
])  # fmt: skip
def test_other_schemes_are_smaller_and_as_accurate(
    scheme: Any, name: str, operator: str, float32: Path, clock: Any
) -> None:
    clock(lambda _: 0.4)
    done = quantize(float32, scheme=scheme)
    assert done.path == float32.with_name(name)
    assert operator in operators(done.path)
    assert done.record.bytes < 0.65 * done.bytes_before
    assert done.before.correct - done.after.correct <= 3
    assert Classifier(done.path).labels == Classifier(float32).labels
    assert Classifier(done.path).input.dtype == "uint8"
    warning = (
        f"{scheme} is not shown to be faster here: 2.50× slower (2.50 to 2.50) than float32, so it only saves space"
    )
    assert done.notes == (warning,)


def test_a_named_scheme_that_is_faster_comes_without_a_warning(float32: Path, clock: Any) -> None:
    clock(lambda _: 1.4)
    assert quantize(float32, scheme="static").notes == ()


def test_a_foreign_model_takes_its_own_images(tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = odd.save(odd.linear((8, 8, 3), classes=5), tmp_path / "mine.onnx")
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (600, 8, 8, 3), np.uint8), np.arange(600) % 5
    np.savez("mine.npz", x_train=images, y_train=labels, x_test=images[:200], y_test=labels[:200])
    with pytest.raises(ExportError, match="give --data"):
        quantize(path)
    done = quantize(path, data="mine.npz", scheme="static")
    assert done.path == Path("models/mine/model.int8.onnx")
    assert done.record.quantization["calibration"]["data"] == str(tmp_path / "mine.npz")
    described = Classifier(done.path.parent / "model.onnx")
    assert not described.is_foreign
    assert (described.predict(images) == Classifier(path).predict(images)).all()
    small = quantize(path, scheme="float16", data="mine.npz")
    onnx.checker.check_model(small.path, full_check=True)


@pytest.fixture
def unquantizable(float32: Path) -> Path:
    """Weights that int8 cannot hold: one huge weight in each output channel, on a pixel that is always 0."""
    model = onnx.load(float32)
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor).copy() for tensor in model.graph.initializer}
    arrays["conv3_weight"][0], arrays["conv3_bias"][0], arrays["gemm1_weight"][:9] = 0, 0, 1e4
    for tensor in model.graph.initializer:
        tensor.CopyFrom(onnx.numpy_helper.from_array(arrays[tensor.name], tensor.name))
    onnx.save(model, float32)
    describe_again(float32)
    float32.with_name("model.int8.onnx").write_bytes(b"earlier")
    return float32


def test_a_failed_quantization_leaves_the_earlier_file(unquantizable: Path, quick: None, few: None) -> None:
    before = sorted((path.name, path.read_bytes()) for path in unquantizable.parent.iterdir())
    with pytest.raises(VerificationError, match="static would lower the accuracy from"):
        quantize(unquantizable, scheme="static")
    assert sorted((path.name, path.read_bytes()) for path in unquantizable.parent.iterdir()) == before


def test_what_int8_hurts_stays_float(unquantizable: Path, clock: Any) -> None:
    """All of it in int8 is useless; without the matrix product that it hurts, it is as good as before."""
    clock(lambda _: 2.0)
    done = quantize(unquantizable)
    assert done.chosen is not None
    assert "gemm1" in done.chosen.candidate.kept_float
    assert done.chosen.drop <= 0.1
    assert {trial.candidate.name for trial in done.trials} >= {"as exported", done.chosen.candidate.name}


def test_explain_prints_every_candidate(edgecnn: Run, float32: Path) -> None:
    done = edgecnn("export", float32, "--quantize", "--target", "any", "--explain", "--calibration-images", "64")
    assert done.returncode == 0, done.stderr
    for name in ("space-to-depth 1×4", "percentile", "entropy", "per tensor", "not timed on its target", "chosen"):
        assert name in done.stdout
    assert done.stderr == ""


def test_bad_options_and_models_are_one_line(edgecnn: Run, float32: Path, tmp_path: Path) -> None:
    none = edgecnn("export", float32, "--quantize", "--calibration-images", "0")
    assert (none.returncode, none.stdout) == (1, "")
    assert none.stderr == "error: cannot calibrate with 0 images: use 512, or at least 32\n"
    two = odd.save(spoilt(odd.linear(), two_inputs), tmp_path / "two.onnx")
    refused = edgecnn("export", two, "--quantize", cwd=tmp_path)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    assert not (tmp_path / "models").exists()


def test_the_report_is_made_of_plain_values(float32: Path, clock: Any) -> None:
    clock(lambda _: 2.0)
    done = quantize(float32)
    assert isinstance(done, QuantizationResult)
    assert done.timed
    assert done.chosen is not None
    assert done.chosen.timing is not None
    assert done.chosen.timing.speedup.low == pytest.approx(2.0)
    assert done.card.to_json() == (float32.parent / "card.json").read_text()
