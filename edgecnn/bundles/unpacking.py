"""Unpacks bundles for a while, so that a command works on them as on model folders."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgecnn.bundles.archive import Bundle, open_bundle
from edgecnn.bundles.manifest import Manifest
from edgecnn.card import Card
from edgecnn.errors import ModelError, OutputError
from edgecnn.folder import BUNDLE_SUFFIX, ModelFolder, find
from edgecnn.scratch import scratch

SPARE = 2**20  # bytes that a disk must have beside the files


@dataclass(frozen=True)
class Unpacked:
    """A bundle's files in a folder, and its manifest."""

    folder: Path
    manifest: Manifest


@contextmanager
def unpacked(models: Sequence[str | Path]) -> Iterator[Mapping[Path, Unpacked]]:
    """Unpack those of the models that are bundles into scratch folders, by their paths.

    Raises UsageError and ModelError as `find` does, ModelError for a bundle that is not as it should be, and
    OutputError if there is no space.
    """
    bundles = [path for path in dict.fromkeys(map(find, models)) if is_bundle(path)]
    with ExitStack() as stack:
        yield {path: _unpacked(path, stack.enter_context(scratch())) for path in bundles}


def is_bundle(path: Path) -> bool:
    return path.suffix == Path(BUNDLE_SUFFIX).suffix and not path.is_dir()


def _unpacked(path: Path, folder: Path) -> Unpacked:
    with open_bundle(path) as bundle:
        require_space(bundle, folder)
        bundle.unpack(folder)
        card_in(bundle, folder)
        return Unpacked(folder, bundle.manifest)


def require_space(bundle: Bundle, folder: Path) -> None:
    """Raise OutputError if a bundle does not fit on the disk of a folder."""
    free = shutil.disk_usage(folder).free
    if free < bundle.unpacked_bytes + SPARE:
        raise OutputError(
            f"{bundle.path} takes {bundle.unpacked_bytes:,} bytes, and the disk of {folder.parent} has {free:,} left: "
            "free some space or choose another place"
        )


def card_in(bundle: Bundle, folder: Path) -> Card:
    """The card of an unpacked bundle. Raises ModelError if it is damaged, or about other files than are there."""
    model = ModelFolder(folder)
    try:
        card = model.card()
    except ModelError as error:
        raise ModelError(f"{bundle.path} is refused: {str(error).replace(str(folder), bundle.path.name)}") from None
    assert card  # a manifest lists one
    for path in model.onnx_files():
        if path in model.undescribed(card):
            raise ModelError(f"{bundle.path} is refused: its card is not about its {path.name}; bundle the model again")
    return card
