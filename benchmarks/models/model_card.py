"""What a shipped model's README.md says, from its card.json and the committed results.

The headings follow "Model Cards for Model Reporting", Mitchell et al., FAT* 2019.
"""

from typing import Any

from benchmarks.accuracy import robustness, robustness_table
from benchmarks.lib.results import read_result
from benchmarks.models import pareto, pareto_figure, seeds
from edgecnn.card import Card, ExportRecord
from edgecnn.folder import ModelFolder
from edgecnn.recipes import Augmentation, Recipe, find_recipe

TIMED = {"model.onnx": "float32", "model.int8.onnx": "int8"}
LIMITS = """It knows MNIST's digits: one, bright on dark, centered, upright. `edgecnn predict` brings other pictures
to that form first; what is no digit gets a digit all the same, so look at the probability. Accuracy was measured on
MNIST's test images; writers, pens and cameras of yours may differ. Nothing that matters should hang on it unseen."""
CLEAN = "Batch norm's statistics were taken anew at the end, from the training images as they are. "


def text(folder: ModelFolder) -> str:
    """The whole card. A shipped model has been trained, so its card holds all that is read here."""
    card = folder.card()
    assert card
    assert card.training
    recipe = find_recipe(card.training.recipe)
    sections = {
        "What it is": what(card, recipe),
        "Files": files(card),
        "Training": training(card, recipe),
        "Figures": "\n\n".join([figures(card), *more_seeds(recipe.name), *robust(recipe.name)]),
        "Limits": LIMITS,
        "How to make it again": again(recipe.name),
        "License": "MIT, as edgecnn. MNIST is by Yann LeCun, Corinna Cortes and Christopher Burges.",
    }
    return f"# {card.name}\n\n" + "\n\n".join(f"## {title}\n\n{body}" for title, body in sections.items()) + "\n"


def what(card: Card, recipe: Recipe) -> str:
    shape = ", ".join(map(str, card.input_shape))
    return (
        f"A convolutional network for digits with {card.parameters:,} parameters; {recipe.summary}.\n\n"
        f"- in: `image`, {card.input_dtype} [batch, {shape}], 0 = background, 255 = ink\n"
        f"- out: `probabilities`, float32 [batch, {len(card.labels)}], of {', '.join(card.labels)}\n\n"
        f"    edgecnn predict digit.png --model {card.name}\n"
        f"    edgecnn bench {card.name}\n\n"
        "![What each layer makes of a digit](filters.png)"
    )


def files(card: Card) -> str:
    lines = ["| file | bytes | SHA-256 | accuracy on the test images (95 %) | same label as float32 |"]
    lines.append("|---|---:|---|---:|---:|")
    lines += [_file(name, record) for name, record in card.exports.items()]
    return "\n".join([*lines, "", "`model.keras` is the original, `card.json` all of this for programs."])


def _file(name: str, record: ExportRecord) -> str:
    assert record.accuracy
    assert record.agreement is not None
    low, high = record.accuracy.interval
    score = f"{record.accuracy.value:.2%} ({100 * low:.2f}–{100 * high:.2f})"
    return f"| `{name}` | {record.bytes:,} | `{record.sha256}` | {score} | {record.agreement:.2%} |"


def training(card: Card, recipe: Recipe) -> str:
    assert card.training
    assert card.data
    made, data = card.training, card.data
    versions = ", ".join(f"{name} {number}" for name, number in card.versions.items())
    return (
        f"MNIST: {data.train:,} images to train, {data.validation:,} of the training set to choose by, {data.test:,} "
        f"to test, which chose nothing (SHA-256 of all `{data.sha256}`). {made.epochs} epochs in batches of "
        f"{made.batch_size}, AdamW with one cycle of the learning rate up to {recipe.learning_rate:g} and a weight "
        f"decay of {recipe.weight_decay:g}, seed {made.seed}. {distorted(recipe.augmentation)} "
        f"{CLEAN if recipe.recalibrate_batch_norm else ''}"
        f"The logits are divided by {made.temperature:.2f}, which suits the "
        "validation images best.\n\n"
        f"{made.seconds:.0f} s on {made.machine}; {versions}. Curves in `training.png`, every epoch in "
        "`history.csv`."
    )


def distorted(how: Augmentation | None) -> str:
    """Every change of training images and its strength."""
    if how is None:
        return "Images as they are."
    bounds = [
        f"rotated by up to {how.rotation:g} rad",
        f"scaled by {how.scale:.0%}",
        f"shifted by {how.shift:.0%}",
        *([f"sheared by {how.shear:g}"] if how.shear else []),
        *([f"bent by {how.elastic:.1%} of the size"] if how.elastic else []),
    ]
    shares = {"blurred": how.blur, "in other light": how.light, "noisy": how.noise}
    some = [f"{share:.0%} {name}" for name, share in shares.items() if share]
    return f"Every image is {', '.join(bounds)}" + (f"; {', '.join(some)}." if some else ".")


def figures(card: Card) -> str:
    assert card.test
    assert card.validation
    lines = [f"Test: {card.test}. Validation: {card.validation}."]
    latency: dict[str, Any] = read_result(pareto.RESULTS)
    if row := latency.get("latency", {}).get(card.name):
        times = pareto_figure.timed(row)
        each = ", ".join(f"`{name}` {times[file]:.1f} µs" for name, file in TIMED.items())
        lines.append(f"Latency at batch 1, one thread: {each}; {latency['host']}.")
    return " ".join(lines) + " `confusion.png` shows what was taken for what, `errors.png` every image it got wrong."


def more_seeds(name: str) -> list[str]:
    """What other seeds give: one training's accuracy has luck in it."""
    rows = seeds.by_recipe().get(name, [])
    if len(rows) < 2:
        return []
    return [f"The recipe's mean over {len(rows)} seeds is {seeds.mean(rows, 'test'):.3%} of the test images."]


def robust(name: str) -> list[str]:
    """The mean over corruptions, where it was measured."""
    networks = robustness_table.by_recipe(robustness_table.read(robustness.RESULTS)).get(name, ())
    if not networks:
        return []
    mean = sum(network.files[robustness_table.FLOAT32].mean for network in networks) / len(networks)
    seen = "seed" if len(networks) == 1 else "seeds"
    return [
        f"Of corrupted digits (`python -m benchmarks robustness`) {mean:.2%} are labeled right, {len(networks)} {seen}."
    ]


def again(name: str) -> str:
    by_script = f"python -m benchmarks publish {name}"
    return f"    edgecnn train --recipe {name} --seed 0\n\nor, with its exports and this page: `{by_script}`."
