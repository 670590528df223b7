"""[TensorFlow] Makes a Keras network as its maker would: builds, trains and saves it, and notes its right answers."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.third_party import data, saving
from benchmarks.third_party.answers import Answers, probabilities
from benchmarks.third_party.network import Network
from benchmarks.third_party.pixels import fed
from edgecnn.training.backend import keras, tensorflow

PURPOSE = "making third-party networks"
SEED, BATCH, RATE, IMAGES = 0, 64, 2e-3, 8_000  # IMAGES to train with, once
CHUNK = 250

Floats = NDArray[np.floating]


def make(network: Network) -> None:
    """Save the network and, if its answers mean something, the right ones for the test images."""
    k = keras(PURPOSE)
    k.utils.set_random_seed(SEED)
    k.config.set_dtype_policy(network.policy)
    try:
        with warnings.catch_warnings(action="ignore"):
            model = network.build(k)
            if network.trained:
                train(k, model, network)
            published = network.publish(k, model) if network.publish else model
            saving.save(k, published, network)
    finally:
        k.config.set_dtype_policy("float32")
    if network.trained or not network.refused:
        judged = published if network.is_changed else in_float32(k, model, network)
        answers_of(judged, network).save(network.folder)


def train(k: Any, model: Any, network: Network) -> None:
    split = data.loaded(network.data).train
    images = fed(split.images[:IMAGES], network.pixels, network.layout, model.input_shape[1:])
    # Without XLA: it compiles for longer than this training takes.
    model.compile(k.optimizers.Adam(RATE), _loss(k, network.scores), jit_compile=False)
    model.fit(images, split.labels[:IMAGES], batch_size=BATCH, epochs=network.epochs, verbose=0)


def _loss(k: Any, scores: str) -> Any:
    losses = k.losses

    def one_hot(labels: Any) -> Any:
        return k.ops.one_hot(k.ops.cast(k.ops.reshape(labels, (-1,)), "int32"), 10)

    known = {
        "probabilities": losses.SparseCategoricalCrossentropy(),
        "smoothed": lambda y, p: k.losses.categorical_crossentropy(one_hot(y), p, label_smoothing=0.1),
        "percent": lambda y, p: k.losses.sparse_categorical_crossentropy(y, p / 100),
        "logits": losses.SparseCategoricalCrossentropy(from_logits=True),
        "log-probabilities": lambda y, p: -k.ops.sum(one_hot(y) * p, axis=-1),
        "independent": lambda y, p: k.losses.binary_crossentropy(one_hot(y), p),
        "one": losses.BinaryCrossentropy(),
        "one logit": losses.BinaryCrossentropy(from_logits=True),
    }
    return known[scores]


def in_float32(k: Any, model: Any, network: Network) -> Any:
    """The model itself, or for fewer bits one that computes with its weights in float32: what is to be deployed."""
    if network.policy == "float32":
        return model
    whole = network.build(k)
    whole.set_weights([np.asarray(weight, np.float32) for weight in model.get_weights()])
    return whole


def answers_of(model: Any, network: Network) -> Answers:
    """The right answers for the test images, and how far they move if the input is rounded otherwise."""
    images = data.loaded(network.data).test.images
    values = fed(images, network.pixels, network.layout, model.input_shape[1:])
    if values.dtype != np.uint8:
        values = values.astype(np.float32)
    run = tensorflow(PURPOSE).function(lambda batch: model(batch, training=False))

    def answered(batch: Floats) -> Floats:
        parts = [np.asarray(run(batch[at : at + CHUNK]), np.float64) for at in range(0, len(batch), CHUNK)]
        return probabilities(np.concatenate(parts), network.scores)

    return Answers.of(answered, values)
