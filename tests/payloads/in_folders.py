"""What somebody may plant in a folder that one works in, or in a model folder that one got."""

import json
from pathlib import Path

import numpy as np
import odd_models as odd
from payloads.catalogue import Place, digit, payload
from payloads.in_data import arrays

from edgecnn.scratch import PREFIX
from edgecnn.transaction import COMMITTED, REMOVED

QUANTIZE = "export out/model.onnx --quantize --scheme dynamic --data few.npz"
PREDICT = "predict seven.png --model out"


def model(at: Path) -> Path:
    """A model folder, data for it and a picture. Returns the folder."""
    (at / "out").mkdir()
    odd.save(odd.linear(), at / "out" / "model.onnx")
    np.savez(at / "few.npz", **arrays())  # type: ignore[arg-type]
    digit(at / "seven.png")
    return at / "out"


@payload(QUANTIZE, says="", code=0)
def links_in_the_place_of_what_is_written(at: Path, place: Place) -> None:
    folder = model(at)
    for name in ("model.dynamic.onnx", "card.json"):
        (folder / name).symlink_to(place.secret / f"not-yet-{name}")
    (folder / "model.dynamic.onnx").unlink()
    (folder / "model.dynamic.onnx").symlink_to(place.secret / "weights.bin")


@payload("bench out/model.onnx --runtime onnxruntime --duration 0.1", PREDICT, QUANTIZE, says="", code=0)
def modules_of_python_in_the_working_folder(at: Path, place: Place) -> None:
    model(at)
    for name in (
        "numpy",
        "onnxruntime",
        "onnx",
        "json",
        "PIL",
        "sitecustomize",
        "usercustomize",
        "tensorflow",
        "edgecnn",
    ):
        (at / f"{name}.py").write_text(f"open({str(place.marker)!r}, 'w')\n")


@payload(PREDICT, says="", code=0)
def a_change_that_was_not_ours(at: Path, place: Place) -> None:
    """Such as a kill leaves it, with links and with files to delete elsewhere."""
    folder = model(at)
    (folder / COMMITTED / REMOVED).mkdir(parents=True)
    (folder / COMMITTED / "card.json").symlink_to(place.secret / "secret.csv")


@payload(PREDICT, "predict seven.png --model linked", says="", code=0)
def links_with_the_names_of_our_scratch_folders(at: Path, place: Place) -> None:
    folder = model(at)
    (folder / f"{PREFIX}0123456789abcdef").symlink_to(place.secret)
    (at / f"{PREFIX}0123456789abcdef").symlink_to(place.secret)
    (at / "linked").symlink_to(folder)


@payload("bench out --runtime onnxruntime --duration 0.1", QUANTIZE, says="card.json", looks=True)
def a_card_that_is_a_secret(at: Path, place: Place) -> None:
    (model(at) / "card.json").symlink_to(place.secret / "secret.csv")


@payload("bench out --runtime onnxruntime --duration 0.1", QUANTIZE, says="card.json")
def a_card_whose_exports_are_elsewhere(at: Path, place: Place) -> None:
    folder = model(at)
    card = json.loads((Path(__file__).parents[2] / "models" / "edge" / "card.json").read_text(encoding="utf-8"))
    card["exports"] = {"../../secret/weights.bin": next(iter(card["exports"].values()))}
    (folder / "card.json").write_text(json.dumps(card))


@payload("bench out --compare earlier.json", says="earlier.json", looks=True)
def an_earlier_report_that_is_a_secret(at: Path, place: Place) -> None:
    model(at)
    (at / "earlier.json").symlink_to(place.secret / "secret.csv")
