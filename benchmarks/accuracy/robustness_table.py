"""The results of the program robustness, as plain data that converts to and from JSON, and their table."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import msgspec

from benchmarks.lib import markdown
from edgecnn.bench.reports.numbers import NOTHING
from edgecnn.folder import ONNX_NAMES
from edgecnn.metrics import Accuracy
from edgecnn.recipes import RECIPES

FLOAT32, INT8 = ONNX_NAMES["float32"], ONNX_NAMES["int8"]
AS_THEY_ARE = "no corruption"
KEPT_SHARE = 0.99  # share of the validation digits that the rejection threshold must keep
SHOWN = ("edgecnn", "onnxruntime", "numpy")  # packages whose versions affect the figures


@dataclass(frozen=True)
class Answers:
    """The figures of one ONNX file with the hash `sha256`, on `images` test digits.

    `correct` maps each corruption to the number of correct labels; AS_THEY_ARE comes first. `calibration_error` (0 to
    1) is that of the unchanged digits. `threshold` is the probability that KEPT_SHARE of the validation digits reach.
    `kept` counts the unchanged test digits that reach it, and `rejected` the out-of-distribution images that do not; it
    is None if there are no such images.
    """

    sha256: str
    images: int
    correct: dict[str, int]
    calibration_error: float
    threshold: float
    kept: int
    rejected: int | None

    @property
    def mean(self) -> float:
        """The mean accuracy over all corruptions."""
        return fmean(count for name, count in self.correct.items() if name != AS_THEY_ARE) / self.images


@dataclass(frozen=True)
class OutOfDistribution:
    """A test split whose images do not show digits: its data set's name and hash, and the number of its images."""

    dataset: str
    sha256: str
    images: int


@dataclass(frozen=True)
class Network:
    """One trained network's figures and their conditions. `files` maps a file's name to its figures.

    `corrupted_sha256` is the hash of all corrupted images; networks are comparable only if it is the same.
    """

    recipe: str
    seed: int | None
    measured: str
    host: str
    versions: dict[str, str]
    data_sha256: str
    corrupted_sha256: str
    out_of_distribution: OutOfDistribution | None
    files: dict[str, Answers]


Results = dict[str, Network]  # by the model folder's name
Figure = Callable[[Network], float | None]


def read(path: Path) -> Results:
    return msgspec.json.decode(path.read_bytes(), type=Results) if path.exists() else {}


def to_json(results: Results) -> str:
    order = [*RECIPES]

    def place(name: str) -> tuple[int, str]:
        recipe = results[name].recipe
        return (order.index(recipe) if recipe in order else len(order), name)

    ordered = {name: results[name] for name in sorted(results, key=place)}
    return msgspec.json.format(msgspec.json.encode(ordered), indent=1).decode() + "\n"


def by_recipe(results: Results) -> dict[str, list[Network]]:
    """The networks of each recipe, one per seed. If a seed was measured in two folders, the later one counts."""
    found: dict[str, dict[int | None, Network]] = {}
    for network in sorted(results.values(), key=lambda network: network.measured):
        found.setdefault(network.recipe, {})[network.seed] = network
    return {network.recipe: [*found[network.recipe].values()] for network in results.values()}


def table(results: Results) -> str:
    """A column per recipe, with means over its seeds. Notes below explain the figures and give the conditions."""
    recipes = by_recipe(results)
    titles = [f"`{name}`{f' ({len(seeds)} seeds)' if len(seeds) > 1 else ''}" for name, seeds in recipes.items()]
    cells = [[title, *(cell(figure, seeds) for seeds in recipes.values())] for title, figure in rows(results).items()]
    return markdown.table(["%", *titles], cells, conditions(results))


def rows(results: Results) -> Mapping[str, Figure]:
    """The table's rows: each title and its figure."""
    found: dict[str, Figure] = {name: _right(name) for name in dict.fromkeys(_names(results))}
    for file, suffix in ((FLOAT32, ""), (INT8, ", int8")):
        found[f"**mean of the corruptions{suffix}**"] = _of(file, lambda answers: answers.mean)
    for file, suffix in ((FLOAT32, ""), (INT8, ", int8")):
        found[f"calibration error{suffix}"] = _of(file, lambda answers: answers.calibration_error)
    found["digits kept"] = _of(FLOAT32, lambda answers: answers.kept / answers.images)
    for dataset in dict.fromkeys(
        others.dataset for network in results.values() if (others := network.out_of_distribution)
    ):
        found[f"{dataset} rejected"] = _rejected(dataset)
    return found


def _names(results: Results) -> Iterable[str]:
    return (name for network in results.values() for answers in network.files.values() for name in answers.correct)


def _of(file: str, figure: Callable[[Answers], float]) -> Figure:
    return lambda network: figure(network.files[file]) if file in network.files else None


def _right(name: str) -> Figure:
    def figure(network: Network) -> float | None:
        answers = network.files[FLOAT32]
        return answers.correct[name] / answers.images if name in answers.correct else None

    return figure


def _rejected(dataset: str) -> Figure:
    def figure(network: Network) -> float | None:
        others, rejected = network.out_of_distribution, network.files[FLOAT32].rejected
        return rejected / others.images if others and others.dataset == dataset and rejected is not None else None

    return figure


def cell(figure: Figure, seeds: Sequence[Network]) -> str:
    found = [value for network in seeds if (value := figure(network)) is not None]
    return f"{100 * fmean(found):.2f}" if found else NOTHING


def conditions(results: Results) -> list[str]:
    """Notes on how to read the table, where it was measured, and what is unreliable."""
    images = max((answers.images for network in results.values() for answers in network.files.values()), default=0)
    lines = [
        f"Accuracy on MNIST's {images:,} test images, with float32 unless int8 is named; each corruption has the "
        f"severity of MNIST-C. The ends of one network's 95 % intervals are at most {widest(results):.2f} points away. "
        "Calibration error: the expected calibration error with 15 bins, on the images without corruption. Digits kept "
        "and images rejected: those whose top probability is above or below the threshold that "
        f"{KEPT_SHARE:.0%} of the validation digits reach.",
    ]
    for network in results.values():
        versions = ", ".join(f"{name} {network.versions[name]}" for name in SHOWN if name in network.versions)
        lines.append(f"{network.host}; {versions}")
    if len({network.corrupted_sha256 for network in results.values()}) > 1:
        lines.append(
            "NOT COMPARABLE: the networks were measured with different corrupted images; measure all of them again"
        )
    return list(dict.fromkeys(lines))


def widest(results: Results) -> float:
    """The largest distance from an accuracy to an end of its 95 % interval, in percentage points."""
    counts = {
        (count, answers.images)
        for network in results.values()
        for answers in network.files.values()
        for count in answers.correct.values()
    }
    scores = [Accuracy("test", *pair) for pair in counts]
    return max((100 * abs(end - score.value) for score in scores for end in score.interval), default=0.0)
