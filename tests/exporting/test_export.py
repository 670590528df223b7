"""Exporting for real: the house's recipes and foreign Keras models, through tf2onnx into onnxruntime."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import little_nets as nets
import numpy as np
import odd_models as odd
import onnx
import pytest
from onnx import helper

from edgecnn.data import Dataset, load
from edgecnn.errors import DataError, ExportError, InputError, ModelError, VerificationError
from edgecnn.exporting import verify
from edgecnn.exporting.conversion import convert
from edgecnn.exporting.export import export
from edgecnn.exporting.original import load_original
from edgecnn.files import sha256
from edgecnn.folder import ModelFolder
from edgecnn.graph.cleanup import clean
from edgecnn.metrics import Accuracy
from edgecnn.origin import Origin
from edgecnn.preprocessing import NAMED
from edgecnn.recipes import RECIPES, find_recipe
from edgecnn.runtime import outliers
from edgecnn.runtime.classifier import Classifier
from edgecnn.training import networks
from edgecnn.training.backend import keras, tensorflow
from edgecnn.training.train import train

pytestmark = pytest.mark.tensorflow
CLEAN = {"Cast", "Reshape", "Conv", "Relu", "MaxPool", "Flatten", "Gemm", "Softmax"}
GLOBAL_POOL = {"GlobalAveragePool", "Squeeze"}


def operators(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(path).graph.node]


@pytest.fixture(scope="module")
def layers() -> Any:
    keras("a test").utils.set_random_seed(0)  # weights at random could give two labels the same chance
    return keras("a test").layers


def settle_batch_norms(model: Any) -> Any:
    """Statistics and scales as training would leave them: fresh ones would hide a wrong fold."""
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if "batch_norm" in layer.name:
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape).astype(np.float32) for w in layer.get_weights()])
    return model


def residual(layers: Any) -> Any:
    """32×32 color, scaled to ±1: residual Add, depthwise and separable convolutions, Concatenate, average pools."""
    image = layers.Input((32, 32, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = layers.Conv2D(16, 3, padding="same", use_bias=False)(x)
    x = left = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.Conv2D(16, 1)(layers.ReLU(6.0)(layers.BatchNormalization()(x)))
    x = layers.Add()([x, left])
    x = layers.Concatenate()(
        [layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x), layers.AveragePooling2D(2)(x)]
    )
    x = layers.SeparableConv2D(32, 3, activation="swish")(layers.BatchNormalization()(x))
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    return keras("a test").Model(image, layers.Dense(5, activation="softmax")(x))


def odd_sizes(layers: Any) -> Any:
    """20×30 color as uint8: explicit padding, leaky ReLU, dilation, two flattened branches joined."""
    image = layers.Input((20, 30, 3), dtype="uint8")
    x = layers.ZeroPadding2D(1)(layers.Rescaling(1 / 255)(image))
    x = layers.LeakyReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, strides=2)(x)))
    x = layers.AveragePooling2D(2, padding="same")(x)
    x = layers.Conv2D(8, 3, dilation_rate=2, padding="same")(x)
    x = layers.Concatenate()([layers.Flatten()(x), layers.GlobalAveragePooling2D()(x)])
    return keras("a test").Model(image, layers.Dense(3, activation="softmax")(layers.BatchNormalization()(x)))


def any_size(layers: Any) -> Any:
    image = layers.Input((None, None, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(layers.Rescaling(1 / 255)(image))
    return keras("a test").Model(image, layers.Dense(4, activation="softmax")(layers.GlobalMaxPooling2D()(x)))


def squeeze_and_excite(layers: Any) -> Any:
    """Pre-activation residual blocks and a dense layer on four dimensions."""
    image = layers.Input((28, 28, 1))
    x = layers.Conv2D(16, 3, padding="same")(image)
    x = layers.Add()([x, layers.Conv2D(16, 3, padding="same")(layers.ReLU()(layers.BatchNormalization()(x)))])
    gate = layers.Dense(16, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.Reshape((-1, 16))(layers.Multiply()([x, gate]))
    return keras("a test").Model(image, layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling1D()(x)))


def logits_only(layers: Any) -> Any:
    return keras("a test").Sequential(
        [layers.Input((28, 28)), layers.Flatten(), layers.Dense(16, activation="relu"), layers.Dense(10)]
    )


def flat(layers: Any) -> Any:
    """All pixels in one dimension, as in the first tutorials."""
    return keras("a test").Sequential(
        [layers.Input((784,)), layers.Dense(16, activation="relu"), layers.Dense(10, activation="softmax")]
    )


FOREIGN = [residual, odd_sizes, any_size, squeeze_and_excite, logits_only, flat]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_exported_graph_is_clean(exported: ModelFolder) -> None:
    model = onnx.load(exported.onnx("float32"))
    assert {node.op_type for node in model.graph.node} == CLEAN
    assert [node.name for node in model.graph.node][:4] == ["cast1", "reshape1", "conv1", "relu1"]
    assert [value.name for value in model.graph.input] == ["image"]
    assert [value.name for value in model.graph.output] == ["probabilities"]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert (model.ir_version, model.opset_import[0].version) == (8, 17)


@pytest.fixture(scope="module")
def digits(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MNIST's first 300 test images, and images to train with of each digit."""
    path, train, test = tmp_path_factory.mktemp("data") / "digits.npz", mnist.train, mnist.test
    np.savez(
        path,
        x_train=train.images[:60],
        y_train=train.labels[:60],
        x_test=test.images[:300],
        y_test=test.labels[:300],
    )
    return path


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_exports_clean(name: str, digits: Path, tmp_path: Path) -> None:
    model = settle_batch_norms(networks.build(RECIPES[name], (28, 28), 10))
    # Fresh weights with σ = 1 give logits of some 1e5, whose float32 rounding alone exceeds what is asked for.
    model.set_weights([weight * min(1.0, 0.05 / max(weight.std(), 1e-9)) for weight in model.get_weights()])
    folder = ModelFolder(tmp_path)
    model.save(folder.keras)
    done = export(tmp_path, data=digits)
    assert set(operators(folder.onnx("float32"))) <= CLEAN | GLOBAL_POOL
    assert done.comparison.max_difference <= 1e-5
    assert done.comparison.agreement == 1


