"""Read real pictures as they are and treated, with every shipped network: [--data FOLDER ...] [--own N] [--times]

Each FOLDER has a labels.csv with the columns file, label (empty for a picture without a digit) and, if wanted, writer.
Without FOLDERs, those of ../shared/pictures are read if they are there. N pictures (default 300) are made from MNIST's
test digits: pens on plain, ruled and squared paper in uneven light; so are empty sheets and pictures without digits.
"as it is" squeezes a picture to 28×28 and inverts it, as `edgecnn predict --raw` does. No network was trained on any of
the pictures. The steps of the treatment are also left out one by one, for the network `edge`. `--times` only times a
picture of each size again. The figures of what was measured are written to benchmarks/results/pictures.json.
"""

import csv
import io
import json
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image

from benchmarks.accuracy import paper
from benchmarks.lib import markdown, paths
from benchmarks.lib.results import write_text
from edgecnn.data import load
from edgecnn.errors import ImageError
from edgecnn.folder import SHIPPED_MODELS, ModelFolder
from edgecnn.host.machine import this_host
from edgecnn.imaging.digits import find_digits
from edgecnn.imaging.reading import open_picture, open_sheet, to_input
from edgecnn.readings import CONFIDENCE
from edgecnn.runtime.classifier import Classifier

RESULTS = paths.RESULTS / "pictures.json"
FOLDERS = paths.ROOT.parent / "shared" / "pictures"
OWN, EMPTY, SEED, SHEETS = "own generator", "own empty sheets", 2, 30
NETWORKS, PRECISIONS = ("edge", "nano", "accurate"), ("float32", "int8")
REPEATS = 15


def _unevened(gray: paper.Images) -> Any:
    return 1 - gray / np.maximum(np.median(gray), np.float32(1))


ABLATED: Mapping[str, tuple[tuple[str, Any], ...]] = {
    "nothing": (),
    "even light": (("edgecnn.imaging.digits.ink_of", _unevened),),
    "printed lines": (("edgecnn.imaging.ink.may_have_lines", lambda *_: False),),
    "choice of parts": (("edgecnn.imaging.grouping.digits", lambda parts, _: [np.ones(len(parts), np.bool_)]),),
    "stroke width": (("edgecnn.imaging.form.THINNEST", 0.0), ("edgecnn.imaging.form.THICKEST", 99.0)),
    "center of mass": (("edgecnn.imaging.form.middle", lambda sums: len(sums) / 2),),
    "stretched frames": (("edgecnn.imaging.digits.STRETCHED", 1.0),),
}
Picture = tuple[str, bytes]  # its label, and its file
Results = dict[str, Any]


def main(arguments: Sequence[str]) -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="FOLDER", type=Path, action="append")
    parser.add_argument("--own", metavar="N", type=int, default=300)
    parser.add_argument("--times", action="store_true")
    given = parser.parse_args(arguments)
    host = this_host()
    store({"host": str(host), "versions": host.versions, "confidence": CONFIDENCE})
    store({"times": times()})
    if not given.times:
        measure(given.data or sorted(path.parent for path in FOLDERS.glob("*/labels.csv")), given.own)
    print(table())


def measure(folders: Sequence[Path], own: int) -> None:
    models = {f"{name} {kind}": Classifier(file(name, kind)) for name in NETWORKS for kind in PRECISIONS}
    for name, pictures in sources(folders, own):
        print(f"== {name}", flush=True)
        digits = sum(bool(label) for label, _ in pictures)
        found = {"pictures": len(pictures), "digits": digits, **answers(pictures, models)}
        store({"sources": read().get("sources", {}) | {name: found}})


def file(name: str, kind: str) -> Path:
    return ModelFolder(SHIPPED_MODELS / name).onnx("float32" if kind == "float32" else "int8")


