"""Make two third-party networks of colored digits, for quantization tests: [NETWORK ...]

    mobilenet-v2  inverted residuals with depthwise convolutions and ReLU6, width 0.35, for 96×96 in color: Sandler et
                  al., CVPR 2018, table 2
    resnet-20     3 × 3 residual blocks of 16, 32 and 64 channels for 32×32 in color: He et al., CVPR 2016, section 4.2

Both are trained for a few minutes on MNIST digits that are enlarged, moved and colored. The data, the Keras model and
the ONNX file from `edgecnn export` go to build/color-digits/<network>/, unless they exist already.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.lib import paths
from benchmarks.models import reference_recipes
from edgecnn.data import Split, load
from edgecnn.files import atomic
from edgecnn.folder import ModelFolder
from edgecnn.training.backend import keras

WORK = paths.BUILD / "color-digits"
PURPOSE = "training the third-party networks"
DATA = "mnist, enlarged, moved and colored"
SEED = 0
TEST_IMAGES = 5_000
BATCH_SIZE, PEAK_RATE, WARM_UP = 64, 2e-3, 0.15  # WARM_UP is a share of the steps
BATCH_NORM_MOMENTUM = 0.9  # fits 1,000 steps; with the papers' 0.99 the statistics would still contain the first steps
DIGIT = 28  # pixels
MOBILENET_WIDTH, CHANNEL_MULTIPLE = 0.35, 8
# Expansion, channels, blocks, stride of the first block. Source: table 2 of the paper.
INVERTED_RESIDUALS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


@dataclass(frozen=True)
class Network:
    """A third-party network and its training.

    `size` is the height and width of its images in pixels, and `enlarged` the factor by which digits are enlarged. Of
    its `images`, every twelfth is for validation; the others are for training.
    """

    name: str
    size: int
    enlarged: int
    images: int
    epochs: int
    build: Callable[[Any], Any]  # from an image, float32 [batch, size, size, 3], to features [batch, channels]

    @property
    def folder(self) -> Path:
        return WORK / self.name

    @property
    def data(self) -> Path:
        return self.folder / "data.npz"


def main(names: Sequence[str]) -> None:
    for name in names or NETWORKS:
        make(NETWORKS[name])


def make(network: Network) -> None:
    """Make the network's data, Keras model and ONNX file, unless they exist. `edgecnn export` makes the ONNX file."""
    folder = ModelFolder(network.folder)
    if not network.data.exists():
        save_data(network)
    if not folder.keras.exists():
        started = time.perf_counter()
        accuracy = train(network)
        print(f"{network.name}: {accuracy:.2%} test, {time.perf_counter() - started:.0f} s", flush=True)
    if not folder.onnx("float32").exists():
        reference_recipes.run("export", str(folder.keras), "--data", str(network.data), "--out", str(folder.path))


def save_data(network: Network) -> None:
    mnist = load()
    rng = np.random.default_rng(SEED)
    train, test = mnist.train.sample(network.images, SEED), mnist.test.sample(TEST_IMAGES, SEED)
    with atomic(network.data) as path:
        np.savez_compressed(
            path,
            x_train=colored(train, network, rng),
            y_train=train.labels,
            x_test=colored(test, network, rng),
            y_test=test.labels,
        )


