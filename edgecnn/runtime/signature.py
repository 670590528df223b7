"""What an ONNX model takes and returns, as its session says; or why it is not an image classifier."""

from math import prod
from pathlib import Path
from typing import Any, Literal

from edgecnn.errors import ModelError
from edgecnn.preprocessing import Preprocessing
from edgecnn.runtime.first_operators import wanted_pixels
from edgecnn.runtime.input_spec import ASSUMED, InputSpec
from edgecnn.runtime.metadata import ModelMetadata
from edgecnn.runtime.outliers import SIDE, Outliers
from edgecnn.runtime.scores import classes_of
from edgecnn.selection import choose_output

DTYPES = {"tensor(uint8)": "uint8", "tensor(float)": "float32", "tensor(float16)": "float16"}
SCORES = ("tensor(float)", "tensor(float16)")
# A file can claim any size. These bounds hold the memory that an image and the labels take.
MOST_VALUES = 1 << 26  # in one batch of a fixed size, or in one image: 8,192 × 8,192
MOST_CLASSES = 100_000

KnownBy = Literal["its type", "--preprocess", "the file", "its first operators", "assumption"]


def image_input(path: Path, inputs: list[Any]) -> Any:
    """The one input, [batch, …]. Raises ModelError."""
    if len(inputs) != 1:
        raise ModelError(
            f"{path} has {len(inputs)} inputs: an image classifier has one; export it with its image as the only input"
        )
    (image,) = inputs
    if image.type not in DTYPES or len(image.shape) < 2:
        raise ModelError(
            f"{path} takes {image.type} {image.shape}: an image classifier takes images; export it with an input of "
            "uint8, float32 or float16, [batch, height, width, …]"
        )
    sizes = [size for size in image.shape if isinstance(size, int)]
    if any(size < 1 for size in sizes) or prod(sizes) > MOST_VALUES:
        raise ModelError(
            f"{path} takes {image.shape}: an image has 1 to {MOST_VALUES:,} values; export it for such images"
        )
    return image


def scores_output(path: Path, outputs: list[Any], wanted: str) -> Any:
    """The output that is `wanted`, or else the only one that is [batch, classes]. Raises ModelError and UsageError."""
    fitting = [output for output in outputs if _are_scores(output)]
    by_name = {output.name: output for output in (outputs if wanted or not fitting else fitting)}
    scores = by_name[choose_output(path, list(by_name), wanted)]
    if not _are_scores(scores):
        raise ModelError(
            f"{path} returns {scores.type} {scores.shape}: an image classifier returns [batch, classes]; export it "
            "with its scores as a float output, before ArgMax and with a Flatten at the end"
        )
    if not 1 <= scores.shape[1] <= MOST_CLASSES:
        raise ModelError(
            f"{path} returns {scores.shape}: an image classifier has 1 to {MOST_CLASSES:,} classes; export it with them"
        )
    return scores


def _are_scores(output: Any) -> bool:
    return output.type in SCORES and len(output.shape) == 2 and isinstance(output.shape[1], int)


def input_spec(
    path: Path, image: Any, metadata: ModelMetadata, given: Preprocessing | None
) -> tuple[InputSpec, KnownBy]:
    """The model's input, and by what it is known how a float model wants its pixels."""
    shape = tuple(size if isinstance(size, int) else None for size in image.shape[1:])
    dtype, stated = DTYPES[image.type], metadata.preprocessing
    if dtype == "uint8":  # pixels as they are
        return InputSpec(shape, dtype, Preprocessing(size=stated.size if stated else None)), "its type"
    if given or stated:
        spec = InputSpec(shape, dtype, given or stated or ASSUMED)
        require_channels(path, spec)
        return spec, "--preprocess" if given else "the file"
    read = wanted_pixels(path, image.name)
    return InputSpec(shape, dtype, read or ASSUMED), "its first operators" if read else "assumption"


def require_channels(path: Path, spec: InputSpec) -> None:
    """Raise ModelError if the preprocessing has a number for each of three channels, and the model takes others."""
    color = spec.layout is not None and spec.layout.channels == 3
    if spec.preprocessing.channels == 3 and not color:
        raise ModelError(
            f"{path} takes {spec.dtype} {list(spec.shape)}, and the preprocessing {spec.preprocessing.name} is for "
            "color pictures: give --preprocess with one mean and one deviation"
        )


def assumption(path: Path) -> str:
    """What is assumed of a float model that nobody has described, and how to describe it."""
    return (
        f"{path} does not say how it wants its pixels, so {ASSUMED.name} is assumed: say it by --preprocess, or once "
        f"for all with 'edgecnn export {path} --data PATH'"
    )


def labels(path: Path, metadata: ModelMetadata, outputs: int) -> tuple[str, ...]:
    """The labels that the file holds, or the numbers of the classes if it holds none. Raises ModelError."""
    classes = classes_of(outputs)
    found = metadata.labels or tuple(map(str, range(classes)))
    if len(found) != classes:
        raise ModelError(f"{path} has {len(found)} labels for {classes} classes: export it again")
    return found


def outliers(path: Path, metadata: ModelMetadata, spec: InputSpec, labels: tuple[str, ...]) -> Outliers | None:
    """What the file knows of its training images, if anything. Raises ModelError if it is about another model's."""
    found = metadata.outliers
    if found is not None and (found.classes != len(labels) or not spec.matches((SIDE, SIDE))):
        raise ModelError(
            f"{path} tells outliers of {found.classes} classes and {SIDE}×{SIDE} pixels, and takes {spec} for "
            f"{len(labels)} classes: export it again"
        )
    return found
