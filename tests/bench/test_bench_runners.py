"""Every runtime, opened for real, answers as the Classifier does, for any batch, and can run nothing at all."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ai_edge_litert.interpreter
import make_empty
import numpy as np
import odd_models as odd
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from edgecnn.bench import Runtime
from edgecnn.bench.contenders import COMPILED, FROM_ONNX, TENSORFLOW_WAYS, Contender
from edgecnn.bench.runtimes import litert, onnx_conversion
from edgecnn.bench.runtimes.converted import MNN_FILE, NCNN_FOLDER
from edgecnn.bench.runtimes.litert_conversion import Conversion
from edgecnn.bench.runtimes.openvino import quiet_openvino
from edgecnn.bench.runtimes.runner import EMPTY, Runner, open_runner
from edgecnn.data import Dataset
from edgecnn.errors import BenchError, ExportError, ModelError
from edgecnn.folder import ModelFolder
from edgecnn.preprocessing import Preprocessing, to_plain
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.input_spec import ASSUMED, InputSpec
from edgecnn.training.backend import keras, tensorflow

pytestmark = pytest.mark.tensorflow
IMAGES = 200
SIZES = (1, 8, 3, 8, 1)  # batches, one after another
SCALE = 1 / 127.5
SCALED = Preprocessing((SCALE,))
ENTERED: list[tuple[Runtime, str]] = [
    *(("tensorflow", way) for way in TENSORFLOW_WAYS),
    ("onnxruntime", "float32"),
    ("onnxruntime", "int8"),
    ("openvino", "float32"),
    ("openvino", "int8"),
    ("litert", "float32"),
    ("litert", "int8"),
    ("litert", "float32-compiled"),
    ("litert", "int8-compiled"),
    ("ncnn", "float32"),
    ("mnn", "float32"),
]
FileOf = Callable[[Runtime, str], Path]
Open = Callable[[Runtime, str], Runner]
Call = tuple[tuple[Any, ...], dict[str, Any]]


def contender(runtime: Runtime, variant: str, file: Path, **changes: Any) -> Contender:
    """One thread, single images, pixels as they are, unless told otherwise."""
    name = f"{runtime}-{variant}"
    return replace(Contender(name, str(file.parent), runtime, variant, file, threads=1, batch=1), **changes)


def probabilities(pixels: NDArray[Any], weight: NDArray[Any]) -> NDArray[np.float64]:
    """What a Gemm and a Softmax make of images."""
    logits = pixels.reshape(len(pixels), -1).astype(np.float64) @ weight.astype(np.float64)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


@pytest.fixture(scope="module")
def images(mnist: Dataset) -> NDArray[np.uint8]:
    return mnist.test.images[:IMAGES]


@pytest.fixture(scope="module")
def converted(exported: ModelFolder, mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained model as LiteRT's float32 and int8 files."""
    folder = tmp_path_factory.mktemp("litert")
    calibration = folder / "calibration.npy"
    np.save(calibration, mnist.train.sample(200, seed=0).images)
    conversion = Conversion(folder)
    conversion.load(str(exported.keras))
    conversion.float32()
    conversion.int8(to_plain(Preprocessing()), str(calibration))
    return folder


@pytest.fixture(scope="module")
def from_onnx(exported: ModelFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained model as ncnn's and MNN's float32 and empty files."""
    folder = tmp_path_factory.mktemp("from_onnx")
    conversion = onnx_conversion.Conversion(folder)
    conversion.load(str(exported.onnx("float32")))
    conversion.mnn()
    if find_spec("pnnx"):
        conversion.ncnn()
    return folder


@pytest.fixture(scope="module")
def file_of(exported: ModelFolder, converted: Path, from_onnx: Path) -> FileOf:
    """The trained model's file for a runtime and variant."""

    def one(runtime: Runtime, variant: str) -> Path:
        match runtime:
            case "tensorflow":
                return exported.keras
            case "litert":
                return converted / f"{variant.removesuffix(COMPILED)}.tflite"
            case "mnn":
                return from_onnx / MNN_FILE
            case "ncnn":
                if find_spec("pnnx") is None:
                    pytest.skip("there is no converter for ncnn here: pip install --no-deps pnnx")
                return from_onnx / NCNN_FOLDER
            case _:
                return exported.onnx(variant)

    return one


@pytest.fixture(scope="module")
def open_(file_of: FileOf) -> Open:
    """Open the trained model in a runtime and variant, once."""
    opened: dict[tuple[Runtime, str], Runner] = {}

    def one(runtime: Runtime, variant: str) -> Runner:
        if (runtime, variant) not in opened:
            opened[runtime, variant] = open_runner(contender(runtime, variant, file_of(runtime, variant)))
        return opened[runtime, variant]

    return one


@pytest.fixture(scope="module")
def float_model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, NDArray[np.float32]]:
    """A Keras model of float pixels, Softmax of one Gemm, and its weights."""
    layers = keras("a test").layers
    dense = layers.Dense(10, use_bias=False, activation="softmax")
    model = keras("a test").Sequential([layers.Input((28, 28)), layers.Flatten(), dense])
    weight = np.random.default_rng(0).normal(0, 0.1, (784, 10)).astype(np.float32)
    dense.set_weights([weight])
    path = tmp_path_factory.mktemp("float") / "model.keras"
    model.save(path)
    return path, weight


