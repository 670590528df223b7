"""Recipe: a network and how to train it, as plain data. `recipes` lists those there are."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from edgecnn.errors import RecipeError
from edgecnn.layers import Augmentation, Conv, Layer

OWN = "edgecnn"


@dataclass(frozen=True)
class Published:
    """An accuracy on MNIST's test images (0 to 1) that a source states, and which source."""

    accuracy: float
    citation: str


@dataclass(frozen=True)
class Recipe:
    """A network and how to train it.

    `learning_rate` is the constant rate, or the peak of the "one-cycle" schedule. A `weight_decay` above 0 uses AdamW
    instead of Adam. With `recalibrate_batch_norm`, training ends by computing batch norm's means and variances again
    from the training images without augmentation, because the images to classify are not augmented either. With
    `fold_batch_norm`, the network is saved without batch norm, as a part of its kernels and biases, and is smaller.
    `image_size` is the height or width, whichever is less, that the layers are designed for; other sizes get another
    stem (see `layers_for`). Without it, the layers never change. With `temperature_scaling`, the logits are divided by
    the temperature that gives the lowest loss on the validation images. `teacher` is the shipped model whose answers
    are learned beside the labels. `long` is the same network with a longer training, that of the shipped models.
    `published` is empty if no source states an accuracy.

    Source of `recalibrate_batch_norm`: Y. Wu and J. Johnson, "Rethinking 'Batch' in BatchNorm", 2021.
    """

    name: str
    summary: str
    citation: str
    layers: tuple[Layer, ...]
    learning_rate: float
    batch_size: int
    epochs: int
    schedule: Literal["constant", "one-cycle"] = "constant"
    weight_decay: float = 0.0
    augmentation: Augmentation | None = None
    recalibrate_batch_norm: bool = False
    fold_batch_norm: bool = False
    image_size: int | None = None
    temperature_scaling: bool = False
    teacher: str | None = None
    long: "Recipe | None" = None
    published: tuple[Published, ...] = ()

    @property
    def ours(self) -> bool:
        """Whether this project designed the recipe; the reference recipes are as their sources published them."""
        return self.citation == OWN

    def longer(self) -> "Recipe":
        """This recipe with its long training. Raises RecipeError if it has none."""
        if self.long is None:
            raise RecipeError(f"recipe {self.name!r} has one length only: train it without --long")
        return self.long

    def shorter(self, **changes: Any) -> "Recipe":
        """The same network with a shorter training and no teacher. Other fields change too; this is its `long`."""
        return replace(self, teacher=None, long=self, **changes)

    def layers_for(self, image_shape: tuple[int, ...]) -> tuple[Layer, ...]:
        """The layers for images [height, width] or [height, width, 3].

        The first convolution's stride grows with the size of the images, and its kernel with the stride. The layers
        after it then get maps of about the size they were designed for, so latency and the number of weights hardly
        grow.
        """
        stem = self.layers[0]
        if self.image_size is None or not isinstance(stem, Conv):
            return self.layers
        stride = max(1, round(stem.stride * min(image_shape[:2]) / self.image_size))
        kernel = stem.kernel + 2 * max(0, stride - stem.stride)
        return replace(stem, stride=stride, kernel=kernel), *self.layers[1:]
