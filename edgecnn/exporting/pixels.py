"""Finds out how a model that is exported wants its pixels, and what its scores mean."""

from dataclasses import replace
from typing import Any

from edgecnn.data import Dataset
from edgecnn.errors import ExportError
from edgecnn.exporting.source import Source
from edgecnn.exporting.verify import verification_images
from edgecnn.preprocessing import NAMED, Preprocessing
from edgecnn.runtime.first_operators import wanted_pixels
from edgecnn.runtime.input_spec import ASSUMED
from edgecnn.runtime.recognition import Recognized, choose
from edgecnn.runtime.scores import recognize
from edgecnn.runtime.signature import require_channels
from edgecnn.scratch import scratch


def recognized(original: Source, proto: Any, dataset: Dataset | None, asked: Preprocessing | None) -> Recognized:
    """How the model wants its pixels, and what its scores mean.

    The user has `asked` for a way, the file says it, or the log loss on validation images decides. Without data, or if
    no training has told the model anything, its first operators tell. `proto` is its ONNX graph. Raises ExportError.
    """
    spec = original.input
    if spec.dtype != "uint8" and not (asked or original.stated) and dataset and original.trained:
        return choose(original.run, spec, dataset, original.path.name)
    how, reason = _without_answers(original, proto, asked)
    images, _ = verification_images(original.trial_shape, dataset)
    return Recognized(how, recognize(original.scores(images, replace(spec, preprocessing=how))), reason)


def _without_answers(original: Source, proto: Any, asked: Preprocessing | None) -> tuple[Preprocessing, str]:
    if original.input.dtype == "uint8":
        return original.input.preprocessing, ""
    if asked:
        require_channels(original.path, replace(original.input, preprocessing=asked))
        return asked, "as --preprocess says"
    if original.stated:
        return original.stated, "as the file says"
    with scratch() as folder:
        file = folder / "model.onnx"
        file.write_bytes(proto.SerializeToString())
        wanted = wanted_pixels(file, proto.graph.input[0].name)
    if wanted is None and not original.trained:
        return ASSUMED, "assumed, because a model that was never trained does not tell; --preprocess says it"
    if wanted is None:
        raise ExportError(
            f"{original.path} does not say how it wants its pixels: give --data with images like those that it was "
            f"trained with, or say it by --preprocess, such as {', '.join(NAMED)}"
        )
    return wanted, "as its first operators show"