def test_color_images_need_no_transpose(layers: Any, here: Path) -> None:
    model = networks.build(RECIPES["edge"], (32, 40, 3), 7)
    settle_batch_norms(model).save("color.keras")
    done = export("color.keras")
    assert set(operators(done.path)) == CLEAN


def test_the_file_describes_itself(exported: ModelFolder) -> None:
    metadata = Classifier(exported.onnx("int8")).metadata
    card = exported.card()
    assert card is not None
    assert card.data is not None
    assert metadata.labels == tuple("0123456789")
    assert metadata.dataset == Origin("mnist", card.data.sha256)
    assert metadata.original_sha256 == sha256(exported.keras)
    assert metadata.recipe == "edge"
    assert {"tensorflow", "tf2onnx", "onnx", "onnxruntime"} <= set(metadata.versions)
    calibration = metadata.quantization["calibration"]
    assert (calibration["images"], calibration["split"]) == (512, "train")
    record = card.exports["model.int8.onnx"]
    assert record.accuracy is not None
    assert metadata.accuracy == record.accuracy


def test_the_recorded_accuracy_is_what_the_file_scores(exported: ModelFolder, mnist: Dataset) -> None:
    card = exported.card()
    assert card is not None
    for precision in ("float32", "int8"):
        path = exported.onnx(precision)
        correct = (Classifier(path).predict(mnist.test.images).argmax(axis=1) == mnist.test.labels).sum()
        record = card.exports[path.name]
        assert record.accuracy == Accuracy("test", int(correct), 10_000)
        assert record.sha256 == sha256(path)


def noise(path: Path, classes: int, shape: tuple[int, ...] = (48, 48, 3)) -> Path:
    """A data set of random images."""
    images = np.random.default_rng(2).integers(0, 256, (60, *shape), np.uint8)
    labels = np.arange(60) % classes
    np.savez(path, x_train=images, y_train=labels, x_test=images[:20], y_test=labels[:20])
    return path


@pytest.mark.parametrize("build", FOREIGN)
def test_a_foreign_model_exports_to_the_same_answers(build: Callable[[Any], Any], layers: Any, here: Path) -> None:
    model = settle_batch_norms(build(layers))
    model.save("mine.keras")
    data = noise(Path("noise.npz"), 4) if build is any_size else None
    done = export("mine.keras", preprocess=NAMED["0..1"], data=data)  # it is not trained, so its answers do not tell
    assert done.path == Path("models/mine/model.onnx")
    assert ModelFolder(Path("models/mine")).original() == Path("models/mine/model.keras")
    shape = (5, *(size or 48 for size in model.inputs[0].shape[1:]))
    images = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    classifier = Classifier(done.path)
    expected = model(classifier.input.preprocessing.apply(images) if model.inputs[0].dtype != "uint8" else images)
    if build is logits_only:
        assert any("Softmax was added" in note for note in done.notes)
        expected = tensorflow("a test").nn.softmax(expected)
    assert np.abs(classifier.predict(images) - expected).max() <= 1e-5
    assert not {"Shape", "Gather", "MatMul", "Slice"}.intersection(operators(done.path))


