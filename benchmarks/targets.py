"""What the project set out to reach and what was measured, from the committed results: python benchmarks/targets.py"""

import json
from dataclasses import dataclass
from statistics import median
from typing import Any

import published
from latency import FULL, FUNCTION, SMALL


@dataclass(frozen=True)
class Target:
    """A goal, the figure measured for it, and whether that reaches it."""

    goal: str
    measured: str
    met: bool


def results(name: str) -> Any:
    return json.loads(published.RESULTS.with_name(name).read_text(encoding="utf-8"))


def targets() -> list[Target]:
    recipes = {row["recipe"]: row for row in results("published.json")["recipes"]}
    return [*_published(recipes), *_edge(recipes["edge"]), _int8_loss(recipes), *_latency(), _startup()]


def _published(recipes: dict[str, Any]) -> list[Target]:
    found = []
    for name, row in recipes.items():
        if row["published"]:
            best = max(item["accuracy"] for item in row["published"])
            below = 100 * (best - row["test"]["value"])
            figure = f"{row['test']['value']:.2%}, {abs(below):.2f} points {'below' if below > 0 else 'above'}"
            found.append(Target(f"`{name}` at most 0.3 points below its published {best:.2%}", figure, below <= 0.3))
    return found


def _edge(row: dict[str, Any]) -> list[Target]:
    accuracy, seconds = row["test"]["value"], row["seconds"]
    return [
        Target("`edge`: at least 99.4 % of the test images", f"{accuracy:.2%}", accuracy >= 0.994),
        Target("`edge`: at most 100 s of training", f"{seconds:.0f} s", seconds <= 100),
    ]


def _int8_loss(recipes: dict[str, Any]) -> Target:
    losses = {
        name: 100 * (row["float32"]["accuracy"]["value"] - row["int8"]["accuracy"]["value"])
        for name, row in recipes.items()
    }
    worst = max(losses, key=lambda name: losses[name])
    return Target(
        "int8 loses at most 0.1 points on every recipe", f"{losses[worst]:.2f} at most, `{worst}`", losses[worst] <= 0.1
    )


def _latency() -> list[Target]:
    runs = results("latency-runs.json")

    def ratio(goal: str, least: float, recipe: str, slow: str, fast: str) -> Target:
        found = sorted(run[slow] / run[fast] for run in runs[recipe]["p50_us"])
        reached = median(found)
        figure = f"{reached:.2f}×, median of {len(found)} runs ({found[0]:.2f} to {found[-1]:.2f})"
        return Target(goal, figure, reached >= least)

    return [
        ratio("`edge`: ONNX float32 at least 10× faster than `tf.function`", 10, "edge", FUNCTION, FULL),
        ratio("`adventures`: ONNX float32 at least 2× faster than `tf.function`", 2, "adventures", FUNCTION, FULL),
        ratio("`adventures`: int8 at least 2× faster than float32", 2, "adventures", FULL, SMALL),
    ]


def _startup() -> Target:
    ratio = results("startup.json")["predict_over_script"]
    return Target("`edgecnn predict one.png` at most 1.4× a ten-line script", f"{ratio:.2f}×", ratio <= 1.4)


def markdown() -> str:
    lines = ["| target | measured | met |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {t.goal} | {t.measured} | {'yes' if t.met else 'no'} |" for t in targets())]) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
