"""What a payload is, and the list of all of them, by kind. Importing the other modules here fills the list."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

CANARY = "canary-that-nobody-may-see"


@dataclass(frozen=True)
class Place:
    """What payloads reach for: files outside of their folders, and a port of this machine that somebody listens on.

    `secret` holds a text with the CANARY, weights that would fit, and images. Who runs a payload's code makes `marker`.
    """

    root: Path
    port: int

    @property
    def secret(self) -> Path:
        return self.root / "secret"

    @property
    def marker(self) -> Path:
        return self.root / "marker"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/payload"


@dataclass(frozen=True)
class Result:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


Build = Callable[[Path, Place], object]
Check = Callable[[Path, Result], object]


@dataclass(frozen=True)
class Payload:
    """A hostile input. `build` makes its files in an empty folder, where each of `commands` is then run.

    A command is refused, and its one line contains `says`; or, if `code` is 0, it reads the input as what it is, and
    its output contains `says`. `looks` is True for a payload whose folder really holds a link to the secret. `check`
    looks at the folder afterwards.
    """

    kind: str
    name: str
    commands: tuple[str, ...]
    build: Build
    says: str
    code: int
    looks: bool
    check: Check | None


PAYLOADS: list[Payload] = []


def payload(
    *commands: str, says: str, code: int = 1, looks: bool = False, check: Check | None = None
) -> Callable[[Build], Build]:
    """Add a payload to the list. Its kind is its module's name, its name that of the function that builds it."""

    def add(build: Build) -> Build:
        kind, name = build.__module__.rpartition(".")[2].removeprefix("in_"), build.__name__
        PAYLOADS.append(Payload(kind, name, commands, build, says, code, looks, check))
        return build

    return add


def digit(path: Path) -> Path:
    """A picture of a one."""
    pixels = np.zeros((28, 28), np.uint8)
    pixels[6:22, 13:16] = 255
    Image.fromarray(pixels).save(path, "png")
    return path