CONVERTED = """\
import sys
from hashlib import sha256
from pathlib import Path
from edgecnn.exporting.conversion import convert
from edgecnn.exporting.original import load_original
for path in sys.argv[1:]:
    print(sha256(convert(load_original(Path(path)), 17).SerializeToString(deterministic=True)).hexdigest())
"""


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["0", pytest.param("1", marks=pytest.mark.long)])
def test_the_same_model_always_becomes_the_same_bytes(setting: str, layers: Any, here: Path) -> None:
    """Late in this process and early in another, whatever kernels TensorFlow takes and however Python hashes."""
    for build in FOREIGN:
        settle_batch_norms(build(layers)).save(f"{build.__name__}.keras")
    files = sorted(map(str, here.glob("*.keras")))
    other = subprocess.Popen(
        [sys.executable, "-c", CONVERTED, *files],
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": setting, "PYTHONHASHSEED": setting},
        stdout=subprocess.PIPE,
        text=True,
    )
    found = [
        hashlib.sha256(convert(load_original(Path(file)), 17).SerializeToString(deterministic=True)).hexdigest()
        for file in (*files, *files)
    ]
    assert other.communicate()[0].split() == found[: len(files)]
    assert found[: len(files)] == found[len(files) :]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_shape_that_was_left_computed_becomes_a_constant(order: tuple[int, int]) -> None:
    """As TensorFlow's optimizer now and then leaves a dense layer on four dimensions, the nodes in any order."""
    make = helper.make_node
    branches = [
        [make("Gather", ["shape", "free"], ["rows"]), make("ReduceProd", ["rows"], ["count"], keepdims=1)],
        [make("Gather", ["shape", "last"], ["columns"]), make("ReduceProd", ["columns"], ["width"], keepdims=1)],
    ]
    nodes = [
        make("GlobalAveragePool", ["image"], ["mean"]),
        make("Shape", ["mean"], ["shape"]),
        *(node for at in order for node in branches[at]),
        make("Concat", ["count", "width"], ["target"], axis=0),
        make("Reshape", ["mean", "target"], ["flat"]),
        make("MatMul", ["flat", "weight"], ["product"]),
        make("Softmax", ["product"], ["answer"]),
    ]
    constants = {
        "free": np.array([0, 2, 3]),
        "last": np.array([1]),
        "weight": np.random.default_rng(0).normal(0, 1, (6, 5)).astype(np.float32),
    }
    image, answer = odd.value("image", "float32", ["n", 6, 4, 4]), odd.value("answer", "float32", ["n", 5])
    model = odd.model_of(nodes, [image], [answer], constants)
    expected = nets.run(model, np.ones((3, 6, 4, 4), np.float32))
    clean(model, "image", "probabilities")
    assert [node.op_type for node in model.graph.node] == ["GlobalAveragePool", "Flatten", "Gemm", "Softmax"]
    assert [tensor.name for tensor in model.graph.initializer] == ["gemm1_weight"]
    assert np.abs(nets.run(model, np.ones((3, 6, 4, 4), np.float32)) - expected).max() < 1e-6


def test_batch_norm_is_folded_into_every_kind_of_convolution(layers: Any, here: Path) -> None:
    settle_batch_norms(residual(layers)).save("mine.keras")
    done = export("mine.keras")
    assert done.card.preprocessing == NAMED["0..255"]  # it scales pixels itself
    found = operators(done.path)
    assert found.count("Transpose") == 0
    assert "BatchNormalization" not in found
    assert found[:4] == ["Mul", "Add", "Reshape", "Conv"]  # an offset cannot pass zero padding, so it stays
    assert found[found.index("Conv", 5) + 1] == "Clip"  # depthwise, its batch norm gone


@pytest.mark.parametrize("name", ["mine.keras", "mine.h5", "mine_saved"])
def test_keras_h5_and_saved_model_export_alike(name: str, layers: Any, here: Path, mnist: Dataset) -> None:
    image = layers.Input((28, 28, 1))
    x = layers.MaxPooling2D(2)(layers.Conv2D(8, 3, activation="relu")(image))
    model = keras("a test").Model(image, layers.Dense(10, activation="softmax")(layers.Flatten()(x)))
    model.export(name, verbose=False) if name == "mine_saved" else model.save(name)
    done = export(name, preprocess=NAMED["0..1"])
    assert operators(done.path) == ["Reshape", "Conv", "Relu", "MaxPool", "Flatten", "Gemm", "Softmax"]
    images = mnist.test.images[:64]
    (scale,) = Classifier(done.path).input.preprocessing.scale
    expected = model(images[..., None] * np.float32(scale))
    assert np.abs(Classifier(done.path).predict(images) - expected).max() <= 1e-5
    assert ModelFolder(done.path.parent).original() is not None


