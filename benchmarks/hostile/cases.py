"""What a command's memory is measured with: each file or folder, how it is made, and the command that is given it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.hostile import data, documents, keras, onnx, pictures
from benchmarks.lib.paths import ROOT

NANO = ROOT / "models" / "nano"
BENCH = ("bench", str(NANO / "model.onnx"), "--runtime", "onnxruntime", "--duration", "0.1")
PICTURE = "small.png"  # in the working folder
Make = Callable[[Path], object]


@dataclass(frozen=True)
class Group:
    """Files of one kind, by name: what the path ends in, and what writes it. The commands have {} for the path."""

    commands: Sequence[Sequence[str]]
    files: Mapping[str, tuple[str, Make]]


@dataclass(frozen=True)
class Case:
    """One file and one command."""

    group: str
    name: str
    command: Sequence[str]

    @property
    def file(self) -> str:
        """What the path of the file ends in."""
        return GROUPS[self.group].files[self.name][0]

    def make(self, path: Path) -> None:
        """Write the file."""
        GROUPS[self.group].files[self.name][1](path)

    def at(self, path: Path) -> list[str]:
        """The command's arguments for the file at a path."""
        return [argument.replace("{}", str(path)) for argument in self.command]


GROUPS: Mapping[str, Group] = {
    "pictures": Group([("predict", "{}", "--model", str(NANO))], pictures.MADE),
    "data sets": Group([(*BENCH, "--data", "{}")], data.MADE),
    "reports of a bench": Group([(*BENCH, "--compare", "{}")], documents.REPORTS),
    "cards": Group([("info", "{}")], documents.CARDS),
    "Keras files and SavedModels": Group([("export", "{}")], keras.MADE),
    "ONNX files, to read": Group([("info", "{}"), ("predict", PICTURE, "--model", "{}")], onnx.READ),
    "ONNX files, to run": Group([("predict", PICTURE, "--model", "{}")], onnx.RUN),
}


def cases() -> Iterator[Case]:
    """Every file with every command of its group."""
    for name, group in GROUPS.items():
        for file in group.files:
            for command in group.commands:
                yield Case(name, file, command)