@pytest.mark.parametrize(("runtime", "variant"), ENTERED)
def test_a_runtime_gives_the_labels_that_the_classifier_gives(
    runtime: Runtime,
    variant: str,
    open_: Open,
    exported: ModelFolder,
    images: NDArray[np.uint8],
) -> None:
    runner = open_(runtime, variant)
    answers = runner.infer(runner.prepare(images)).argmax(axis=1)
    precision = "int8" if variant.startswith("int8") else "float32"
    same = np.mean(answers == Classifier(exported.onnx(precision)).predict(images).argmax(axis=1))
    assert same == 1 if (runtime, variant) == ("onnxruntime", "int8") or precision == "float32" else same >= 0.99


@pytest.mark.parametrize(("runtime", "variant"), ENTERED)
def test_batch_sizes_may_change_from_query_to_query(
    runtime: Runtime, variant: str, open_: Open, images: NDArray[np.uint8]
) -> None:
    runner = open_(runtime, variant)
    whole = runner.infer(runner.prepare(images[:8]))
    for size in SIZES:
        scores = runner.infer(runner.prepare(images[:size]))
        assert scores.shape == (size, 10)
        np.testing.assert_allclose(scores, whole[:size], atol=1e-5)


@pytest.mark.parametrize(("runtime", "variant"), ENTERED)
def test_an_answer_is_not_overwritten_by_the_next_one(
    runtime: Runtime, variant: str, open_: Open, images: NDArray[np.uint8]
) -> None:
    runner = open_(runtime, variant)
    first = runner.infer(runner.prepare(images[:1]))
    kept = first.copy()
    assert (runner.infer(runner.prepare(images[1:2])) != kept).any()
    assert (first == kept).all()


@pytest.mark.parametrize(("runtime", "variant"), ENTERED)
def test_an_empty_model_returns_what_it_is_given(runtime: Runtime, variant: str, open_: Open) -> None:
    infer = open_(runtime, variant).empty()
    for size in (1, 8):
        given = np.arange(1, size + 1, dtype=np.uint8)[:, None]
        returned = infer(given)
        assert returned.dtype == (np.float32 if runtime in FROM_ONNX else np.uint8)
        assert returned.shape == given.shape
        if not variant.endswith(COMPILED):  # LiteRT 2.3 then returns what was in its buffer
            assert returned.tolist() == given.tolist()


@pytest.mark.parametrize("way", TENSORFLOW_WAYS)
def test_tensorflow_sees_a_float_models_pixels_scaled(
    way: str, float_model: tuple[Path, NDArray[np.float32]], images: NDArray[np.uint8]
) -> None:
    path, weight = float_model
    runner = open_runner(contender("tensorflow", way, path, preprocessing=SCALED))
    expected = probabilities(images * SCALE, weight)
    np.testing.assert_allclose(runner.infer(runner.prepare(images)), expected, atol=1e-5)


