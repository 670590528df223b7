"""Writes a shipped model's README.md (its model card) from its card.json and the committed results.

The headings follow "Model Cards for Model Reporting", Mitchell et al., FAT* 2019.
"""

from typing import Any

from benchmarks.accuracy import robustness, robustness_table
from benchmarks.lib.results import read_result
from benchmarks.models import pareto, pareto_figure, seeds
from edgecnn.card import Card, ExportRecord
from edgecnn.folder import ModelFolder
from edgecnn.layers import Augmentation
from edgecnn.recipes import Recipe, find_recipe

TIMED = {"model.onnx": "float32", "model.int8.onnx": "int8"}
LIMITS = """The model recognizes single digits like MNIST's: bright on a dark background, centered and upright.
`edgecnn predict` first converts other pictures to this form. A picture that does not show a digit also gets a digit as
its label, so check the probability. The accuracy was measured on MNIST's test images. Other writers, pens and cameras
can give a lower accuracy, so test the model with your own pictures before you rely on it."""
CLEAN = (
    "After the last epoch, batch norm's statistics were computed again from the training images without augmentation. "
)
TAUGHT = "The network also learned the answers of `{}` to the same images, beside their labels. "


def text(folder: ModelFolder) -> str:
    """The whole page. A shipped model has been trained here, so its card.json has everything that is read."""
    card = folder.card()
    assert card
    assert card.training
    recipe = find_recipe(card.training.recipe).longer()  # which `again` trains
    sections = {
        "What it is": what(card, recipe),
        "Files": files(card),
        "Training": training(card, recipe),
        "Figures": "\n\n".join([figures(card), *more_seeds(recipe.name), *robust(recipe.name)]),
        "Limits": LIMITS,
        "How to reproduce it": again(recipe.name),
        "License": "MIT, like edgecnn. MNIST is by Yann LeCun, Corinna Cortes and Christopher Burges.",
    }
    return f"# {card.name}\n\n" + "\n\n".join(f"## {title}\n\n{body}" for title, body in sections.items()) + "\n"


def what(card: Card, recipe: Recipe) -> str:
    shape = ", ".join(map(str, card.input_shape))
    return (
        f"A convolutional network that classifies digits. It has {card.parameters:,} parameters. Its recipe, "
        f"`{recipe.name}`, is {recipe.summary}.\n\n"
        f"- input: `image`, {card.input_dtype} [batch, {shape}], 0 = background, 255 = ink\n"
        f"- output: `probabilities`, float32 [batch, {len(card.labels)}], of {', '.join(card.labels)}\n\n"
        f"    edgecnn predict digit.png --model {card.name}\n"
        f"    edgecnn bench {card.name}\n\n"
        "![The feature maps of each layer for one digit](filters.png)"
    )


def files(card: Card) -> str:
    lines = ["| file | bytes | SHA-256 | accuracy on the test images (95 %) | same label as float32 |"]
    lines.append("|---|---:|---|---:|---:|")
    lines += [_file(name, record) for name, record in card.exports.items()]
    return "\n".join(
        [*lines, "", "`model.keras` is the original Keras model. `card.json` has the same facts for programs."]
    )


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
        f"Data: MNIST, {data.train:,} training images, {data.validation:,} validation images (split off the training "
        f"set) and {data.test:,} test images, which were not used for any choice. SHA-256 of all images and labels: "
        f"`{data.sha256}`.\n\n"
        f"Settings: {made.epochs} epochs in batches of {made.batch_size}; AdamW with a one-cycle learning rate that "
        f"peaks at {recipe.learning_rate:g} and a weight decay of {recipe.weight_decay:g}; seed {made.seed}. "
        f"{distorted(recipe.augmentation)} {CLEAN if recipe.recalibrate_batch_norm else ''}"
        f"{TAUGHT.format(made.teacher) if made.teacher else ''}"
        f"The logits are divided by a temperature of {made.temperature:.2f}, which gives the lowest loss on the "
        "validation images.\n\n"
        f"Training took {made.seconds:.0f} s on {made.machine} with {versions}. `training.png` shows the curves, and "
        "`history.csv` lists every epoch."
    )


def distorted(how: Augmentation | None) -> str:
    """A sentence that lists every augmentation and its strength."""
    if how is None:
        return "The training images are not augmented."
    bounds = [
        f"rotated by up to {how.rotation:g} rad",
        f"scaled by {how.scale:.0%}",
        f"shifted by {how.shift:.0%}",
        *([f"sheared by {how.shear:g}"] if how.shear else []),
        *([f"distorted elastically by {how.elastic:.1%} of the size"] if how.elastic else []),
    ]
    shares = {
        "put through a random filter": how.filter,
        "blurred": how.blur,
        "changed in light": how.light,
        "made noisy": how.noise,
        "stretched towards a square": how.stretch,
        "written with a thinner or thicker pen": how.pen,
        "of the 1s and 7s written with other schools' strokes": how.habits,
    }
    some = [f"{share:.0%} are {name}" for name, share in shares.items() if share]
    return f"Every training image is {', '.join(bounds)}" + (f"; {', '.join(some)}." if some else ".")


def figures(card: Card) -> str:
    assert card.test
    assert card.validation
    lines = [f"Test accuracy: {card.test}. Validation accuracy: {card.validation}."]
    latency: dict[str, Any] = read_result(pareto.RESULTS)
    if row := latency.get("latency", {}).get(card.name):
        times = pareto_figure.timed(row)
        each = ", ".join(f"`{name}` {times[file]:.1f} µs" for name, file in TIMED.items())
        lines.append(f"Latency at batch 1 with one thread: {each}, on {latency['host']}.")
    return " ".join(lines) + " `confusion.png` counts the mistakes, and `errors.png` shows every wrongly labeled image."


def more_seeds(name: str) -> list[str]:
    """The mean accuracy over several seeds, because the accuracy of one training depends on chance."""
    rows = seeds.by_recipe().get(name, [])
    if len(rows) < 2:
        return []
    return [f"The recipe's mean test accuracy over {len(rows)} seeds is {seeds.mean(rows, 'test'):.3%}."]


def robust(name: str) -> list[str]:
    """The mean accuracy over all corruptions, if it was measured."""
    networks = robustness_table.by_recipe(robustness_table.read(robustness.RESULTS)).get(name, ())
    if not networks:
        return []
    mean = sum(network.files[robustness_table.FLOAT32].mean for network in networks) / len(networks)
    seen = "seed" if len(networks) == 1 else "seeds"
    return [
        f"On corrupted digits (`python -m benchmarks robustness`) the mean accuracy is {mean:.2%}, over "
        f"{len(networks)} {seen}."
    ]


def again(name: str) -> str:
    by_script = f"python -m benchmarks publish {name}"
    command = f"edgecnn train --recipe {name} --long --seed 0"
    return f"    {command}\n\nThis also makes the ONNX files and this page: `{by_script}`."