def colored(split: Split, network: Network, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Put each digit at a random place of a larger image, in a random color on another, either one the lighter."""
    room = network.size - network.enlarged * DIGIT
    images = np.empty((len(split), network.size, network.size, 3), np.uint8)
    for image, digit in zip(images, split.images, strict=True):
        enlarged = digit.repeat(network.enlarged, axis=0).repeat(network.enlarged, axis=1)
        top, left = rng.integers(0, room + 1, 2)
        ink = np.pad(enlarged, ((top, room - top), (left, room - left)))[..., None] / 255
        dark, light = rng.uniform(0, 100, 3), rng.uniform(155, 255, 3)
        paper, pen = (dark, light) if rng.integers(2) else (light, dark)
        image[:] = (paper + ink * (pen - paper)).round()
    return images


def train(network: Network) -> float:
    """Train, write `model.keras`, and return its accuracy on the test images."""
    module = keras(PURPOSE)
    module.utils.set_random_seed(SEED)
    data = load(network.data)
    model = assembled(network, len(data.labels))
    steps = network.epochs * -(-len(data.train) // BATCH_SIZE)
    warm_up = int(WARM_UP * steps)
    rate = module.optimizers.schedules.CosineDecay(
        PEAK_RATE / 25, steps - warm_up, warmup_target=PEAK_RATE, warmup_steps=warm_up
    )
    # Without XLA, Keras's default: it compiles depthwise convolutions for a minute and then runs them slower.
    model.compile(
        module.optimizers.AdamW(rate), "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False
    )
    model.fit(data.train.images, data.train.labels, batch_size=BATCH_SIZE, epochs=network.epochs, verbose=2)
    with atomic(ModelFolder(network.folder).keras) as path:
        model.save(path)
    _, accuracy = model.evaluate(data.test.images, data.test.labels, batch_size=250, verbose=0)
    return float(accuracy)


def assembled(network: Network, classes: int) -> Any:
    """An untrained model from `image`, uint8 [batch, size, size, 3], to `probabilities`, float32 [batch, classes]."""
    layers = keras(PURPOSE).layers
    image = layers.Input((network.size, network.size, 3), dtype="uint8", name="image")
    features = network.build(layers.Rescaling(1 / 127.5, offset=-1)(image))
    scores = layers.Dense(classes)(layers.GlobalAveragePooling2D()(features))
    return keras(PURPOSE).Model(image, layers.Softmax(name="probabilities")(scores))


def mobilenet_v2(x: Any) -> Any:
    x = relu6(convolved(x, wide(32), 3, 2))
    for expansion, channels, blocks, stride in INVERTED_RESIDUALS:
        for number in range(blocks):
            x = inverted_residual(x, expansion, wide(channels), 1 if number else stride)
    return relu6(convolved(x, 1280, 1))  # the paper does not apply the width here


def inverted_residual(x: Any, expansion: int, channels: int, stride: int) -> Any:
    """A block that widens, convolves depthwise, and narrows again without an activation; then the input is added."""
    layers = keras(PURPOSE).layers
    inside = x if expansion == 1 else relu6(convolved(x, expansion * x.shape[-1], 1))
    inside = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(inside)
    inside = convolved(relu6(normalized(inside)), channels, 1)
    return layers.Add()([x, inside]) if stride == 1 and x.shape[-1] == channels else inside


def resnet_20(x: Any) -> Any:
    x = keras(PURPOSE).layers.ReLU()(convolved(x, 16, 3))
    for channels in (16, 32, 64):
        for number in range(3):
            x = residual(x, channels, 2 if channels > 16 and not number else 1)
    return x


def residual(x: Any, channels: int, stride: int) -> Any:
    """Two convolutions plus their input. If the sizes differ, the input passes a 1×1 convolution (option B)."""
    layers = keras(PURPOSE).layers
    inside = layers.ReLU()(convolved(x, channels, 3, stride))
    inside = convolved(inside, channels, 3)
    shortcut = x if stride == 1 else convolved(x, channels, 1, stride)
    return layers.ReLU()(layers.Add()([shortcut, inside]))


def convolved(x: Any, channels: int, kernel: int, stride: int = 1) -> Any:
    convolution = keras(PURPOSE).layers.Conv2D(channels, kernel, strides=stride, padding="same", use_bias=False)
    return normalized(convolution(x))


def normalized(x: Any) -> Any:
    return keras(PURPOSE).layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM)(x)


def relu6(x: Any) -> Any:
    return keras(PURPOSE).layers.ReLU(max_value=6)(x)


def wide(channels: int) -> int:
    """The paper's channels times MOBILENET_WIDTH, rounded to a multiple of 8 as in the authors' own code."""
    wanted = channels * MOBILENET_WIDTH
    near = max(CHANNEL_MULTIPLE, int(wanted / CHANNEL_MULTIPLE + 0.5) * CHANNEL_MULTIPLE)
    return near + CHANNEL_MULTIPLE if near < 0.9 * wanted else near


NETWORKS = {
    item.name: item
    for item in (
        Network("mobilenet-v2", size=96, enlarged=3, images=24_000, epochs=3, build=mobilenet_v2),
        Network("resnet-20", size=32, enlarged=1, images=12_000, epochs=5, build=resnet_20),
    )
}
