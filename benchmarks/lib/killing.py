"""Sends a signal to a command at a chosen moment, and finds out what it left."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from edgecnn import files
from edgecnn.bench.reports.document import read
from edgecnn.data import load
from edgecnn.errors import EdgecnnError
from edgecnn.folder import ModelFolder
from edgecnn.scratch import PREFIX

MODEL = Path("models") / "nano"
TRAIN = ("train", "--recipe", "nano", "--limit", "400", "--epochs", "1", "--no-augment")
COMMANDS: dict[str, tuple[str, ...]] = {
    "train": (*TRAIN, "--seed", "1"),
    "export": ("export", str(MODEL)),
    "export --quantize": ("export", str(MODEL), "--quantize", "--scheme", "static"),
    "bench": (
        "bench",
        str(MODEL / "model.onnx"),
        "--runtime",
        "onnxruntime",
        "--data",
        "few.npz",
        "--duration",
        "0.5",
        "--json",
        "b.json",
    ),
    "predict": ("predict", *(["digit.png"] * 500), "--model", str(MODEL)),
}
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
MAY_TAKE = 2.0  # seconds from the signal to the end
# Seconds of processor time in which Python may still be starting: a signal meanwhile is not ours to answer.
STARTING = 0.25
MARK = "EDGECNN_KILLED_RUN"  # an environment variable, by which every process of a run is found


@dataclass(frozen=True)
class Kill:
    """One command, the signal that it was sent, and after how many seconds."""

    command: str
    signal: signal.Signals
    seconds: float

    def __str__(self) -> str:
        return f"{self.command}, {self.signal.name} after {self.seconds:.3f} s"


@dataclass(frozen=True)
class Outcome:
    """What came of a kill.

    `code` is the exit code, as subprocess gives it, `took` the seconds from the signal to the end, `words` what was on
    stderr, and `faults` what is wrong.
    """

    kill: Kill
    code: int
    took: float
    words: str
    faults: tuple[str, ...]

    @property
    def was_in_time(self) -> bool:
        """Whether the command was still running."""
        return self.code != 0


class Place:
    """A working folder and a temporary folder of their own, in `root`."""

    def __init__(self, root: Path) -> None:
        self.work, self.temporary = root / "work", root / "tmp"
        self.temporary.mkdir(parents=True, exist_ok=True)
        self._environment = {
            **os.environ,
            "TMPDIR": str(self.temporary),
            "HOME": str(root),
            "XDG_CACHE_HOME": str(root / "cache"),
            MARK: str(root),
        }

    def prepare(self) -> None:
        """Train, export, quantize and bench a model, all complete."""
        self.work.mkdir(parents=True)
        digits = load()
        train, test = digits.train, digits.test
        np.savez(
            self.work / "few.npz",
            x_train=train.images[:60],
            y_train=train.labels[:60],
            x_test=test.images[:500],
            y_test=test.labels[:500],
        )
        Image.fromarray(test.images[0]).save(self.work / "digit.png")
        for command in (TRAIN, *(COMMANDS[name] for name in ("export --quantize", "bench"))):
            done = self.start(command)
            _, words = done.communicate()
            if done.returncode:
                raise RuntimeError(f"{' '.join(command)}: {words}")

    def start(self, arguments: Sequence[str]) -> subprocess.Popen[str]:
        if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in the background of a shell, for children too
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        return subprocess.Popen(
            [sys.executable, "-m", "edgecnn", *arguments],
            cwd=self.work,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def processes(self) -> Iterator[psutil.Process]:
        """Every process of a run here that has not ended."""
        for process in psutil.process_iter():
            try:
                marked = process.environ().get(MARK) == self._environment[MARK]
                if marked and process.status() != psutil.STATUS_ZOMBIE:
                    yield process
            except psutil.Error:  # another user's, or ended meanwhile
                continue

    def unfinished(self) -> list[str]:
        """The scratch folders that are there."""
        found = [*self.temporary.glob(f"{PREFIX}*"), *self.work.rglob(f"{PREFIX}*")]
        return [path.name for path in found]


def duration(command: str, base: Place, root: Path) -> float:
    """The seconds that a command takes if nothing stops it."""
    place = copied(base, root)
    began = time.monotonic()
    place.start(COMMANDS[command]).communicate()
    return time.monotonic() - began


def copied(base: Place, root: Path) -> Place:
    """A new place with the files of another."""
    shutil.rmtree(root, ignore_errors=True)
    place = Place(root)
    shutil.copytree(base.work, place.work)
    return place


def carry_out(kill: Kill, base: Place, root: Path) -> Outcome:
    """Kill a command in a copy of `base`, and look at what it leaves."""
    place = copied(base, root)
    process = place.start(COMMANDS[kill.command])
    time.sleep(kill.seconds)
    is_starting, began = _is_starting(process.pid), time.monotonic()
    process.send_signal(kill.signal)
    _, words = process.communicate()
    took = time.monotonic() - began
    faults = [] if is_starting and not words.startswith("stopped") else [*_manners(kill, process.returncode, words)]
    faults += [*_lateness(kill, process.returncode, took), *_survivors(place, began), *_leftovers(kill, place)]
    faults += [*_next_command(place), *_state(place)]
    return Outcome(kill, process.returncode, took, words, tuple(faults))


def _is_starting(process: int) -> bool:
    """Whether a process has not worked for long. The clock does not tell, where other programs are at work."""
    with suppress(psutil.Error):
        times = psutil.Process(process).cpu_times()
        return bool(times.user + times.system < STARTING)
    return False


def _manners(kill: Kill, code: int, words: str) -> Iterator[str]:
    """What is wrong with the way in which the command ended."""
    if kill.signal == signal.SIGKILL or code == 0:
        return
    if code != 128 + kill.signal:
        yield f"its exit code is {code}"
    if "Traceback" in words:
        yield "it shows a traceback"
    if "stopped" not in words:
        yield "it does not say what was kept"


def _lateness(kill: Kill, code: int, took: float) -> Iterator[str]:
    if kill.signal != signal.SIGKILL and code != 0 and took > MAY_TAKE:
        yield f"it took {took:.1f} s to end"


def _survivors(place: Place, began: float) -> Iterator[str]:
    while left := list(place.processes()):
        if time.monotonic() - began > MAY_TAKE:
            yield f"{len(left)} of its processes live on"
            for process in left:
                process.kill()
            return
        time.sleep(0.05)


def _leftovers(kill: Kill, place: Place) -> Iterator[str]:
    if kill.signal != signal.SIGKILL and (left := place.unfinished()):
        yield f"it leaves {', '.join(left)}"


def _next_command(place: Place) -> Iterator[str]:
    """What is wrong with the next command: it must work, and sweep what a kill has left."""
    is_exported = ModelFolder(place.work / MODEL).onnx_files()
    process = place.start(("info", str(MODEL)) if is_exported else COMMANDS["export"])
    _, words = process.communicate()
    if process.returncode:
        yield f"the next command fails: {words.strip()}"
    if "card" in words:
        yield f"the next command has doubts: {words.strip()}"
    if left := place.unfinished():
        yield f"the next command leaves {', '.join(left)}"


def _state(place: Place) -> Iterator[str]:
    """What is wrong with the files: the card must fit all the others, and a report be complete."""
    folder = ModelFolder(place.work / MODEL)
    try:
        card = folder.card()
        if read(place.work / "b.json").partial:
            yield "a partial report replaces a complete one"
    except EdgecnnError as error:
        yield str(error)
        return
    if card is None:
        yield "the card is gone"
        return
    recorded = {name: record.sha256 for name, record in card.exports.items()}
    found = {path.name: files.sha256(path) for path in folder.onnx_files()}
    if recorded != found:
        yield f"the card has {sorted(recorded)}, the folder {sorted(found)}, or their hashes differ"
    if card.original_sha256 != files.sha256(folder.keras):
        yield "the card is of another original"
