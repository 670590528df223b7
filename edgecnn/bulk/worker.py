"""A process that reads some of many pictures: it opens the model once, and answers with rows."""

import sys

import msgspec

from edgecnn.bulk.rows import as_plain, rows_of
from edgecnn.files import sha256
from edgecnn.preprocessing import parse
from edgecnn.processes.entry import serve
from edgecnn.readings import Wanted
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.variants import choose

DIGITS = 12  # of a model file's hash: enough to tell files apart


class Task(msgspec.Struct, frozen=True):
    """What all processes do: which model reads pictures, how it wants its pixels, and what is wanted of it."""

    model: str
    preprocess: str | None
    wanted: Wanted

    @property
    def identity(self) -> str:
        """What a row says of the model, by which another one is told from it: its file and how it reads pictures."""
        path, wanted = choose(self.model).path, self.wanted
        how: dict[str, object] = {"raw": wanted.raw, "segment": wanted.segment}
        how |= {"confidence": wanted.confidence, "preprocess": self.preprocess}
        options = [name if given is True else f"{name} {given}" for name, given in how.items() if _is_given(given)]
        return " ".join([f"{path.parent.name}/{path.name}", sha256(path)[:DIGITS], *options])

    def open(self) -> Classifier:
        """The model. A thread is enough for it: there are as many processes as processors."""
        how = None if self.preprocess is None else parse(self.preprocess)
        return Classifier(self.model, preprocessing=how, threads=1)


def _is_given(option: object) -> bool:
    """A confidence of 0 is given: it calls nothing uncertain."""
    return option is not None and option is not False


class Reader:
    """Answers requests of the parent process."""

    def __init__(self, task: Task) -> None:
        self.classifier, self.wanted = task.open(), task.wanted

    def read(self, files: list[str]) -> list[list[dict[str, str]]]:
        """The rows of each file."""
        return [as_plain(rows) for rows in rows_of(self.classifier, files, self.wanted)]


def main() -> None:
    serve(Reader(msgspec.json.decode(sys.argv[1], type=Task)))
