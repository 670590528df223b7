"""[onnx] Searches the candidates: first the graph, then what stays in float32, then the scales; then judges all."""

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
from edgecnn.quantizing.decision import NOT_TIMED, Decision, compared, decide, is_less_accurate
from edgecnn.quantizing.evaluator import CandidateResult, Evaluator, Timing
from edgecnn.quantizing.float32_model import WEIGHTED
from edgecnn.quantizing.min_cut import cheapest
from edgecnn.quantizing.quantizers import quantizable, quantize_static
from edgecnn.quantizing.schemes import Target, int8_for, is_here

GUIDE_ROUNDS = 11  # of timing, to choose which candidates to build next
JUDGE_ROUNDS = 21  # of timing, to decide
COST_IMAGES = 32  # calibration images for the cost profile, which needs plausible ranges but no accurate answers
SENSITIVITY_IMAGES = 256
MOST_KEPT = 4  # candidates with sensitive parts in float32: with 1, 2, 4 and 8 of them
# The layouts for what cannot be timed here, best first. Folding columns moves no value. With it, the shipped networks
# take 3 to 21 % fewer instructions on x86-64 without VNNI and 3 to 13 % fewer on a Cortex-A76. On a Cortex-A72 it is
# between 6 % fewer and 1 % more: `python -m benchmarks layouts`.
UNTIMED: tuple[str, ...] = ("space-to-depth 1×4", "channels-last", AS_EXPORTED)


@dataclass(frozen=True)
class Found:
    """The result of a search: every candidate's result, the decision, and notes for the user."""

    trials: tuple[CandidateResult, ...]
    decision: Decision
    notes: tuple[str, ...] = ()