def test_a_float_model_is_given_the_pixel_scale_that_scores_best(layers: Any, here: Path, mnist: Dataset) -> None:
    for scale, name in ((255.0, "unit.keras"), (1.0, "raw.keras")):
        image = layers.Input((28, 28))
        x = layers.Flatten()(layers.Rescaling(scale / 255)(image))
        model = keras("a test").Model(image, layers.Dense(10, activation="softmax")(x))
        pixels = mnist.train.images[:3000] / np.float32(scale)
        # A ridge regression is a fair classifier only on pixels of the size it was fitted for.
        flat = (pixels * np.float32(scale / 255)).reshape(3000, -1) - 0.13
        targets = np.eye(10, dtype=np.float32)[mnist.train.labels[:3000]]
        weights = np.linalg.solve(flat.T @ flat + 10 * np.eye(784), flat.T @ targets) * 10
        model.layers[-1].set_weights([weights, -0.13 * weights.sum(axis=0)])
        model.save(name)
        found = export(name).card.preprocessing
        assert found is not None
        assert found.scale == pytest.approx((1 / scale,))


def test_images_of_another_form_are_refused(exported: ModelFolder, here: Path) -> None:
    images, labels = np.zeros((20, 16, 16), np.uint8), np.arange(20) % 10
    np.savez("small.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    with pytest.raises(InputError, match=r"expected uint8 \[batch, 28, 28\]"):
        export(exported.path, data="small.npz", out=here / "out")
    images, labels = np.zeros((20, 28, 28), np.uint8), np.arange(20) % 3 + 20
    np.savez("three.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    with pytest.raises(DataError, match="has 3 classes, but the model has 10"):
        export(exported.path, data="three.npz", out=here / "out")
    assert not (here / "out").exists()


@pytest.mark.parametrize("opset", [13, 15, 18])
def test_other_opsets(opset: int, exported: ModelFolder, tmp_path: Path) -> None:
    done = export(exported.path, opset=opset, out=tmp_path)
    assert onnx.load(done.path).opset_import[0].version == opset
    assert (tmp_path / "model.keras").exists()


def test_a_model_that_answers_otherwise_is_refused() -> None:
    reference = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)
    verify.require_equal(verify.compare(reference, reference), "model.onnx")
    verify.require_equal(verify.compare(reference + np.float32(2e-5), reference), "model.onnx", allowed=3e-5)
    for wrong in (reference + np.float32(2e-5), reference[:, ::-1], reference * np.nan):
        with pytest.raises(VerificationError, match=r"model\.onnx differs from the original.*nothing was written"):
            verify.require_equal(verify.compare(wrong, reference), "model.onnx")


def test_a_failed_export_leaves_the_earlier_file(layers: Any, here: Path) -> None:
    image = layers.Input((28, 28))
    x = layers.Dense(10, activation="softmax")(layers.Flatten()(layers.Activation("gelu")(image)))
    keras("a test").Model(image, x).save("gelu.keras")
    earlier = Path("models/gelu/model.onnx")
    earlier.parent.mkdir(parents=True)
    earlier.write_bytes(b"earlier")
    with pytest.raises(VerificationError, match="--tolerance"):
        export("gelu.keras", tolerance=1e-9, preprocess=NAMED["0..255"])
    assert [path.name for path in earlier.parent.iterdir()] == ["model.onnx"]
    assert earlier.read_bytes() == b"earlier"


def test_what_rounding_explains_is_accepted(layers: Any, here: Path) -> None:
    """A network whose logits are in the hundreds rounds by more than a shallow one of small numbers."""
    image = layers.Input((28, 28))
    x = layers.Dense(10, activation="softmax")(layers.Flatten()(layers.Activation("gelu")(image)))
    keras("a test").Model(image, x).save("gelu.keras")
    done = export("gelu.keras", preprocess=NAMED["0..255"])
    assert done.comparison.max_difference < verify.NEVER_MORE


@pytest.mark.parametrize("name", ["lambda.keras", "lambda.h5"])
def test_a_lambda_layer_is_not_run(name: str, layers: Any, here: Path) -> None:
    model = keras("a test").Sequential(
        [layers.Input((28, 28)), layers.Lambda(lambda x: x * 2), layers.Flatten(), layers.Dense(10)]
    )
    model.save(name)
    with pytest.raises(ModelError, match="holds a Lambda layer, and code in model files is never run"):
        export(name)
    assert not Path("models").exists()


def test_damaged_and_missing_originals_are_refused(exported: ModelFolder, here: Path) -> None:
    Path("cut.keras").write_bytes(exported.keras.read_bytes()[:3000])
    Path("text.h5").write_text("no model")
    Path("empty").mkdir()
    (Path("saved") / "variables").mkdir(parents=True)
    (Path("saved") / "saved_model.pb").write_bytes(b"\x08")
    for name, words in {
        "cut.keras": "cut.keras",
        "text.h5": "text.h5 is damaged or not a Keras model",
        "empty": "empty holds none of model.keras",
        "saved": "saved/saved_model.pb is damaged",
        "nowhere.keras": "nowhere.keras does not exist",
    }.items():
        with pytest.raises((ModelError, ExportError), match=words):
            export(name)
    assert not Path("models").exists()


def test_models_of_another_form_are_refused(layers: Any, here: Path) -> None:
    model = keras("a test").Model
    two = [layers.Input((28, 28)), layers.Input((28, 28))]
    model(two, layers.Dense(10)(layers.Flatten()(layers.Add()(two)))).save("two.keras")
    image = layers.Input((28, 28))
    model(image, layers.Dense(5)(image)).save("map.keras")
    row = layers.Input((783,))  # not those of a square image
    model(row, layers.Dense(10)(row)).save("row.keras")
    for name, words in {
        "two.keras": "2 inputs",
        "map.keras": r"returns \[4, 28, 5\]",
        "row.keras": "takes float32",
    }.items():
        with pytest.raises(ExportError, match=words):
            export(name)


def test_onnx_files_of_edgecnn_are_not_exported(exported: ModelFolder) -> None:
    with pytest.raises(ExportError, match="describes itself: add --quantize"):
        export(exported.onnx("float32"))


def test_data_that_has_changed_since_training_is_refused(exported: ModelFolder, tmp_path: Path) -> None:
    card = exported.card()
    assert card is not None
    assert card.data is not None
    folder = ModelFolder(tmp_path)
    folder.keras.write_bytes(exported.keras.read_bytes())
    for data, words in (
        (replace(card.data, sha256="0" * 64), "mnist has changed since the model was trained"),
        (replace(card.data, name="gone"), "gone, the data .* is not here"),
    ):
        folder.write_card(replace(card, data=data, exports={}))
        with pytest.raises(DataError, match=words):
            export(tmp_path)


def test_a_label_is_uncertain_below_what_nearly_all_right_validation_labels_reach(
    exported: ModelFolder, mnist: Dataset
) -> None:
    classifier, validation = Classifier(exported.onnx("float32")), mnist.validation
    confidence = classifier.metadata.confidence
    assert confidence is not None
    probabilities = classifier.predict(validation.images)
    right = probabilities.max(axis=1)[probabilities.argmax(axis=1) == validation.labels]
    assert 0.994 < np.mean(right >= confidence) < 0.996
    assert Classifier(exported.onnx("int8")).metadata.confidence == confidence


def test_what_training_images_look_like_travels_in_the_file(exported: ModelFolder, mnist: Dataset) -> None:
    classifier = Classifier(exported.onnx("float32"))
    known = classifier.metadata.outliers
    assert known is not None
    images = mnist.validation.images
    assert 0.0045 < classifier.outliers(images, classifier.predict(images)).mean() <= 0.005
    limitless = outliers.fit(mnist.train.images, mnist.train.labels, 10)
    assert limitless is not None
    assert (known.means, known.spread) == (limitless.means, limitless.spread)
    assert Classifier(exported.onnx("int8")).metadata.outliers == known


@pytest.mark.parametrize(("treatment", "tells"), [("digit", True), ("scale", False)])
def test_outliers_are_told_of_networks_that_read_digits_only(here: Path, treatment: str, tells: bool) -> None:
    source = odd.save(odd.linear(metadata={"edgecnn.treatment": treatment}), here / "source.onnx")
    metadata = Classifier(export(source).path).metadata
    assert metadata.confidence is not None
    assert (metadata.outliers is not None) == tells


def test_a_network_trained_on_digits_of_ones_own_reads_photographs_too(few_digits: Path, here: Path) -> None:
    """What the images look like counts, not the name of the data set."""
    trained = train(find_recipe("nano"), load(few_digits), ModelFolder(here / "mine"), epochs=1)
    metadata = Classifier(export(trained.folder.path).path).metadata
    assert metadata.treatment == "digit"
    assert metadata.outliers is None  # so few images do not tell what one in 200 is
