"""Keras networks that differ in what they take: preprocessing outside and inside, layouts and sizes."""

from typing import Any

import numpy as np

from benchmarks.third_party import data
from benchmarks.third_party.network import Table
from benchmarks.third_party.parts import COLOR, DIGITS, LARGE, SMALL, after, convolutions, softmax, stack, usual

NETWORKS = Table()
add = NETWORKS.add
CAFFE, SCALE = [103.939, 116.779, 123.68], 1 / 127.5


@add("Sequential, trained with x / 255")
def sequential(k: Any) -> Any:
    return usual(k)


@add("Functional, trained with x / 127.5 - 1", pixels="-1..1")
def minus_1_to_1(k: Any) -> Any:
    return after(k, DIGITS, lambda x: x)


@add("trained with pixels of 0 to 255", pixels="0..255")
def raw_pixels(k: Any) -> Any:
    return usual(k)


@add("trained with x / 255 - 0.5", pixels="-0.5..0.5")
def half_around_0(k: Any) -> Any:
    return usual(k)


@add("trained with (x - 128) / 128", pixels="half")
def by_128(k: Any) -> Any:
    return usual(k)


@add("trained with x / 256", pixels="256")
def by_256(k: Any) -> Any:
    return usual(k)


@add("trained with MNIST's mean and deviation", pixels="mnist")
def mnist_mean(k: Any) -> Any:
    return usual(k)


@add("trained with Fashion-MNIST's mean and deviation", pixels="fashion")
def other_mean(k: Any) -> Any:
    return usual(k)


@add("trained with the mean subtracted and no scale", pixels="mean only")
def mean_only(k: Any) -> Any:
    return usual(k)


@add("trained with 1 - x / 255, black ink on white", pixels="inverted")
def inverted(k: Any) -> Any:
    return usual(k)


@add("trained with every picture's own mean and deviation", pixels="each", refused=True)
def each_picture(k: Any) -> Any:
    return usual(k)


@add("8×8 with pixels of 0 to 16, as scikit-learn's digits", pixels="0..16", data="small")
def sixteen_shades(k: Any) -> Any:
    return stack(k, SMALL, k.layers.Conv2D(16, 3, activation="relu"), k.layers.Flatten(), softmax(k))


@add("32×32 in color, trained with x / 255", data="color")
def color(k: Any) -> Any:
    return usual(k, COLOR)


@add('color, mode "tf" of keras.applications', pixels="-1..1", data="color")
def color_tf(k: Any) -> Any:
    return usual(k, COLOR)


@add('color, mode "torch" of keras.applications', pixels="imagenet", data="color")
def color_torch(k: Any) -> Any:
    return usual(k, COLOR)


@add('color, mode "caffe" of keras.applications: blue, green, red without their means', pixels="caffe", data="color")
def color_caffe(k: Any) -> Any:
    return usual(k, COLOR)


@add("color, CIFAR-10's mean and deviation per channel", pixels="cifar", data="color")
def color_cifar(k: Any) -> Any:
    return usual(k, COLOR)


@add("color in OpenCV's order, x / 255", pixels="bgr 0..1", data="color")
def color_opencv(k: Any) -> Any:
    return usual(k, COLOR)


@add("64×64 in color, pixels of 0 to 255", pixels="0..255", data="large")
def large_color(k: Any) -> Any:
    return usual(k, LARGE, k.layers.AveragePooling2D(2), k.layers.BatchNormalization(momentum=0.9))


@add("Rescaling(1/255) as its first layer", pixels="0..255")
def rescaling(k: Any) -> Any:
    return usual(k, DIGITS, k.layers.Rescaling(1 / 255))


@add("Rescaling(1/127.5, -1) in a nested model, color", pixels="0..255", data="color")
def rescaling_nested(k: Any) -> Any:
    inner = k.Sequential([k.layers.Input(COLOR), k.layers.Rescaling(SCALE, offset=-1)], name="preprocessing")
    return stack(k, COLOR, inner, *convolutions(k), softmax(k))


@add("x / 255 as an operation of the model", pixels="0..255")
def divided(k: Any) -> Any:
    return after(k, DIGITS, lambda x: x / 255)


@add("(x - 127.5) / 127.5 as operations of the model", pixels="0..255", data="color")
def subtracted_and_divided(k: Any) -> Any:
    return after(k, COLOR, lambda x: (x - 127.5) / 127.5)


@add("blue, green, red and means as operations of the model", pixels="0..255", data="color")
def caffe_inside(k: Any) -> Any:
    return after(k, COLOR, lambda x: x[..., ::-1] - k.ops.convert_to_tensor(CAFFE, "float32"))


@add("uint8 input with Rescaling", pixels="uint8")
def uint8_input(k: Any) -> Any:
    return usual(k, DIGITS, k.layers.Rescaling(1 / 255), dtype="uint8")


@add("Normalization with one mean and variance", pixels="0..255")
def normalization(k: Any) -> Any:
    return usual(k, DIGITS, k.layers.Normalization(mean=33.3, variance=78.6**2, axis=None))