def test_litert_sees_a_float_models_pixels_scaled(
    float_model: tuple[Path, NDArray[np.float32]], images: NDArray[np.uint8], tmp_path: Path
) -> None:
    path, weight = float_model
    conversion = Conversion(tmp_path)
    conversion.load(str(path))
    conversion.float32()
    runner = open_runner(contender("litert", "float32", tmp_path / "float32.tflite", preprocessing=SCALED))
    expected = probabilities(images * SCALE, weight)
    np.testing.assert_allclose(runner.infer(runner.prepare(images)), expected, atol=1e-5)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_an_onnx_files_float_pixels_are_scaled(runtime: Runtime, images: NDArray[np.uint8], tmp_path: Path) -> None:
    model = odd.linear(dtype="float32", metadata={"input_scale": str(SCALE)})
    path = odd.save(model, tmp_path / "odd.onnx")
    runner = open_runner(contender(runtime, "odd", path, preprocessing=SCALED))
    prepared = runner.prepare(images)
    assert prepared.dtype == np.float32
    assert prepared.max() == 2
    expected = probabilities(images * SCALE, numpy_helper.to_array(model.graph.initializer[0]))
    np.testing.assert_allclose(runner.infer(prepared), expected, atol=1e-5)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_the_output_that_holds_the_classes_is_the_answer(
    runtime: Runtime, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    model = odd.linear()
    model.graph.output.insert(0, odd.value("cast", "float32", ["batch", 28, 28]))
    runner = open_runner(contender(runtime, "odd", odd.save(model, tmp_path / "odd.onnx")))
    np.testing.assert_allclose(runner.infer(runner.prepare(images)).sum(axis=1), 1, atol=1e-4)


def test_a_saved_model_is_run_as_a_function_and_compiled(
    float_model: tuple[Path, NDArray[np.float32]], images: NDArray[np.uint8], tmp_path: Path
) -> None:
    path, weight = float_model
    keras("a test").models.load_model(path).export(tmp_path / "saved_model", verbose=False)
    expected = probabilities(images * SCALE, weight)
    for way in ("function", "xla"):
        runner = open_runner(contender("tensorflow", way, tmp_path / "saved_model", preprocessing=SCALED))
        np.testing.assert_allclose(runner.infer(runner.prepare(images)), expected, atol=1e-5)
        assert runner.empty()(np.array([[7]], np.uint8)).tolist() == [[7]]


def test_a_model_of_a_fixed_batch_says_which_and_answers_in_it(tmp_path: Path) -> None:
    path = odd.save(odd.linear(batch=4), tmp_path / "odd.onnx")
    with pytest.raises(BenchError, match=r"odd\.onnx only takes batches of 4: give --batch 4"):
        open_runner(contender("onnxruntime", "odd", path))
    assert open_runner(contender("onnxruntime", "odd", path, batch=4)).answered == 4


def test_scoring_takes_batches_that_suit_the_runtime(tiny: Path, converted: Path) -> None:
    assert open_runner(contender("onnxruntime", "tiny", tiny, batch=8)).answered is None
    assert open_runner(contender("openvino", "tiny", tiny, batch=8)).answered == 8
    assert open_runner(contender("litert", "int8", converted / "int8.tflite", batch=8)).answered == 8


def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path, tiny: Path) -> None:
    path = tmp_path / "half.onnx"
    path.write_bytes(tiny.read_bytes()[:5000])
    with pytest.raises(ModelError, match=r"half\.onnx cannot be opened.* truncated"):
        open_runner(contender("onnxruntime", "half", path))


