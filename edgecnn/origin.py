"""Origin: which data set a model was trained with. A module of its own, because `predict` needs no more of the data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """The data set that a card or an ONNX file names, and the SHA-256 of its contents."""

    name: str
    sha256: str