def sources(folders: Sequence[Path], own: int) -> Iterator[tuple[str, list[Picture]]]:
    """Each source's name and its pictures. Pictures of several digits are left out here: tests read them."""
    test = load().test
    photographs = paper.photographs(test.images[:own], SEED)
    yield OWN, [(str(label), content) for label, (_, content) in zip(test.labels, photographs, strict=False)]
    nothing = paper.photographs(np.zeros((SHEETS, 28, 28), np.uint8), SEED + 1)
    yield EMPTY, [("", content) for _, content in nothing]
    for kind, draw in paper.NOT_DIGITS.items():
        yield kind, [("", draw(np.random.default_rng([SEED, number]))) for number in range(SHEETS // 2)]
    for folder in folders:
        with (folder / "labels.csv").open(newline="", encoding="utf-8") as rows:
            pictures = [(row["label"], (folder / row["file"]).read_bytes()) for row in csv.DictReader(rows)]
        if pictures and all(len(label) <= 1 for label, _ in pictures):
            yield folder.name, pictures


def answers(pictures: Sequence[Picture], models: Mapping[str, Classifier]) -> Results:
    """How many labels are right, by network and way; how many pictures show no digit; and without each step."""
    labels = [label for label, _ in pictures]
    as_is = [squeezed(content) for _, content in pictures]
    sheets = [open_sheet(io.BytesIO(content), "picture")[0] for _, content in pictures]
    seen = [treated(gray) for gray in sheets]
    found: Results = {"no digit": sum(image is None for image in seen)}
    found["right"] = {
        name: {"as it is": right(model, as_is, labels), "treated": right(model, seen, labels)}
        for name, model in models.items()
    }
    found["labeled"] = {name: labeled(model, seen) for name, model in models.items()}
    found["without"] = {}
    for step, changes in ABLATED.items():
        with ExitStack() as stack:
            for target, other in changes:
                stack.enter_context(patch(target, other))
            found["without"][step] = right(models["edge float32"], [treated(gray) for gray in sheets], labels)
    return found


def squeezed(content: bytes) -> paper.Images | None:
    try:
        return to_input(open_picture(io.BytesIO(content), "picture"), 28, 28, color=False)
    except ImageError:
        return None


def treated(gray: paper.Images) -> paper.Images | None:
    digits = find_digits(gray).digits
    return digits[0].image if digits else None


def right(model: Classifier, images: Sequence[paper.Images | None], labels: Sequence[str]) -> int:
    guesses = (
        iter(model.classify(np.stack(kept))) if (kept := [item for item in images if item is not None]) else iter(())
    )
    said = ["" if image is None else next(guesses)[0].label for image in images]
    return sum(one == other for one, other in zip(said, labels, strict=True))


def labeled(model: Classifier, images: Sequence[paper.Images | None]) -> int:
    """How many pictures get a label that is not called uncertain."""
    kept = [item for item in images if item is not None]
    return sum(best[0].probability >= CONFIDENCE for best in model.classify(np.stack(kept))) if kept else 0


def times() -> dict[str, dict[str, float]]:
    """Milliseconds of reading and treating a picture whose bytes are in memory: the least of REPEATS."""
    digit, chance = load().test.images[0], np.random.default_rng(SEED)
    small = io.BytesIO()
    Image.fromarray(np.roll(255 - digit, 3, axis=1)).save(small, "PNG")
    files = {"28×28 PNG": small.getvalue()}
    for name, size in {"1 MP JPEG": (1155, 866), "12 MP JPEG": (4000, 3000)}.items():
        shown = paper.Scene(size, "plain", "blue", 5, 0.4, (0.5, 0.5))
        files[name] = paper.photograph(digit, shown, chance)
    return {
        name: {
            "as it is": quickest(lambda content=content: squeezed(content)),  # type: ignore[misc]
            "treated": quickest(lambda content=content: treated(open_sheet(io.BytesIO(content), "picture")[0])),  # type: ignore[misc]
        }
        for name, content in files.items()
    }


def quickest(work: Callable[[], Any]) -> float:
    def once() -> float:
        start = time.perf_counter()
        work()
        return 1000 * (time.perf_counter() - start)

    return round(min(once() for _ in range(REPEATS)), 3)


def read() -> Results:
    found: Results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    return found


def store(found: Results) -> None:
    write_text(RESULTS, json.dumps(read() | found, indent=1, ensure_ascii=False) + "\n")


def table() -> str:
    """The committed results: accuracy by source and network, time by size, and what each step is worth."""
    found = read()
    measured = {name: source for name, source in found.get("sources", {}).items() if source["digits"]}
    empty = {name: source for name, source in found.get("sources", {}).items() if not source["digits"]}
    parts = [_accuracies(measured), _nothings(empty), _worth(measured), _times(found)]
    return "\n".join(parts)


def _share(count: int, source: Results) -> str:
    return f"{100 * count / source['pictures']:.1f}"


def _accuracies(measured: Results) -> str:
    titles = [f"`{name}` {kind}" for name in NETWORKS for kind in PRECISIONS]
    rows = [
        [name, str(source["pictures"]), *(_both(source, title.replace("`", "")) for title in titles)]
        for name, source in measured.items()
    ]
    return markdown.table(["% right: as it is → treated", "pictures", *titles], rows, [])


def _both(source: Results, model: str) -> str:
    said = source["right"][model]
    return f"{_share(said['as it is'], source)} → {_share(said['treated'], source)}"


def _nothings(empty: Results) -> str:
    rows = [
        [name, str(source["pictures"]), str(source["no digit"]), str(source["labeled"]["edge float32"])]
        for name, source in empty.items()
    ]
    return markdown.table(["without a digit", "pictures", "no digit", "labeled by `edge`"], rows, [])


def _worth(measured: Results) -> str:
    steps = list(ABLATED)
    rows = [[name, *(_share(source["without"][step], source) for step in steps)] for name, source in measured.items()]
    return markdown.table(["% right with `edge`, without", *steps], rows, [])


def _times(found: Results) -> str:
    rows = [[size, f"{ms['as it is']:.2f}", f"{ms['treated']:.2f}"] for size, ms in found.get("times", {}).items()]
    conditions = [f"{found.get('host', '')}; the least of {REPEATS} runs, from a file's bytes to the network's input"]
    return markdown.table(["ms a picture", "as it is", "treated"], rows, conditions)
