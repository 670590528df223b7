"""What the project set out to reach and what was measured, from the committed results: python benchmarks/targets.py"""

import json
from typing import Any

import arm64
import goals
import pareto
import peers
import published
import quantization
import quantization_table
import robustness
import robustness_table
import seeds
import stored
import time_to_accuracy
from goals import Target

from edgecnn.bench.reports import tables

FUNCTION, FULL, SMALL = "tf-function", "onnx-float32", "onnx-int8"


def results(name: str) -> Any:
    return json.loads(published.RESULTS.with_name(name).read_text(encoding="utf-8"))


def targets() -> list[Target]:
    recipes = {row["recipe"]: row for row in results("published.json")["recipes"]}
    return [*_published(recipes), _int8_loss(recipes), *_latency(), *_harness(), _startup()]


def quantization_targets() -> list[Target]:
    """What quantizing set out to reach, here and on a Raspberry Pi."""
    found = quantization_table.targets(quantization_table.read(quantization.RESULTS))
    return [*found, *arm64.targets(stored.read(arm64.RESULTS))]


def recipe_targets() -> list[Target]:
    """What our own recipes set out to reach."""
    own = [*seeds.targets(), *pareto.targets(), *time_to_accuracy.targets()]
    return [*own, *robustness_table.targets(robustness_table.read(robustness.RESULTS))]


def _published(recipes: dict[str, Any]) -> list[Target]:
    found = []
    for name, row in recipes.items():
        if row["published"]:
            best = max(item["accuracy"] for item in row["published"])
            below = 100 * (best - row["test"]["value"])
            figure = f"{row['test']['value']:.2%}, {abs(below):.2f} points {'below' if below > 0 else 'above'}"
            found.append(Target(f"`{name}` at most 0.3 points below its published {best:.2%}", figure, below <= 0.3))
    return found


def _int8_loss(recipes: dict[str, Any]) -> Target:
    losses = {
        name: 100 * (row["float32"]["accuracy"]["value"] - row["int8"]["accuracy"]["value"])
        for name, row in recipes.items()
        if row["int8"]
    }
    worst = max(losses, key=lambda name: losses[name])
    return Target(
        "int8 loses at most 0.1 points on every recipe", f"{losses[worst]:.2f} at most, `{worst}`", losses[worst] <= 0.1
    )


def _latency() -> list[Target]:
    runs = peers.summaries()

    def ratio(goal: str, least: float, recipe: str, slow: str, fast: str) -> Target:
        found = next(pair.ratio for pair in runs[recipe].pairs if (pair.first, pair.second) == (slow, fast))
        return Target(goal, tables.ratio(found), found.value >= least) if found else Target(goal, "not measured", False)

    return [
        ratio("`edge`: ONNX float32 at least 10× faster than `tf.function`", 10, "edge", FUNCTION, FULL),
        ratio("`adventures`: ONNX float32 at least 2× faster than `tf.function`", 2, "adventures", FUNCTION, FULL),
        ratio("`adventures`: int8 at least 2× faster than float32", 2, "adventures", FULL, SMALL),
    ]


def _harness() -> list[Target]:
    found = results("harness.json")
    loop, loadgen = found["loop"]["ratio"]["edge"], found["loadgen"]["ratio"]
    whole, share = found["whole"], found["whole"]["coordinator_share"]
    apart = max(abs(ratio - 1) for ratio in loadgen.values())
    same, slower = found["same"]["said"].get("no difference shown", 0), found["slower"]["said"].get("slower", 0)
    return [
        Target("bench's p50 is 0.97 to 1.05 times a bare loop's", f"{loop:.3f}", 0.97 <= loop <= 1.05),
        Target(
            "bench's p90 is within 10 % of MLPerf LoadGen's",
            ", ".join(f"{ratio:.3f} (`{name}`)" for name, ratio in loadgen.items()),
            apart <= 0.1,
        ),
        Target("a model and its copy: no difference shown in 18 of 20 runs", f"{same} of 20", same >= 18),
        Target("a fifth more work: slower in 18 of 20 runs", f"{slower} of 20", slower >= 18),
        Target(
            "a default bench of TensorFlow and ONNX in at most 60 s",
            f"{whole['seconds']:.0f} s",
            whole["seconds"] <= 60,
        ),
        Target("the coordinator takes at most 2 % of a run", f"{share:.2%}", share <= 0.02),
    ]


def _startup() -> Target:
    ratio = results("startup.json")["predict_over_script"]
    return Target("`edgecnn predict one.png` at most 1.4× a ten-line script", f"{ratio:.2f}×", ratio <= 1.4)


def markdown() -> str:
    return goals.table(targets())


def quantization_markdown() -> str:
    return goals.table(quantization_targets())


def recipe_markdown() -> str:
    return goals.table(recipe_targets())


if __name__ == "__main__":
    print(markdown(), quantization_markdown(), recipe_markdown(), sep="\n", end="")
