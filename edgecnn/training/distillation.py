"""[TensorFlow] Teaches a network what a larger one, its teacher, answers to the same images, beside their labels.

Source: G. Hinton, O. Vinyals and J. Dean, "Distilling the Knowledge in a Neural Network", 2015.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgecnn.data import Dataset
from edgecnn.errors import TrainingError
from edgecnn.folder import SHIPPED_MODELS, ModelFolder
from edgecnn.recipes import Recipe
from edgecnn.training import networks
from edgecnn.training.backend import keras, tensorflow

PURPOSE = "training"
TEMPERATURE = 2.0  # the logits of both are divided by it, so that small probabilities count
SHARE = 0.7  # of the teacher's answers in the loss; the labels have the rest

Loss = Callable[[Any, Any, Any], Any]


def teacher_for(recipe: Recipe, dataset: Dataset, limit: int | None) -> Path | None:
    """The file of the recipe's teacher, if it was trained with the same images; for other images there is none.

    A training on a `limit` of images has no teacher either, since that one has seen them all. Raises TrainingError if
    the teacher's folder is incomplete.
    """
    if recipe.teacher is None or limit is not None:
        return None
    folder = ModelFolder(SHIPPED_MODELS / recipe.teacher)
    card = folder.card()
    if card is None or card.data is None or not folder.keras.exists():
        raise TrainingError(
            f"recipe {recipe.name!r} learns from the shipped model {recipe.teacher!r}, which is missing in "
            f"{folder.path}: reinstall edgecnn, or train without --long"
        )
    return folder.keras if card.data.sha256 == dataset.sha256 else None


def label_loss(labels: Any, logits: Any, _: Any = None) -> Any:
    """The mean cross-entropy of logits, float32 [n, classes], with labels, integer [n]."""
    tf = tensorflow(PURPOSE)
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


def loss_with(teacher: Path | None) -> Loss:
    """The loss of (labels, logits, images): of the labels alone, or mixed with that of the teacher's answers."""
    if teacher is None:
        return label_loss
    knows = networks.logits_of(keras(PURPOSE).models.load_model(teacher))
    knows.trainable = False
    # Its default, the loss by name, takes logits for probabilities (Keras 3.15).
    divergence = keras(PURPOSE).losses.KLDivergence()
    taught = keras(PURPOSE).distillation.LogitsDistillation(temperature=TEMPERATURE, loss=divergence)

    def loss(labels: Any, logits: Any, images: Any) -> Any:
        answers = knows(images, training=False)
        return (1 - SHARE) * label_loss(labels, logits) + SHARE * taught.compute_loss(answers, logits)

    return loss
