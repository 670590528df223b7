"""The records of a bundle's `manifest.json`: which files it holds, with their hashes, and what it lacks."""

import json
import re
from dataclasses import asdict, dataclass, field

from edgecnn.card import SHA256
from edgecnn.folder import IMAGES, ONNX_NAMES, RECORD, SCORES

FORMAT = 1
MANIFEST, CARD = "manifest.json", "card.json"
NAMES = (*ONNX_NAMES.values(), CARD, IMAGES, RECORD, SCORES)  # of all files that a bundle of this format can hold
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
MOST_BYTES = 2**20  # of a manifest
MOST_REASONS, LONGEST = 20, 4096  # characters


class NewerFormatError(ValueError):
    """The bundle is of a later format than this edgecnn reads."""


@dataclass(frozen=True)
class Entry:
    """A file's size and hash."""

    bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if self.bytes < 0 or not SHA256.fullmatch(self.sha256):
            raise ValueError("a file's size or hash is not one")


@dataclass(frozen=True)
class Manifest:
    """What a bundle holds.

    `name` is the model's, and of the folder that it is installed to. `lacks` says what it could not be given, and why.
    `versions` are those of the packages that made it.
    """

    format: int
    name: str
    files: dict[str, Entry]
    lacks: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not MODEL_NAME.fullmatch(self.name):
            raise ValueError(f"the model's name is {self.name[:50]!r}")
        if unknown := [name for name in self.files if name not in NAMES]:
            raise ValueError(f"it lists {unknown[0][:50]!r}, which a bundle does not hold")
        if CARD not in self.files or not any(name in self.files for name in ONNX_NAMES.values()):
            raise ValueError("it lists no card or no ONNX file")
        if len(self.lacks) > MOST_REASONS or any(len(text) > LONGEST for text in self.lacks):
            raise ValueError("it lacks too much")

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: bytes) -> "Manifest":
        """Read what `to_json` wrote. Raises ValueError, with one line of what is wrong, for anything else."""
        import msgspec

        try:
            raw = msgspec.json.decode(text)
            told = raw.get("format") if isinstance(raw, dict) else None
            if isinstance(told, int) and told > FORMAT:
                raise NewerFormatError(f"it has format {told}, and this edgecnn reads format {FORMAT}")
            return msgspec.convert(raw, cls)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        except msgspec.MsgspecError as error:
            raise ValueError(str(error)) from None