def spied_on(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[Call]:
    """What the module's function is called with from now on; it still does its work."""
    calls: list[Call] = []
    real = getattr(module, name)

    def spy(*arguments: Any, **named: Any) -> Any:
        calls.append((arguments, named))
        return real(*arguments, **named)

    monkeypatch.setattr(module, name, spy)
    return calls


def test_the_number_of_threads_reaches_onnxruntime(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = spied_on(monkeypatch, onnxruntime, "InferenceSession")
    runner = open_runner(contender("onnxruntime", "tiny", tiny, threads=2))
    runner.empty()
    assert [arguments[1].intra_op_num_threads for arguments, _ in calls] == [2, 2]


def test_the_number_of_threads_reaches_openvino(
    tiny: Path, images: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = spied_on(monkeypatch, quiet_openvino().Core, "compile_model")
    runner = open_runner(contender("openvino", "tiny", tiny, threads=2))
    runner.infer(runner.prepare(images[:1]))
    runner.empty()(np.zeros((1, 1), np.uint8))
    assert [arguments[-1]["INFERENCE_NUM_THREADS"] for arguments, _ in calls] == [2, 2]


def test_the_number_of_threads_reaches_litert(converted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = spied_on(monkeypatch, ai_edge_litert.interpreter, "Interpreter")
    runner = open_runner(contender("litert", "float32", converted / "float32.tflite", threads=2))
    runner.empty()
    assert [named["num_threads"] for _, named in calls] == [2, 2]


def test_openvino_compiles_a_batch_size_once(
    tiny: Path, images: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = spied_on(monkeypatch, quiet_openvino().Core, "compile_model")
    runner = open_runner(contender("openvino", "tiny", tiny))
    for size in SIZES:
        runner.infer(runner.prepare(images[:size]))
    assert len(calls) == len(set(SIZES))


def test_the_shipped_empty_model_is_what_its_script_makes() -> None:
    assert make_empty.make().SerializeToString() == EMPTY.read_bytes()


def test_the_shipped_empty_model_of_litert_is_what_its_script_makes() -> None:
    """Not the same bytes: a file has the versions of its converter."""
    made, shipped = (
        ai_edge_litert.interpreter.Interpreter(model_content=content)
        for content in (make_empty.make_tflite(), litert.EMPTY.read_bytes())
    )
    assert [tensor["shape_signature"].tolist() for tensor in made.get_tensor_details()] == [
        tensor["shape_signature"].tolist() for tensor in shipped.get_tensor_details()
    ]
    assert {str(tensor["dtype"]) for tensor in shipped.get_tensor_details()} == {"<class 'numpy.uint8'>"}


def test_quantized_numbers_at_the_ends_of_a_tflite_file_are_refused(tmp_path: Path, converted: Path) -> None:
    assert litert.interface(converted / "int8.tflite") == (InputSpec((28, 28), "uint8", ASSUMED), 10)
    tf = tensorflow("a test")
    network = tf.function(lambda x: tf.nn.softmax(tf.matmul(x, tf.eye(4))), input_signature=[tf.TensorSpec((1, 4))])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([network.get_concrete_function()])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([np.eye(4, dtype=np.float32)[at : at + 1]] for at in range(4))
    converter.inference_input_type = converter.inference_output_type = tf.int8
    (tmp_path / "int8.tflite").write_bytes(converter.convert())
    with pytest.raises(BenchError, match="quantized numbers: convert it with uint8 or float32 at both ends"):
        litert.interface(tmp_path / "int8.tflite")


def test_a_conversion_that_fails_is_said_in_its_first_line(tmp_path: Path) -> None:
    """An operator that LiteRT has not; TensorFlow's message ends with a page of its intermediate code."""
    tf = tensorflow("a test")

    def strange(image: Any) -> Any:
        ones = tf.ones_like(image)
        return tf.math.betainc(ones, ones, image)

    module = tf.Module()
    module.strange = tf.function(strange, input_signature=[tf.TensorSpec((None, 4, 4), tf.float32, name="image")])
    tf.saved_model.save(module, str(tmp_path / "saved_model"))
    conversion = Conversion(tmp_path)
    conversion.load(str(tmp_path / "saved_model"))
    with pytest.raises(ExportError, match=r"^[^\n]*'tf.Betainc' op is neither a custom op nor a flex op$"):
        conversion.float32()
    assert not (tmp_path / "float32.tflite").exists()


OPENING = """
import sys
from pathlib import Path
from edgecnn.bench.contenders import Contender
from edgecnn.bench.runtimes.runner import import_runtime, open_runner
contender = Contender("model", "model", {runtime!r}, {variant!r}, Path({file!r}), 2, 1, 1.0)
packages = lambda: {{name.partition(".")[0] for name in sys.modules}} - sys.stdlib_module_names
import_runtime(contender)
before = packages()
open_runner(contender)
print({package!r} in before, sorted(packages() - before))
assert sys.modules.get("openvino_telemetry") is None
if {package!r} == "tensorflow":
    threading = sys.modules["tensorflow"].config.threading
    print(threading.get_intra_op_parallelism_threads(), threading.get_inter_op_parallelism_threads())
"""


@pytest.mark.parametrize(
    ("runtime", "variant", "package"),
    [
        ("onnxruntime", "float32", "onnxruntime"),
        ("openvino", "float32", "openvino"),
        ("litert", "float32", "ai_edge_litert"),
        ("tensorflow", "function", "tensorflow"),
    ],
)
def test_what_is_imported_is_not_counted_as_loading(
    runtime: Runtime, variant: str, package: str, file_of: FileOf
) -> None:
    """In a process of its own, as a worker is: no package is imported after `import_runtime`."""
    code = OPENING.format(runtime=runtime, variant=variant, package=package, file=str(file_of(runtime, variant)))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    threads = ["2 2"] if package == "tensorflow" else []
    assert done.stdout.splitlines() == ["True []", *threads]


def test_a_converter_that_aborts_is_told_of(exported: ModelFolder, tmp_path: Path) -> None:
    conversion = onnx_conversion.Conversion(tmp_path)
    conversion.load(str(exported.onnx("int8")))
    with pytest.raises(ExportError, match="does not take this network"):
        conversion.mnn()


def test_a_model_of_any_size_is_not_converted(tmp_path: Path) -> None:
    path = odd.save(odd.linear((20, None, 3)), tmp_path / "odd.onnx")
    with pytest.raises(ExportError, match="any size"):
        onnx_conversion.Conversion(tmp_path).load(str(path))


def test_pixels_of_a_float_model_are_scaled_for_mnn(tmp_path: Path, images: NDArray[np.uint8]) -> None:
    path = odd.save(odd.linear(dtype="float32"), tmp_path / "odd.onnx")
    conversion = onnx_conversion.Conversion(tmp_path)
    conversion.load(str(path))
    conversion.mnn()
    runner = open_runner(contender("mnn", "float32", tmp_path / MNN_FILE, preprocessing=SCALED))
    classifier = Classifier(path, preprocessing=SCALED)
    np.testing.assert_allclose(runner.infer(runner.prepare(images)), classifier.predict(images), atol=1e-5)
