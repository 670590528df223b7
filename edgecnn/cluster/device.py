"""What a worker does on its device for predict: it opens the model once in each thread, and reads pictures."""

import platform
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecnn.bulk.rows import Row, rows_of_contents
from edgecnn.bulk.worker import Task
from edgecnn.cluster.connection import own_version
from edgecnn.errors import EdgecnnError, ImageError, ModelError, OutputError
from edgecnn.readings import Wanted
from edgecnn.runtime.classifier import Classifier
from edgecnn.scratch import scratch


@dataclass(frozen=True)
class Work:
    """How pictures are read: by which edgecnn, and by which model. `model` is what messages call the model file."""

    version: str
    model: str
    sha256: str
    preprocess: str | None
    wanted: Wanted


@dataclass(frozen=True)
class Picture:
    """The content of a file, or the reason why it has none; `name` is what the table calls it."""

    name: str
    content: bytes | None
    reason: str = ""

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.content or b"")


def require_version(version: str) -> None:
    """Raise EdgecnnError unless this device has that edgecnn: a worker may have joined after all were asked."""
    if version != own_version():
        raise EdgecnnError(
            f"a worker that joined has edgecnn {own_version()}, and the command has edgecnn {version}: "
            "install the same version on both"
        )


def read(model: bytes, work: Work, pictures: Sequence[Picture]) -> list[list[Row]]:
    """The rows of each picture. Raises ModelError."""
    require_version(work.version)
    try:
        classifier = _classifier(model, work)
    except OutputError as error:  # its disk may be full
        raise OutputError(f"on {platform.node()}: {error}") from None
    try:
        return list(rows_of_contents(classifier, _contents(pictures), work.wanted))
    except ModelError as error:
        raise ModelError(str(error).replace(str(classifier.path), work.model)) from None


def _contents(pictures: Iterable[Picture]) -> Iterator[tuple[Path, bytes | ImageError]]:
    for picture in pictures:
        yield Path(picture.name), ImageError(picture.reason) if picture.content is None else picture.content


class _Own(threading.local):
    """The model that a thread has opened last, and what it was opened for. A Classifier belongs to one thread."""

    key: tuple[str, str | None] | None = None
    classifier: Classifier


_own = _Own()


def _classifier(model: bytes, work: Work) -> Classifier:
    key = (work.sha256, work.preprocess)
    if _own.key != key:
        with scratch() as folder:  # the file is not needed once it is open
            path = folder / "model.onnx"
            path.write_bytes(model)
            _own.classifier = Task(str(path), work.preprocess, work.wanted).open()
        _own.key = key
    return _own.classifier
