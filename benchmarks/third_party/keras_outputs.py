"""Keras networks that differ in what they return, in their numeric types and in the form of their file."""

from typing import Any

from benchmarks.third_party.network import Table
from benchmarks.third_party.parts import CLASSES, COLOR, DIGITS, convolutions, softmax, stack, usual

NETWORKS = Table()
add = NETWORKS.add


def _ending(k: Any, *last: Any) -> Any:
    return stack(k, DIGITS, *convolutions(k), *last)


@add("logits, for a loss with from_logits", scores="logits")
def logits(k: Any) -> Any:
    return _ending(k, k.layers.Dense(CLASSES))


@add("logits, pixels of 0 to 255", scores="logits", pixels="0..255")
def raw_logits(k: Any) -> Any:
    return _ending(k, k.layers.Dense(CLASSES))


@add("log-softmax", scores="log-probabilities", pixels="mnist")
def log_softmax(k: Any) -> Any:
    return _ending(k, k.layers.Dense(CLASSES, activation="log_softmax"))


@add("one sigmoid for two classes", scores="one", data="two")
def one_sigmoid(k: Any) -> Any:
    return _ending(k, k.layers.Dense(1, activation="sigmoid"))


@add("one logit for two classes, -1 to 1", scores="one logit", data="two", pixels="-1..1")
def one_logit(k: Any) -> Any:
    return _ending(k, k.layers.Dense(1))


@add("two classes by softmax", data="two")
def two_classes(k: Any) -> Any:
    return _ending(k, softmax(k, 2))


@add("a sigmoid for each class", scores="independent")
def sigmoids(k: Any) -> Any:
    return _ending(k, k.layers.Dense(CLASSES, activation="sigmoid"))


@add("softmax as a layer of a nested model")
def softmax_nested(k: Any) -> Any:
    head = k.Sequential([k.layers.Input((32,)), k.layers.Dense(CLASSES), k.layers.Softmax()], name="head")
    return _ending(k, head)


@add("softmax over [1, 1, classes], flattened")
def fully_convolutional(k: Any) -> Any:
    layers = k.layers
    convolved = [layers.Conv2D(width, 3, strides=2, activation="relu") for width in (16, 32)]
    return stack(k, DIGITS, *convolved, layers.Conv2D(CLASSES, 6), layers.Flatten(), layers.Softmax())


@add("[1, 1, classes], not flattened", refused=True, trained=False)
def not_flattened(k: Any) -> Any:
    return stack(k, DIGITS, *convolutions(k)[:2], k.layers.Conv2D(CLASSES, 6), k.layers.Softmax())


@add("trained with labels smoothed by a tenth", scores="smoothed")
def smoothed_labels(k: Any) -> Any:
    return usual(k)


@add("trained with labels smoothed by a tenth, color, -1 to 1", scores="smoothed", data="color", pixels="-1..1")
def smoothed_labels_color(k: Any) -> Any:
    return usual(k, COLOR)


@add("percentages, neither logits nor probabilities", scores="percent")
def percentages(k: Any) -> Any:
    return _ending(k, softmax(k), k.layers.Rescaling(100.0))


def _two_outputs(k: Any, trained: Any) -> Any:
    return k.Model(trained.inputs, [trained.outputs[0], trained.layers[-2].output])


@add("two outputs, classes and features", publish=_two_outputs, refused=True)
def two_outputs(k: Any) -> Any:
    return usual(k)


@add("an output in a dictionary", publish=lambda k, trained: k.Model(trained.inputs[0], {"digit": trained.outputs[0]}))
def dictionary(k: Any) -> Any:
    return usual(k)


@add("two inputs", refused=True, trained=False)
def two_inputs(k: Any) -> Any:
    image, other = k.layers.Input(DIGITS), k.layers.Input((3,))
    x = k.layers.Concatenate()([k.layers.Flatten()(image), other])
    return k.Model([image, other], softmax(k)(x))


@add("a picture as output, an autoencoder", refused=True, trained=False)
def autoencoder(k: Any) -> Any:
    return stack(k, DIGITS, k.layers.Conv2D(1, 3, padding="same"))


@add("mixed_float16 policy", policy="mixed_float16")
def mixed_float16(k: Any) -> Any:
    return usual(k)


@add("mixed_bfloat16 policy", policy="mixed_bfloat16")
def mixed_bfloat16(k: Any) -> Any:
    return usual(k)


def _in_float16(k: Any, trained: Any) -> Any:
    """The network with weights of 16 bits; the trained one keeps the same numbers, to compare with."""
    trained.set_weights([weight.astype("float16").astype("float32") for weight in trained.get_weights()])
    k.config.set_dtype_policy("float16")
    published = usual(k)
    published.set_weights(trained.get_weights())
    return published


@add("float16 policy: weights too", publish=_in_float16)
def float16(k: Any) -> Any:
    return usual(k)


@add("float64 policy", policy="float64")
def float64(k: Any) -> Any:
    return usual(k)


def _int8(k: Any, trained: Any) -> Any:
    trained.quantize("int8")
    return trained


@add("int8 policy: quantized by Keras", publish=_int8, is_changed=True, refused=True)
def keras_int8(k: Any) -> Any:
    return usual(k)


@add(
    "float8 policy: quantized by Keras",
    publish=lambda _, trained: trained.quantize("float8") or trained,
    is_changed=True,
    refused=True,
)
def keras_float8(k: Any) -> Any:
    return usual(k)


@add("HDF5 of Keras 3", form="h5")
def hdf5(k: Any) -> Any:
    return usual(k)


@add("HDF5 of Keras 2, Sequential", form="keras 2", pixels="-1..1")
def keras_2_sequential(k: Any) -> Any:
    return usual(k)


@add("HDF5 of Keras 2, Functional with residuals and BatchNormalization", form="keras 2", data="color")
def keras_2_functional(k: Any) -> Any:
    layers = k.layers
    image = layers.Input(COLOR)
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(image)
    inside = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(layers.DepthwiseConv2D(3, padding="same")(x)))
    x = layers.Flatten()(layers.MaxPooling2D()(layers.Add()([x, inside])))
    return k.Model(image, softmax(k)(x))


@add("SavedModel by model.export", form="export")
def exported(k: Any) -> Any:
    return usual(k)


@add(
    "SavedModel by model.export, logits, color, 0 to 255", form="export", data="color", pixels="0..255", scores="logits"
)
def exported_logits(k: Any) -> Any:
    return stack(k, COLOR, k.layers.Rescaling(1 / 255), *convolutions(k), k.layers.Dense(CLASSES))


@add("SavedModel of a subclass of Model, by model.export", form="export")
def subclass_exported(k: Any) -> Any:
    return _subclassed(k)


@add("a subclass of Model with get_config, as .keras", refused=True, trained=False)
def subclass(k: Any) -> Any:
    return _subclassed(k)


@add("SavedModel by tf.saved_model.save with several signatures", form="saved model")
def signatures(k: Any) -> Any:
    return usual(k)


def _subclassed(k: Any) -> Any:
    class Theirs(k.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.parts = [*convolutions(k), softmax(k)]

        def call(self, x: Any) -> Any:
            for part in self.parts:
                x = part(x)
            return x

        def get_config(self) -> dict[str, Any]:
            return {}

    model = Theirs()
    model.build((None, *DIGITS))
    model.input_shape = (None, *DIGITS)
    return model