class Search:
    """One search for the best candidate for a target. `progress` receives what is being done."""

    def __init__(self, evaluator: Evaluator, target: Target, max_drop: float, progress: OnProgress) -> None:
        self.evaluator, self.target, self.max_drop = evaluator, target, max_drop
        self.form = int8_for(target)
        self.progress = progress

    def run(self) -> Found:
        """Try all candidates and decide. Raises ExportError if one cannot be quantized."""
        results = self._timed() if is_here(self.target) else self._untimed()
        return self._settled(results)

    def run_named(self, scheme: Literal["static", "dynamic", "float16"]) -> Found:
        """Build and judge the one candidate that `scheme` names.

        Raises ExportError if it cannot be quantized, and VerificationError if it loses too much accuracy.
        """
        candidate = named(scheme, self.form)
        [result] = self._judged([candidate]) if is_here(self.target) else [self.evaluator.judge(candidate, None)]
        require_accuracy(result.validation, self.evaluator.baseline, scheme)
        if result.timing is None:
            return Found((result,), Decision(result, f"asked for by name, {NOT_TIMED}"))
        speedup = result.timing.speedup
        reason = f"asked for by name; {compared(speedup)} here"
        slower = f"{scheme} is not shown to be faster here: {compared(speedup)}, so it only saves space"
        notes = () if speed_verdict(speedup) == "faster" else (slower,)
        return Found((result,), Decision(result, reason), notes)

    def _timed(self) -> list[CandidateResult]:
        graphs = self.graphs()
        best = self._fastest(graphs, "timing graphs")
        parts = list(self.mixtures(best))
        best = self._fastest([best, *parts], "timing what stays in float32")
        results = self._judged([*graphs, *parts, *calibrated(best), *self._full_range(best)])
        if all(is_less_accurate(result, self.max_drop) for result in results):
            results += self._judged(self.spared(best))
        return results

    def _full_range(self, best: Candidate) -> list[Candidate]:
        """8-bit weights are tried for this machine only, and only if it runs them as fast as 7-bit weights."""
        suits = self.target == "host" and best.form.reduce_range and multiplies_int8_exactly()
        return [full_range(best)] if suits else []

    def _untimed(self) -> list[CandidateResult]:
        best = plain(next(name for name in UNTIMED if self.evaluator.graph(name) is not None), self.form)
        results = self._answered([best, *calibrated(best)])
        if all(is_less_accurate(result, self.max_drop) for result in results):
            results += self._answered(self.spared(best))
        return results

    def _settled(self, results: list[CandidateResult]) -> Found:
        """Decide, then time the winner again, until a winner was timed twice.

        The winner of many candidates may have been lucky, so its time may be too short. It is opened anew and timed
        against float32 alone; that timing replaces the first.
        """
        proven: set[Candidate] = set()
        while True:
            decision = decide(results, self.max_drop)
            chosen = decision.chosen
            if chosen is None or chosen.timing is None or chosen.candidate in proven:
                return Found(tuple(results), decision)
            self.progress(Progress("timing the fastest again"))
            [timing] = self.evaluator.race([chosen.candidate], JUDGE_ROUNDS)
            results[results.index(chosen)] = replace(chosen, timing=timing)
            proven.add(chosen.candidate)

    def graphs(self) -> list[Candidate]:
        """The plain candidate of each rewriting that applies to the graph."""
        self.progress(Progress("rewriting the graph"))
        names = [name for name in (AS_EXPORTED, *REWRITINGS) if self.evaluator.graph(name) is not None]
        return [plain(name, self.form) for name in names]

    def mixtures(self, best: Candidate) -> Iterator[Candidate]:
        """Variants of `best` with parts in float32."""
        self.progress(Progress("measuring the cost of each part"))
        graph = Graph(self.evaluator.graph(best.rewriting))
        weighted = [node.name for node in graph.nodes if node.op_type in WEIGHTED]
        units = units_of(graph)

        def whole(unit: str) -> tuple[str, ...]:
            return tuple(name for name, its in units.items() if its == unit)

        tail = whole(units[weighted[-1]]) if len(weighted) > 1 else ()
        return mixed(best, whole(units[weighted[0]]), tail, self.by_cost(best, units))

    def by_cost(self, best: Candidate, units: dict[str, str]) -> tuple[str, ...]:
        """The nodes that could run in int8 but should stay in float32 according to the measured costs."""
        model = self.evaluator.graph(best.rewriting)

        def quantize(renamed: Any) -> Any:
            return quantize_static(renamed, self.evaluator.calibrated(renamed, "minmax", COST_IMAGES), best.form)

        in_int8 = cheapest(costs.measure(model, quantize, self.evaluator.image))
        able = {node.name for node in Graph(model).nodes if node.op_type in quantizable()}
        return tuple(name for name, unit in units.items() if unit not in in_int8 and name in able)

    def spared(self, best: Candidate) -> list[Candidate]:
        """Variants of `best` with the 1, 2, 4, … most sensitive parts in float32, to lose less accuracy."""
        self.progress(Progress("finding the parts that int8 hurts most"))
        graph = Graph(self.evaluator.graph(best.rewriting))
        units = units_of(graph)
        ranked = sorted(self._sensitivities(best, graph, units).items(), key=lambda item: -item[1])
        counts = [2**power for power in range(MOST_KEPT) if 2**power < len(ranked)]
        return [self._without(best, units, {unit for unit, _ in ranked[:count]}) for count in counts]

    def _without(self, best: Candidate, units: dict[str, str], kept: set[str]) -> Candidate:
        nodes = tuple(name for name, unit in units.items() if unit in kept)
        variant = ", ".join(part for part in (best.variant, f"{len(kept)} sensitive parts float32") if part)
        why = "the parts that change the answers most in int8 stay in float32"
        return replace(best, kept_float=(*best.kept_float, *nodes), variant=variant, why=why)

    def _sensitivities(self, best: Candidate, graph: Graph, units: dict[str, str]) -> dict[str, float]:
        """The mean change of the probabilities if only one unit with weights runs in int8, for each such unit."""
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
        """The fastest of the candidates that are shown to be faster than the first, or the first.

        This only guides which candidates are built next.
        """
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
        """Build all candidates, time them side by side, and score them."""
        for done, candidate in enumerate(candidates):
            self.progress(Progress("building candidates", done, len(candidates)))
            self.evaluator.file(candidate)
        self.progress(Progress("timing candidates"))
        return self._answered(candidates, self.evaluator.race(candidates, JUDGE_ROUNDS))

    def _answered(
        self, candidates: Sequence[Candidate], timings: Sequence[Timing] | None = None
    ) -> list[CandidateResult]:
        results = []
        for done, candidate in enumerate(candidates):
            self.progress(Progress("answering validation images", done, len(candidates)))
            results.append(self.evaluator.judge(candidate, timings[done] if timings else None))
        return results
