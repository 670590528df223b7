"""What the Keras networks of the table are made of: little stacks of layers that learn digits in seconds."""

from typing import Any

DIGITS, COLOR, LARGE, SMALL = (28, 28, 1), (32, 32, 3), (64, 64, 3), (8, 8, 1)
CLASSES = 10


def stack(k: Any, shape: tuple[int | None, ...], *more: Any, dtype: str | None = None) -> Any:
    """A Sequential of an input and layers."""
    return k.Sequential([k.layers.Input(shape, dtype=dtype), *more])


def convolutions(k: Any) -> list[Any]:
    """Two convolutions and a dense layer, as in most tutorials, without the classes."""
    layers = k.layers
    return [
        layers.Conv2D(8, 3, strides=2, activation="relu"),
        layers.Conv2D(16, 3, strides=2, activation="relu"),
        layers.Flatten(),
        layers.Dense(32, activation="relu"),
    ]


def softmax(k: Any, classes: int = CLASSES) -> Any:
    return k.layers.Dense(classes, activation="softmax")


def usual(k: Any, shape: tuple[int | None, ...] = DIGITS, *before: Any, dtype: str | None = None) -> Any:
    """The tutorials' network, after other layers."""
    return stack(k, shape, *before, *convolutions(k), softmax(k), dtype=dtype)


def between(k: Any, *inner: Any, shape: tuple[int, ...] = DIGITS) -> Any:
    """A convolution, then the layers to try, then the classes."""
    first = k.layers.Conv2D(12, 3, strides=2, padding="same", activation="relu")
    return stack(k, shape, first, *inner, k.layers.Flatten(), softmax(k))


def functional(k: Any, body: Any, shape: tuple[int | None, ...] = DIGITS) -> Any:
    """A functional model: from an image by `body` to features, then the classes."""
    image = k.layers.Input(shape)
    return k.Model(image, softmax(k)(body(image)))


def after(k: Any, shape: tuple[int | None, ...], operation: Any) -> Any:
    """The tutorials' network after an operation that is not a layer, such as `x / 255`."""
    image = k.layers.Input(shape)
    x = operation(image)
    for layer in [*convolutions(k), softmax(k)]:
        x = layer(x)
    return k.Model(image, x)
