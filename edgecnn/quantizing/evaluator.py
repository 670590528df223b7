"""[onnx] Builds candidates, scores them on the validation images, and times them against the float32 model."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.bench.stats import SIGNIFICANT, Estimate, mcnemar, ratio
from edgecnn.data import Split
from edgecnn.errors import VerificationError
from edgecnn.exporting.verify import compare, require_equal
from edgecnn.graph.graph import onnx_module, use_oldest_format
from edgecnn.graph.layouts import REWRITINGS
from edgecnn.metrics import Accuracy
from edgecnn.quantizing.calibration import Calibration
from edgecnn.quantizing.candidates import AS_EXPORTED, Candidate
from edgecnn.quantizing.quantizers import calibrate, dynamic, float16, quantize_static
from edgecnn.quantizing.schemes import Method
from edgecnn.quantizing.timing import rounds
from edgecnn.runtime.classifier import Classifier

EQUAL_IMAGES = 256  # a rewritten float32 graph must give the same answers as the original for these


@dataclass(frozen=True)
class Timing:
    """The median latency of each round in microseconds, for a candidate and for float32 timed in the same round."""

    medians_us: tuple[float, ...]
    float32_us: tuple[float, ...]

    @property
    def latency_us(self) -> float:
        """The median of all rounds."""
        return float(np.median(self.medians_us))

    @property
    def relative(self) -> tuple[float, ...]:
        """Each round's time divided by float32's, so that timings from busy and idle moments can be compared."""
        return tuple(mine / its for mine, its in zip(self.medians_us, self.float32_us, strict=True))

    @property
    def speedup(self) -> Estimate:
        """float32's time divided by the candidate's, with a 95 % interval."""
        return ratio(self.float32_us, self.medians_us)


@dataclass(frozen=True)
class CandidateResult:
    """The measured size, accuracy and speed of a candidate.

    `lost` counts the validation images that only float32 labels correctly, `gained` those that only the candidate
    labels correctly. `wrong` holds the positions of the images that the candidate labels wrongly. `timing` is None if
    the target is another machine.
    """

    candidate: Candidate
    bytes: int
    validation: Accuracy
    lost: int
    gained: int
    timing: Timing | None
    wrong: frozenset[int] = frozenset()

    @property
    def drop(self) -> float:
        """The net loss of validation accuracy in percentage points; negative for a gain."""
        return 100 * (self.lost - self.gained) / self.validation.images

    @property
    def p_value(self) -> float:
        """The p-value of McNemar's test that the candidate and float32 are equally accurate."""
        return mcnemar(self.lost, self.gained)

    def is_more_accurate(self, other: "CandidateResult") -> bool:
        """Whether McNemar's test shows that this candidate is more accurate than the other on the validation images."""
        mine, its = len(other.wrong - self.wrong), len(self.wrong - other.wrong)
        return mine > its and mcnemar(its, mine) < SIGNIFICANT


class Evaluator:
    """Builds, scores and times the candidates of one float32 model.

    It holds the calibration and validation images, and writes the candidates' files into the folder `scratch`.
    """

    def __init__(
        self, original: Classifier, model: Any, calibration: Calibration, validation: Split, scratch: Path
    ) -> None:
        self.original, self.model = original, model
        self.calibration, self.validation = calibration, validation
        self._scratch = scratch
        self._graphs: dict[str, Any] = {}
        self._ranges: dict[tuple[str, Method], Any] = {}
        self._files: dict[Candidate, Path] = {}

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Which validation images the float32 model labels correctly, bool [n]."""
        return self._right(self.original)

    @property
    def image(self) -> NDArray[Any]:
        """The prepared batch that is timed: one image, repeated if the model has a fixed batch size."""
        return np.repeat(self.original.input.prepare(self.validation.images[:1]), self.original.batch or 1, axis=0)

    def graph(self, rewriting: str) -> Any | None:
        """The float32 graph after a rewriting, or None if the rewriting does not apply or changes the answers."""
        if rewriting not in self._graphs:
            self._graphs[rewriting] = self.model if rewriting == AS_EXPORTED else self._rewritten(rewriting)
        return self._graphs[rewriting]

    def _rewritten(self, rewriting: str) -> Any | None:
        model = REWRITINGS[rewriting](self.model)
        if model is None:
            return None
        path = self._write(model, f"float32 {len(self._graphs)}")
        images = self.validation.images[:EQUAL_IMAGES]
        try:
            require_equal(compare(Classifier(path).predict(images), self.original.predict(images)), rewriting)
        except VerificationError:
            return None  # in a large network, rounding may differ too much; other candidates remain
        return model

    def quantized(self, candidate: Candidate) -> Any:
        """The candidate as a ModelProto. Raises ExportError if it cannot be quantized."""
        match candidate.scheme:
            case "dynamic":
                return dynamic(self.model)
            case "float16":
                return float16(self.model)
        model = self.graph(candidate.rewriting)
        key = (candidate.rewriting, candidate.method)
        if key not in self._ranges:
            self._ranges[key] = self.calibrated(model, candidate.method)
        return quantize_static(model, self._ranges[key], candidate.form, candidate.kept_float)

    def calibrated(self, model: Any, method: Method, most: int | None = None) -> Any:
        """The ranges of a graph's activations over the first `most` calibration images, or over all of them."""
        given = self.calibration
        return calibrate(model, given.images[:most], method, given.spec.prepare)

    def file(self, candidate: Candidate) -> Path:
        """The candidate's file, which is written at the first call. Raises ExportError if it cannot be quantized."""
        if candidate not in self._files:
            self._files[candidate] = self._write(self.quantized(candidate), f"candidate {len(self._files)}")
        return self._files[candidate]

    def _write(self, model: Any, name: str) -> Path:
        path = self._scratch / f"{name}.onnx"
        use_oldest_format(model)
        onnx_module().save(model, path)
        return path

    def opened(self, candidate: Candidate) -> Classifier:
        """The candidate, opened with one thread."""
        return Classifier(self.file(candidate), threads=1)

    def race(self, candidates: Sequence[Candidate], count: int) -> list[Timing]:
        """Time candidates against float32 in `count` rounds. Every model is opened anew."""
        return race([self.original.path, *map(self.file, candidates)], self.image, count)

    def judge(self, candidate: Candidate, timing: Timing | None) -> CandidateResult:
        """Score the candidate on the validation images."""
        path = self.file(candidate)
        right = self._right(self.opened(candidate))
        score = Accuracy(self.validation.name, int(right.sum()), len(right))
        lost, gained = int((self.right & ~right).sum()), int((right & ~self.right).sum())
        wrong = frozenset(np.flatnonzero(~right).tolist())
        return CandidateResult(candidate, path.stat().st_size, score, lost, gained, timing, wrong)

    def _right(self, classifier: Classifier) -> NDArray[np.bool_]:
        answers = classifier.predict(self.validation.images).argmax(axis=1)
        return np.asarray(answers == self.validation.labels)

    @property
    def baseline(self) -> Accuracy:
        """The float32 model's accuracy on the validation images."""
        return Accuracy(self.validation.name, int(self.right.sum()), len(self.right))


def race(files: Sequence[Path], image: NDArray[Any], count: int) -> list[Timing]:
    """Time the other files against the first in `count` rounds, with one thread for each model."""
    sessions = [Classifier(path, threads=1) for path in files]
    calls = [partial(session.run, image) for session in sessions]
    first, *others = zip(*rounds(calls, count), strict=True)
    return [Timing(medians, first) for medians in others]
