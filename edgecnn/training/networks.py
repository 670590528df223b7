"""[TensorFlow] Builds the Keras model that a recipe describes."""

from typing import Any

import numpy as np

from edgecnn.errors import DataError
from edgecnn.layers import Conv, Dense, Dropout, GlobalPool, Layer, Normal, Output, Pool, Separable
from edgecnn.recipes import Recipe
from edgecnn.training.backend import keras, tensorflow

# The moving statistics then follow about the last hundred batches, not the last thousand: what counts is the end of the
# one-cycle schedule, not its middle.
BATCH_NORM_MOMENTUM = 0.9


def build(recipe: Recipe, image_shape: tuple[int, ...], classes: int, batch_norm: Any = None) -> Any:
    """An untrained keras.Model from `image`, uint8 [batch, *image_shape], to `probabilities`, float32 [batch, classes].

    `batch_norm` is the class of the normalizing layers. By default it is Keras's own; a recipe that folds batch norm
    then gets none, but biases (see `fold_batch_norm`). Keras's global seed decides the weights. Raises DataError if
    images are too small for the recipe's pools.
    """
    layers = keras("training").layers
    batch_norm = batch_norm or (None if recipe.fold_batch_norm else layers.BatchNormalization)
    image = layers.Input(shape=image_shape, dtype="uint8", name="image")
    x = layers.Rescaling(1 / 255, name="rescale")(image)
    if len(image_shape) == 2:
        x = layers.Reshape((*image_shape, 1), name="channel")(x)
    try:
        for layer in recipe.layers_for(image_shape):
            x = _add(x, layer, classes, batch_norm)
    except ValueError as error:
        size = "×".join(map(str, image_shape))
        raise DataError(
            f"images of {size} pixels are too small for recipe {recipe.name!r}: use larger images or another recipe"
        ) from error
    return keras("training").Model(image, layers.Softmax(name="probabilities")(x), name=recipe.name.replace("-", "_"))


def logits_of(model: Any) -> Any:
    """The same network without the softmax, and with shared weights.

    A loss on logits stays exact where the softmax saturates.
    """
    return keras("training").Model(model.input, model.layers[-1].input)


def fold_batch_norm(trained: Any, folded: Any) -> None:
    """Give `folded`, a network built without batch norm, the weights of `trained`, which is the same with it.

    Each batch norm becomes a part of the kernel before it, and a bias.
    """
    weights: list[Any] = []
    for layer in trained.layers:
        if isinstance(layer, keras("training").layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            scale = gamma / np.sqrt(variance + layer.epsilon)
            weights[-1:] = [weights[-1] * scale, beta - mean * scale]
        else:
            weights += layer.get_weights()
    folded.set_weights(weights)


def fused_batch_norm() -> Any:
    """A subclass of Keras's BatchNormalization that trains with TensorFlow's fused kernel, in a third of the time.

    The results are the same. Keras's own layer reads the whole tensor again for the mean, the variance and the result.
    """
    tf = tensorflow("training")

    class FusedBatchNormalization(keras("training").layers.BatchNormalization):  # type: ignore[misc]
        def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
            if not training:
                return super().call(inputs, training=False, mask=mask)
            outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
                inputs, self.gamma, self.beta, epsilon=self.epsilon, is_training=True
            )
            for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + now * (1 - self.momentum))
            return outputs

    return FusedBatchNormalization


def _add(x: Any, layer: Layer, classes: int, batch_norm: Any) -> Any:
    layers = keras("training").layers
    match layer:
        case Conv():
            return _convolve(x, layer, batch_norm)
        case Separable():
            bias = not (layer.batch_norm and batch_norm)
            x = layers.SeparableConv2D(layer.filters, layer.kernel, padding=layer.padding, use_bias=bias)(x)
            return _activated(x, layer, batch_norm)
        case Pool(padding=padding):
            return layers.MaxPooling2D(2, padding=padding)(x)
        case GlobalPool():
            return layers.GlobalAveragePooling2D()(x)
        case Dropout(rate=rate):
            return layers.Dropout(rate)(x)
        case Dense(units=units, activation=activation):
            return layers.Dense(units, activation=activation, **_initializers(layer))(_flat(x))
        case Output():
            return layers.Dense(classes, **_initializers(layer))(_flat(x))


def _convolve(x: Any, layer: Conv, batch_norm: Any) -> Any:
    layers = keras("training").layers
    x = layers.Conv2D(
        layer.filters,
        layer.kernel,
        strides=layer.stride,
        padding=layer.padding,
        use_bias=not (layer.batch_norm and batch_norm),
        **_initializers(layer),
    )(x)
    return _activated(x, layer, batch_norm)


def _activated(x: Any, layer: Conv | Separable, batch_norm: Any) -> Any:
    if layer.batch_norm and batch_norm:
        x = batch_norm(momentum=BATCH_NORM_MOMENTUM)(x)
    return keras("training").layers.ReLU()(x)


def _flat(x: Any) -> Any:
    return keras("training").layers.Flatten()(x) if len(x.shape) > 2 else x


def _initializers(layer: Conv | Dense | Output) -> dict[str, Any]:
    return {
        name: _normal(normal)
        for name, normal in (("kernel_initializer", layer.weights), ("bias_initializer", layer.biases))
        if normal is not None
    }


def _normal(normal: Normal) -> Any:
    initializers = keras("training").initializers
    kind = initializers.TruncatedNormal if normal.truncated else initializers.RandomNormal
    return kind(stddev=normal.stddev)
