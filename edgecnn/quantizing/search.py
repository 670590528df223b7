"""[onnx] Goes through the candidates: first the graph, then what stays float32, then the scales; all judged last."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from edgecnn.bench.stats import ratio, speed_verdict
from edgecnn.exporting.verify import require_accuracy
from edgecnn.graph.graph import Graph
from edgecnn.graph.layouts import REWRITINGS
from edgecnn.graph.units import units_of
from edgecnn.host.machine import multiplies_int8_exactly
from edgecnn.progress import OnProgress, Progress
from edgecnn.quantizing import costs
from edgecnn.quantizing.candidates import AS_EXPORTED, Candidate, calibrated, full_range, mixed, named, plain
from edgecnn.quantizing.decision import NOT_TIMED, Decision, decide, is_less_accurate, spoken
from edgecnn.quantizing.evaluator import CandidateResult, Evaluator, Timing
from edgecnn.quantizing.float32_model import WEIGHTED
from edgecnn.quantizing.min_cut import cheapest
from edgecnn.quantizing.quantizers import calibrate, quantizable, quantize_static
from edgecnn.quantizing.schemes import Target, int8_for, is_here

GUIDE_ROUNDS = 11  # to choose what to build next
JUDGE_ROUNDS = 21  # to decide
COST_IMAGES = 32  # enough for ranges of a model whose answers nobody reads
SENSITIVITY_IMAGES = 256
MOST_KEPT = 4  # doublings of the number of sensitive parts left in float32
# What is chosen where nothing can be timed: a layout that no kernel minds.
UNTIMED = "channels-last"


@dataclass(frozen=True)
class Found:
    """Every trial, and what they decide."""

    trials: tuple[CandidateResult, ...]
    decision: Decision
    notes: tuple[str, ...] = ()


class Search:
    """One search in a workshop, for one target; `progress` is told how it goes."""

    def __init__(self, evaluator: Evaluator, target: Target, max_drop: float, progress: OnProgress) -> None:
        self.evaluator, self.target, self.max_drop = evaluator, target, max_drop
        self.form = int8_for(target)
        self.progress = progress

    def run(self) -> Found:
        """Try every candidate and decide. Raises ExportError."""
        trials = self._timed() if is_here(self.target) else self._untimed()
        return self._settled(trials)

    def run_named(self, scheme: Literal["static", "dynamic", "float16"]) -> Found:
        """Make the one candidate that `scheme` names, and say how it does. Raises ExportError, VerificationError."""
        candidate = named(scheme, self.form)
        [trial] = self._judged([candidate]) if is_here(self.target) else [self.evaluator.judge(candidate, None)]
        require_accuracy(trial.validation, self.evaluator.baseline, scheme)
        if trial.timing is None:
            return Found((trial,), Decision(trial, f"asked for by name, {NOT_TIMED}"))
        speedup = trial.timing.speedup
        reason = f"asked for by name; {spoken(speedup)} times as fast as float32 here"
        slower = f"{scheme} is not shown faster than float32 here, {spoken(speedup)}: use it for its size only"
        notes = () if speed_verdict(speedup) == "faster" else (slower,)
        return Found((trial,), Decision(trial, reason), notes)

    def _timed(self) -> list[CandidateResult]:
        graphs = self.graphs()
        best = self._fastest(graphs, "timing graphs")
        parts = list(self.mixtures(best))
        best = self._fastest([best, *parts], "timing what stays in float32")
        trials = self._judged([*graphs, *parts, *calibrated(best), *self._full_range(best)])
        if all(is_less_accurate(trial, self.max_drop) for trial in trials):
            trials += self._judged(self.spared(best))
        return trials

    def _full_range(self, best: Candidate) -> list[Candidate]:
        """8-bit weights are tried for this very processor alone, and only where they are as fast as 7-bit ones."""
        suits = self.target == "host" and best.form.reduce_range and multiplies_int8_exactly()
        return [full_range(best)] if suits else []

    def _untimed(self) -> list[CandidateResult]:
        best = plain(UNTIMED if self.evaluator.graph(UNTIMED) is not None else AS_EXPORTED, self.form)
        trials = self._answered([best, *calibrated(best)])
        if all(is_less_accurate(trial, self.max_drop) for trial in trials):
            trials += self._answered(self.spared(best))
        return trials

    def _settled(self, trials: list[CandidateResult]) -> Found:
        """Decide, and have the winner prove itself: of many candidates the luckiest is measured too fast.

        It is opened anew and timed again beside float32 alone, and that time is taken instead of the first.
        """
        proven: set[Candidate] = set()
        while True:
            decision = decide(trials, self.max_drop)
            chosen = decision.chosen
            if chosen is None or chosen.timing is None or chosen.candidate in proven:
                return Found(tuple(trials), decision)
            self.progress(Progress("timing the fastest again"))
            [timing] = self.evaluator.race([chosen.candidate], JUDGE_ROUNDS)
            trials[trials.index(chosen)] = replace(chosen, timing=timing)
            proven.add(chosen.candidate)

    def graphs(self) -> list[Candidate]:
        """The plain candidate of each rewriting that the graph has a place for."""
        self.progress(Progress("rewriting the graph"))
        names = [name for name in (AS_EXPORTED, *REWRITINGS) if self.evaluator.graph(name) is not None]
        return [plain(name, self.form) for name in names]

    def mixtures(self, best: Candidate) -> Iterator[Candidate]:
        """`best` with parts left in float32."""
        self.progress(Progress("measuring the cost of each part"))
        graph = Graph(self.evaluator.graph(best.rewriting))
        weighted = [node.name for node in graph.nodes if node.op_type in WEIGHTED]
        units = units_of(graph)

        def whole(unit: str) -> tuple[str, ...]:
            return tuple(name for name, its in units.items() if its == unit)

        tail = whole(units[weighted[-1]]) if len(weighted) > 1 else ()
        return mixed(best, whole(units[weighted[0]]), tail, self.by_cost(best, units))

    def by_cost(self, best: Candidate, units: dict[str, str]) -> tuple[str, ...]:
        """The nodes that the measured costs would leave in float32, of those that could run in int8."""
        model = self.evaluator.graph(best.rewriting)
        images = self.evaluator.calibration.images[:COST_IMAGES]

        def quantize(renamed: Any) -> Any:
            return quantize_static(renamed, calibrate(renamed, images, "minmax"), best.form)

        in_int8 = cheapest(costs.measure(model, quantize, self.evaluator.image))
        able = {node.name for node in Graph(model).nodes if node.op_type in quantizable()}
        return tuple(name for name, unit in units.items() if unit not in in_int8 and name in able)

    def spared(self, best: Candidate) -> list[Candidate]:
        """`best` with its 1, 2, 4, … most sensitive parts in float32, for when all of it loses too much."""
        self.progress(Progress("looking for what int8 hurts"))
        graph = Graph(self.evaluator.graph(best.rewriting))
        units = units_of(graph)
        ranked = sorted(self._sensitivities(best, graph, units).items(), key=lambda item: -item[1])
        counts = [2**power for power in range(MOST_KEPT) if 2**power < len(ranked)]
        return [self._without(best, units, {unit for unit, _ in ranked[:count]}) for count in counts]

    def _without(self, best: Candidate, units: dict[str, str], kept: set[str]) -> Candidate:
        nodes = tuple(name for name, unit in units.items() if unit in kept)
        variant = ", ".join(part for part in (best.variant, f"{len(kept)} sensitive parts float32") if part)
        why = "the parts whose int8 alone changes the answers most stay in float32"
        return replace(best, kept_float=(*best.kept_float, *nodes), variant=variant, why=why)

    def _sensitivities(self, best: Candidate, graph: Graph, units: dict[str, str]) -> dict[str, float]:
        """How far the probabilities move, on average, when one weighted part alone runs in int8."""
        images = self.evaluator.validation.images[:SENSITIVITY_IMAGES]
        reference = self.evaluator.original.predict(images)
        weighted = [node.name for node in graph.nodes if node.op_type in WEIGHTED and node.name not in best.kept_float]
        moved = {}
        for unit in dict.fromkeys(units[name] for name in weighted):
            alone = tuple(name for name, its in units.items() if its != unit)
            answers = self.evaluator.opened(replace(best, kept_float=alone)).predict(images)
            moved[unit] = float(np.abs(answers - reference).mean())
        return moved

    def _fastest(self, candidates: Sequence[Candidate], doing: str) -> Candidate:
        """The first candidate, or the fastest of those shown to be faster than it: a guide to what to build next."""
        self.progress(Progress(doing))
        first, *others = self.evaluator.race(candidates, GUIDE_ROUNDS) if len(candidates) > 1 else [None]
        speedups = [(1.0, candidates[0])]
        for candidate, timing in zip(candidates[1:], others, strict=True):
            assert first is not None
            assert timing is not None
            speedup = ratio(first.relative, timing.relative)
            if speed_verdict(speedup) == "faster":
                speedups.append((speedup.value, candidate))
        return max(speedups, key=lambda pair: pair[0])[1]

    def _judged(self, candidates: Sequence[Candidate]) -> list[CandidateResult]:
        """All candidates timed in one run, and their answers."""
        for done, candidate in enumerate(candidates):
            self.progress(Progress("building candidates", done, len(candidates)))
            self.evaluator.file(candidate)
        self.progress(Progress("timing candidates"))
        return self._answered(candidates, self.evaluator.race(candidates, JUDGE_ROUNDS))

    def _answered(
        self, candidates: Sequence[Candidate], timings: Sequence[Timing] | None = None
    ) -> list[CandidateResult]:
        trials = []
        for done, candidate in enumerate(candidates):
            self.progress(Progress("answering validation images", done, len(candidates)))
            trials.append(self.evaluator.judge(candidate, timings[done] if timings else None))
        return trials
