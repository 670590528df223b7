"""Judges what edgecnn does with a network: right, refused with a cure, silently wrong, or a traceback."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.lib.results import Row
from benchmarks.third_party import data
from benchmarks.third_party.answers import Answers
from benchmarks.third_party.network import Network
from benchmarks.third_party.pixels import FEEDS
from edgecnn.errors import EdgecnnError
from edgecnn.exporting.export import export
from edgecnn.preprocessing import Preprocessing, parse
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.recognition import choose

# A message has a cure if it tells to do something after it has told what is wrong.
CURE = re.compile(
    r"[:;,] (?:(?:for|where|in) [^:;]*, )?(?:\w+ it,? )?"
    r"(add|begin|build|choose|compute|copy|do|end|export|give|inline|install|load|open|rebuild|remove|rename|replace"
    r"|run|save|say|train|try|use|write)\b|--\w+"
)
BAD = ("traceback", "wrong", "refused without a cure")
SECONDS = 120  # for a command


@dataclass(frozen=True)
class Outcome:
    """What came of one attempt: a verdict, the probabilities' largest difference, and what was said."""

    verdict: str
    difference: float | None = None
    said: str = ""
    seconds: float = 0.0

    def row(self, name: str) -> Row:
        found = {"": self.verdict, "_difference": self.difference, "_said": self.said}
        return {f"{name}{key}": value for key, value in found.items() if value not in (None, "")}


def judge(network: Network) -> Row:
    """The network's row: what came of it untold, what came of it when told by `--preprocess`, and what that means."""
    option = FEEDS[network.pixels].option
    attempt = _served if network.form == "onnx" else _exported
    untold = _outcome(network, attempt, None)
    row: Row = {"seconds": round(untold.seconds, 1), **untold.row("untold")}
    if untold.verdict == "right" or not option or network.refused:
        return row | {"verdict": overall(network, untold)}
    told = _outcome(network, attempt, parse(option))
    return row | told.row("told") | {"verdict": overall(network, untold, told)}


def overall(network: Network, untold: Outcome, told: Outcome | None = None) -> str:
    for outcome in filter(None, (untold, told)):
        if outcome.verdict in BAD:
            return outcome.verdict
    if told:
        return f"{untold.verdict}, {'right' if told.verdict == 'right' else 'but ' + told.verdict} when told"
    return untold.verdict if untold.verdict != "refused" or network.refused else "refused in error"


def _outcome(network: Network, attempt: Callable[..., Outcome], how: Preprocessing | None) -> Outcome:
    started = time.perf_counter()
    out = network.folder / ("told" if how else "untold")
    shutil.rmtree(out, ignore_errors=True)
    try:
        done = attempt(network, how, out)
    except EdgecnnError as error:
        said = without_paths(str(error))
        done = Outcome("refused" if CURE.search(said) else "refused without a cure", said=said)
    except Exception as error:  # what a user would see as a traceback
        done = Outcome("traceback", said=f"{type(error).__name__}: {without_paths(str(error))}"[:300])
    return Outcome(done.verdict, done.difference, done.said, time.perf_counter() - started)


def without_paths(text: str) -> str:
    return re.sub(r"/\S*/", "", text)


def _exported(network: Network, how: Preprocessing | None, out: Path) -> Outcome:
    """Export a TensorFlow model, and use the file that it becomes."""
    done = export(network.file, out=out, data=data.path_of(network.data), preprocess=how)
    return _unless_told(_compared(network, Classifier(done.path), _used(done.path)), done.notes)


def _served(network: Network, how: Preprocessing | None, out: Path) -> Outcome:
    """Use an ONNX file as `predict` does; unless it is told how, find that out as `export` and `--quantize` do."""
    classifier = Classifier(network.file, preprocessing=how)
    plain = _commands(network.file) or _compared(network, classifier, str(classifier.input.preprocessing))
    plain = _unless_told(plain, classifier.notes)
    if how or classifier.input.dtype == "uint8" or plain.verdict not in ("right", "assumed"):
        return plain
    found = choose(classifier.run_any, classifier.input, data.loaded(network.data), network.file.name).preprocessing
    return _compared(network, Classifier(network.file, preprocessing=found), f"found: {found}")


def _unless_told(outcome: Outcome, notes: Sequence[str]) -> Outcome:
    """The outcome; what is not right is only assumed if a note says so and names the option."""
    told = next((note for note in notes if "assumed" in note and "--preprocess" in note), "")
    return Outcome("assumed", outcome.difference, told) if told and outcome.verdict in ("wrong", "near") else outcome


def _used(path: Path) -> str:
    metadata = Classifier(path).metadata
    return str(metadata.preprocessing or "pixels")


def _compared(network: Network, classifier: Classifier, said: str) -> Outcome:
    found = classifier.predict(data.loaded(network.data).test.images).astype(np.float64)
    answers = Answers.load(network.folder)
    difference = float(np.abs(found - answers.right).max()) if found.shape == answers.right.shape else None
    return Outcome(answers.verdict(found), difference, said)


def _commands(path: Path) -> Outcome | None:
    """What went wrong with `info`, if anything did."""
    done = subprocess.run(
        [sys.executable, "-m", "edgecnn", "info", str(path)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return Outcome("traceback", said=done.stderr[-300:]) if done.returncode not in (0, 1) or _traced(done) else None


def _traced(done: Any) -> bool:
    return "Traceback" in done.stderr