@add("Normalization with a mean for each channel, after x / 255", data="color")
def normalization_per_channel(k: Any) -> Any:
    means, deviations = [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]
    return usual(k, COLOR, k.layers.Normalization(mean=means, variance=[item**2 for item in deviations]))


@add("Normalization that was adapted to the images", pixels="0..255", data="color")
def normalization_adapted(k: Any) -> Any:
    layer = k.layers.Normalization()
    layer.adapt(data.loaded("color").train.images[:1000].astype(np.float32))
    return usual(k, COLOR, layer)


@add("Normalization adapted to each pixel", pixels="0..255")
def normalization_per_pixel(k: Any) -> Any:
    layer = k.layers.Normalization(axis=(1, 2, 3))
    layer.adapt(data.loaded("digits").train.images[:1000, ..., None].astype(np.float32) + np.float32(0.01))
    return usual(k, DIGITS, layer)


@add("BatchNormalization as its first layer, x / 255")
def batch_normalization_first(k: Any) -> Any:
    return usual(k, DIGITS, k.layers.BatchNormalization(momentum=0.9))


@add("CenterCrop in the model")
def center_crop(k: Any) -> Any:
    return usual(k, DIGITS, k.layers.CenterCrop(24, 24))


@add("Resizing to 20×20 in the model", pixels="0..255", data="color")
def resizing(k: Any) -> Any:
    return usual(k, COLOR, k.layers.Resizing(20, 20), k.layers.Rescaling(1 / 255))


@add("Resizing to twice the size, nearest neighbor")
def resizing_nearest(k: Any) -> Any:
    return usual(k, DIGITS, k.layers.Resizing(56, 56, interpolation="nearest"), k.layers.MaxPooling2D(2))


@add("augmentation layers in the model", pixels="0..255", data="color")
def augmentation(k: Any) -> Any:
    layers = k.layers
    turned = [layers.RandomRotation(0.03), layers.RandomZoom(0.1), layers.RandomContrast(0.1)]
    return usual(k, COLOR, *turned, layers.RandomTranslation(0.05, 0.05), layers.Rescaling(1 / 255))


@add("flat, 784 numbers, as MNIST tutorials of dense layers")
def flat(k: Any) -> Any:
    return stack(k, (784,), k.layers.Dense(64, activation="relu"), k.layers.Dropout(0.2), softmax(k))


@add("no channel axis, Flatten first, as TensorFlow's quickstart")
def quickstart(k: Any) -> Any:
    layers = k.layers
    return stack(k, (28, 28), layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dropout(0.2), softmax(k))


@add("flat color, 3,072 numbers", data="color")
def flat_color(k: Any) -> Any:
    return stack(k, (3072,), k.layers.Dense(64, activation="relu"), softmax(k))


def _channels_first(k: Any, trained: Any) -> Any:
    """The same network with the channels first. Only the published model has this form: a CPU cannot train it."""
    layers = k.layers
    published = stack(
        k,
        (3, 32, 32),
        layers.Conv2D(8, 3, strides=2, activation="relu", data_format="channels_first"),
        layers.Conv2D(16, 3, strides=2, activation="relu", data_format="channels_first"),
        layers.GlobalMaxPooling2D(data_format="channels_first"),
        softmax(k),
    )
    published.set_weights(trained.get_weights())
    return published


@add("channels first, as on GPUs, color", data="color", publish=_channels_first)
def channels_first(k: Any) -> Any:
    layers = k.layers
    convolved = [layers.Conv2D(width, 3, strides=2, activation="relu") for width in (8, 16)]
    return stack(k, COLOR, *convolved, layers.GlobalMaxPooling2D(), softmax(k))


@add("channels first at the input, a Permute inside, color", layout="first", data="color", pixels="imagenet")
def permuted(k: Any) -> Any:
    return stack(k, (3, 32, 32), k.layers.Permute((2, 3, 1)), *convolutions(k), softmax(k))


@add("gray, repeated to three channels inside", pixels="-1..1")
def gray_to_color(k: Any) -> Any:
    return after(k, DIGITS, lambda x: k.layers.Concatenate()([x, x, x]))


@add("pictures of any size, color", data="color")
def any_size(k: Any) -> Any:
    layers = k.layers
    convolved = [layers.Conv2D(width, 3, strides=2, activation="relu") for width in (8, 16, 32)]
    return stack(k, (None, None, 3), *convolved, layers.GlobalAveragePooling2D(), softmax(k))


def _batch_of_1(k: Any, trained: Any) -> Any:
    published = k.Sequential([k.layers.Input(batch_shape=(1, *DIGITS)), *convolutions(k), softmax(k)])
    published.set_weights(trained.get_weights())
    return published


@add("a fixed batch of one image", publish=_batch_of_1)
def batch_of_1(k: Any) -> Any:
    return usual(k)


@add("not trained: nothing tells how it wants its pixels", trained=False)
def untrained(k: Any) -> Any:
    return usual(k)


@add('not trained, mode "caffe"', trained=False, pixels="caffe", data="color")
def untrained_caffe(k: Any) -> Any:
    return usual(k, COLOR)
