"""Stream: classifies one picture after another, such as a camera's, on memory that stays."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.errors import ModelError
from edgecnn.runtime.scores import all_finite, not_finite

if TYPE_CHECKING:
    from edgecnn.runtime.classifier import Classifier


class Stream:
    """What `Classifier.stream` returns: `for picture in camera: probabilities = stream(picture)`.

    Use it from one thread at a time; several streams of one classifier may run side by side.
    """

    def __init__(self, classifier: "Classifier") -> None:
        """Raises ModelError."""
        if classifier.batch not in (None, 1):
            raise ModelError(f"{classifier.path} only takes batches of {classifier.batch}: use Classifier.predict")
        self._classifier = classifier
        has_one_size = None not in classifier.input.shape
        self._bound = classifier.bound() if has_one_size and not classifier.is_foreign else None

    def __call__(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """The probabilities of one picture, float32 [classes]. The next call overwrites them: copy what you keep.

        `image` is one of those that `Classifier.predict` takes, such as uint8 [28, 28]. For a file that edgecnn wrote
        and a picture of its input's very shape and type, nothing is allocated. Raises InputError, ModelError.
        """
        if self._bound is None:
            return _only_row(self._classifier.predict(_batch(image)))
        self._take(image, self._bound.input)
        self._bound.run()
        scores = _only_row(self._bound.output)
        if not all_finite(scores):
            raise not_finite(self._classifier.path)
        return scores

    def _take(self, image: NDArray[Any], place: NDArray[Any]) -> None:
        if isinstance(image, np.ndarray) and image.dtype == np.uint8 == place.dtype and image.shape == place.shape[1:]:
            place[0] = image
        else:
            place[...] = self._classifier.input.prepare(_batch(image))


def _batch(image: Any) -> Any:
    return image[None] if isinstance(image, np.ndarray) else image


def _only_row(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    row: NDArray[np.float32] = scores[0]
    return row
