"""Models of other people, in every form that `export` takes: each file answers as the model does, or is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgecnn.errors import ExportError, ModelError, UsageError
from edgecnn.exporting.export import Exported, export
from edgecnn.folder import ModelFolder
from edgecnn.preprocessing import NAMED
from edgecnn.runtime.classifier import Classifier
from edgecnn.selection import USUAL, Selection
from edgecnn.training.backend import keras, tensorflow

pytestmark = pytest.mark.tensorflow
SIGNED = NAMED["-1..1"]
IMAGES = np.random.default_rng(0).integers(0, 256, (7, 8, 8), np.uint8)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def layers() -> Any:
    keras("a test").utils.set_random_seed(0)
    return keras("a test").layers


def answers(done: Exported) -> NDArray[np.float32]:
    return Classifier(done.path).predict(IMAGES)


def signed(images: NDArray[np.uint8] = IMAGES) -> NDArray[np.float32]:
    """The images as models that were trained on -1 to 1 take them, worked out by hand."""
    return (images.astype(np.float32) / np.float32(127.5) - np.float32(1))[..., None]


def fixed_batch(layers: Any) -> Any:
    return layers.Input(batch_shape=(1, 8, 8, 1)), layers.Flatten()


def stateful(layers: Any) -> Any:
    return layers.Input(batch_shape=(1, 8, 8, 1)), layers.GRU(4, stateful=True)


def channels_first(layers: Any) -> Any:
    return layers.Input((1, 8, 8)), layers.Flatten()


def policy(name: str) -> Callable[[Any], Any]:
    def build(layers: Any) -> Any:
        keras("a test").mixed_precision.set_global_policy(name)
        return layers.Input((8, 8, 1), dtype="float32"), layers.Flatten()

    build.__name__ = name
    return build


ROUNDING = {"float16": 2e-3, "mixed_float16": 2e-3, "bfloat16": 2e-2, "mixed_bfloat16": 2e-2, "float64": 1e-6}


@pytest.mark.parametrize("build", [fixed_batch, stateful, channels_first, *map(policy, ROUNDING)])
def test_a_model_of_a_rare_form_answers_as_in_keras(build: Callable[[Any], Any], layers: Any) -> None:
    try:
        image, first = build(layers)
        x = image
        if build is stateful:
            x = layers.Reshape((8, 8))(x)
        model = keras("a test").Model(image, layers.Dense(3, activation="softmax")(first(x)))
    finally:
        keras("a test").mixed_precision.set_global_policy("float32")
    model.save("rare.keras")
    pixels = np.moveaxis(signed(), -1, 1) if build is channels_first else signed()
    expected = []
    for row in pixels:
        for layer in model.layers:
            if hasattr(layer, "reset_states"):
                layer.reset_states()
        expected.append(np.asarray(model(row[None]), np.float32)[0])
    done = export("rare.keras", preprocess=SIGNED)
    assert np.abs(answers(done) - expected).max() <= ROUNDING.get(build.__name__, 1e-5)


def test_one_sigmoid_becomes_two_classes(layers: Any) -> None:
    image = layers.Input((8, 8, 1))
    model = keras("a test").Model(image, layers.Dense(1, activation="sigmoid")(layers.Flatten()(image)))
    model.save("pair.keras")
    second = np.asarray(model(signed()))[:, 0]
    done = export("pair.keras", preprocess=SIGNED)
    assert np.abs(answers(done) - np.stack([1 - second, second], axis=1)).max() <= 1e-5


def test_several_sigmoids_are_kept(layers: Any) -> None:
    image = layers.Input((8, 8, 1))
    model = keras("a test").Model(image, layers.Dense(4, activation="sigmoid")(layers.Flatten()(image)))
    model.save("tags.keras")
    done = export("tags.keras", preprocess=SIGNED)
    assert np.abs(answers(done) - model(signed())).max() <= 1e-5
    assert any("on its own" in note for note in done.notes)


def test_a_free_picture_size_is_that_of_the_data(layers: Any, here: Path) -> None:
    image = layers.Input((None, None, 1))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(image))
    model = keras("a test").Model(image, layers.Dense(3, activation="softmax")(x))
    model.save("free.keras")
    with pytest.raises(ExportError, match=r"pictures of any size: give --data"):
        export("free.keras", preprocess=SIGNED)
    labels = np.arange(30) % 3
    images = np.resize(IMAGES, (30, 8, 8))
    np.savez("data.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    done = export("free.keras", preprocess=SIGNED, data="data.npz")
    assert np.abs(answers(done) - model(signed())).max() <= 1e-5
    assert Classifier(done.path).input.image_size == (8, 8, False)
    assert done.card.preprocessing is not None
    assert done.card.preprocessing.size == (8, 8)


def two_headed(layers: Any, *, keys: bool) -> Any:
    image = layers.Input((8, 8, 1))
    x = layers.Flatten()(image)
    shape, shade = layers.Dense(3, activation="softmax", name="a"), layers.Dense(4, activation="softmax", name="b")
    outputs = {"shape": shape(x), "shade": shade(x)} if keys else [shape(x), shade(x)]
    return keras("a test").Model(image, outputs)


@pytest.mark.parametrize(("keys", "output"), [(True, "shade"), (False, "b")])
def test_one_of_several_outputs_is_exported(keys: bool, output: str, layers: Any) -> None:
    model = two_headed(layers, keys=keys)
    model.save("two.keras")
    with pytest.raises(ModelError, match=rf"2 outputs, .*{output}.*--output NAME"):
        export("two.keras", preprocess=SIGNED)
    with pytest.raises(UsageError, match=rf"no output 'hue': --output takes .*{output}"):
        export("two.keras", preprocess=SIGNED, output="hue")
    returned = model(signed())
    done = export("two.keras", preprocess=SIGNED, output=output)
    assert np.abs(answers(done) - returned["shade" if keys else 1]).max() <= 1e-5
    assert done.card.selection == Selection(output=output)
    again = export(done.path.parent, preprocess=SIGNED)  # of the original in its folder, by the card
    assert again.card.selection == Selection(output=output)
    other = export(done.path.parent, preprocess=SIGNED, output="shape" if keys else "a")
    assert len(other.card.labels) == 3
    assert list(other.card.exports) == ["model.onnx"]


def test_one_of_several_signatures_is_exported(layers: Any) -> None:
    tf = tensorflow("a test")
    module = tf.Module()
    module.weight = tf.Variable(np.random.default_rng(0).normal(0, 0.1, (64, 3)).astype(np.float32))

    def signature(sign: float) -> Any:
        @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 1], tf.float32)])  # type: ignore[untyped-decorator]
        def call(image: Any) -> Any:
            return {"digits": tf.nn.softmax(sign * tf.reshape(image, [-1, 64]) @ module.weight)}

        return call

    tf.saved_model.save(module, "several", signatures={"plain": signature(1), "turned": signature(-1)})
    with pytest.raises(ModelError, match=r"2 signatures, plain or turned, .*--signature NAME"):
        export("several", preprocess=SIGNED)
    found = {name: answers(export("several", preprocess=SIGNED, signature=name)) for name in ("plain", "turned")}
    expected = tf.nn.softmax(-signed().reshape(7, 64) @ module.weight)
    assert np.abs(found["turned"] - expected).max() <= 1e-5
    assert np.abs(found["turned"] - found["plain"]).max() > 0.01
    card = ModelFolder(Path("models/several")).card()
    assert card is not None
    assert card.selection == Selection("turned")
    with pytest.raises(UsageError, match="no signature 'odd': --signature takes plain or turned"):
        export("several", signature="odd")


def test_a_keras_file_has_no_signatures(layers: Any) -> None:
    two_headed(layers, keys=True).save("two.keras")
    with pytest.raises(UsageError, match="only a SavedModel has signatures"):
        export("two.keras", signature="serving_default", output="shade")


def test_the_usual_signature_is_not_told(layers: Any) -> None:
    image = layers.Input((8, 8, 1))
    model = keras("a test").Model(image, layers.Dense(3, activation="softmax")(layers.Flatten()(image)))
    model.export("saved", verbose=False)  # with two signatures that are the same
    done = export("saved", preprocess=SIGNED)
    assert done.card.selection == USUAL
    assert np.abs(answers(done) - model(signed())).max() <= 1e-5


def test_nothing_is_assumed_of_a_model_that_is_written(layers: Any) -> None:
    image = layers.Input((8, 8, 1))
    learned = layers.Dense(3, bias_initializer="random_normal")
    keras("a test").Model(image, learned(layers.Flatten()(image))).save("mute.keras")
    with pytest.raises(ExportError, match=r"does not say how it wants its pixels: give --data .* --preprocess"):
        export("mute.keras")
    assert not Path("models").exists()


def test_a_model_that_was_never_trained_is_exported_with_an_assumption(layers: Any) -> None:
    stack = [layers.Input((28, 28, 1)), layers.MaxPooling2D(7), layers.Conv2D(4, 3), layers.BatchNormalization()]
    pools = [layers.GlobalAveragePooling2D(), layers.Dense(10, activation="softmax")]
    model = keras("a test").Sequential([*stack, *pools])
    model.save("new.keras")
    assert any("never trained" in note and "0..1" in note for note in export("new.keras").notes)
    model.layers[-1].bias.assign(np.linspace(-0.1, 0.1, 10))
    model.save("learned.keras")
    with pytest.raises(ExportError, match="--preprocess"):
        export("learned.keras")


@pytest.mark.parametrize("mode", ["int8", "float8"])
def test_a_model_that_keras_has_quantized_is_refused_with_the_way_to_do_it(mode: str, layers: Any) -> None:
    model = keras("a test").Sequential([layers.Input((28, 28)), layers.Flatten(), layers.Dense(10)])
    model.quantize(mode)
    model.save("small.keras")
    with pytest.raises(ExportError, match="save it before"):
        export("small.keras")
