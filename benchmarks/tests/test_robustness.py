"""What the comparison of recipes under corruption says of made-up counts, and that it counts right on a real model."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.accuracy import robustness
from benchmarks.accuracy import robustness_table as tables
from benchmarks.lib import paths
from edgecnn import files
from edgecnn.card import Card, TrainingRecord
from edgecnn.data import Dataset, Split
from edgecnn.folder import ModelFolder

FLOAT32, INT8 = "model.onnx", "model.int8.onnx"


def answers(noise: int, fog: int, rejected: int | None = 700) -> Any:
    """Of a thousand images so many are right with noise and with fog."""
    return tables.Answers("f" * 64, 1000, {"no corruption": 990, "noise": noise, "fog": fog}, 0.012, 0.8, 985, rejected)


def network(recipe: str, float32: Any, int8: Any = None, **changed: Any) -> Any:
    return tables.Network(
        **{
            "recipe": recipe,
            "seed": 0,
            "measured": "2026-03-01T12:00:00+00:00",
            "host": "a board",
            "versions": {"edgecnn": "0.1.0", "onnxruntime": "1.24.1", "numpy": "2.4.6"},
            "data_sha256": "d" * 64,
            "corrupted_sha256": "c" * 64,
            "out_of_distribution": tables.OutOfDistribution("fashion-mnist", "a" * 64, 1000),
            "files": {FLOAT32: float32} | ({INT8: int8} if int8 else {}),
            **changed,
        }
    )


def cells(results: dict[str, Any]) -> dict[str, list[str]]:
    """The table's cells by the first of their row."""
    lines = [line.strip("| ").split(" | ") for line in tables.table(results).splitlines() if line.startswith("| ")]
    return {first: rest for first, *rest in lines}


def test_a_column_has_a_recipes_shares_in_percent() -> None:
    found = cells({"edge": network("edge", answers(800, 600), answers(790, 580))})
    assert found == {
        "%": ["`edge`"],
        "no corruption": ["99.00"],
        "noise": ["80.00"],
        "fog": ["60.00"],
        "**mean of the corruptions**": ["70.00"],
        "**mean of the corruptions, int8**": ["68.50"],
        "calibration error": ["1.20"],
        "calibration error, int8": ["1.20"],
        "digits kept": ["98.50"],
        "fashion-mnist rejected": ["70.00"],
    }


def test_seeds_of_a_recipe_are_averaged_and_counted() -> None:
    seeds = {f"edge-{seed}": network("edge", answers(800 + 10 * seed, 600), seed=seed) for seed in range(3)}
    found = cells({"adventures": network("adventures", answers(500, 500)), **seeds})
    assert found["%"] == ["`adventures`", "`edge` (3 seeds)"]
    assert found["noise"] == ["50.00", "81.00"]
    assert found["**mean of the corruptions**"] == ["50.00", "70.50"]


def test_a_seed_in_two_folders_counts_once_as_measured_last() -> None:
    last = network("edge", answers(800, 600), measured="2026-03-02T12:00:00+00:00")
    found = cells({"edge-0": last, "edge": network("edge", answers(100, 100))})
    assert found["%"] == ["`edge`"]
    assert found["noise"] == ["80.00"]


def test_without_out_of_distribution_images_no_row_tells_of_them() -> None:
    assert "fashion-mnist rejected" not in cells(
        {"edge": network("edge", answers(800, 600, None), out_of_distribution=None)}
    )


def test_what_was_not_measured_has_no_figure() -> None:
    unlike = network(
        "edge", replace(answers(800, 600), correct={"no corruption": 990, "noise": 800}), out_of_distribution=None
    )
    found = cells({"adventures": network("adventures", answers(500, 500)), "edge": unlike})
    assert found["fog"] == ["50.00", "–"]
    assert found["fashion-mnist rejected"] == ["70.00", "–"]
    assert found["calibration error, int8"] == ["–", "–"]


def test_conditions_say_how_wide_the_interval_is_and_where_it_was_measured() -> None:
    text, where = tables.conditions(
        {"edge": network("edge", answers(800, 500)), "other": network("other", answers(1, 1))}
    )
    assert "MNIST's 1,000 test images" in text
    assert "at most 3.09 points away" in text  # Wilson's of 500 in 1,000
    assert where == "a board; edgecnn 0.1.0, onnxruntime 1.24.1, numpy 2.4.6"


def test_networks_that_saw_different_images_are_not_compared() -> None:
    results = {
        "edge": network("edge", answers(800, 600)),
        "adventures": network("adventures", answers(500, 500), corrupted_sha256="e" * 64),
    }
    assert tables.conditions(results)[-1].startswith("NOT COMPARABLE")


def test_results_come_back_from_json_in_the_order_of_the_recipes(tmp_path: Path) -> None:
    results = {name: network(recipe, answers(800, 600)) for name, recipe in (("x", "mine"), ("b", "three-conv"))}
    results |= {f"edge-{seed}": network("edge", answers(800, 600), answers(1, 2, None), seed=seed) for seed in (1, 0)}
    (tmp_path / "results.json").write_text(tables.to_json(results))
    found = tables.read(tmp_path / "results.json")
    assert list(found) == ["edge-0", "edge-1", "b", "x"]
    assert found == results
    assert tables.read(tmp_path / "none.json") == {}


@pytest.fixture
def trial(mnist: Dataset) -> Any:
    """A few digits, unchanged and inverted. Blank images stand for images that do not show a digit."""
    few = replace(
        mnist,
        validation=Split("validation", mnist.validation.images[:200], mnist.validation.labels[:200]),
        test=Split("test", mnist.test.images[:100], mnist.test.labels[:100]),
    )
    blank = Split("test", np.zeros((30, 28, 28), np.uint8), np.zeros(30, np.int64))
    pictures = {"no corruption": few.test.images, "inverted": 255 - few.test.images}
    return robustness.Trial(few, pictures, replace(mnist, name="/somewhere/blank", test=blank))


@pytest.fixture
def model(tiny: Path, tmp_path: Path) -> ModelFolder:
    made = ModelFolder(tmp_path / "tiny-7")
    files.copy(tiny, made.onnx("float32"))
    training = TrainingRecord("edge", 1, 1, 7, None, 1.0, "a board")
    made.write_card(Card("tiny", tuple("0123456789"), (28, 28), "uint8", 1, training=training))
    return made


def test_a_model_is_measured_as_its_classifier_answers(model: ModelFolder, trial: Any) -> None:
    from edgecnn.runtime.classifier import Classifier

    found = robustness.measure(model, trial)
    assert (found.recipe, found.seed, list(found.files)) == ("edge", 7, [FLOAT32])
    assert found.out_of_distribution == tables.OutOfDistribution("blank", trial.data.sha256, 30)
    result, classifier = found.files[FLOAT32], Classifier(model.path)
    assert result.sha256 == files.sha256(model.onnx("float32"))
    labels = trial.data.test.labels
    for name, images in trial.corrupted.items():
        assert result.correct[name] == sum(classifier.predict(images).argmax(1) == labels)
    validation = classifier.predict(trial.data.validation.images).max(axis=1)
    assert (validation >= result.threshold).sum() == 198  # 99 % of 200
    assert result.kept == (classifier.predict(trial.data.test.images).max(axis=1) >= result.threshold).sum()
    assert result.rejected == 30 * bool(
        classifier.predict(trial.out_of_distribution.test.images[:1]).max() < result.threshold
    )


def test_a_folder_without_a_card_or_other_images_goes_by_its_name(model: ModelFolder, trial: Any) -> None:
    model.card_path.unlink()
    files.copy(model.onnx("float32"), model.onnx("int8"))
    found = robustness.measure(model, replace(trial, out_of_distribution=None))
    assert (found.recipe, found.seed, found.out_of_distribution) == ("tiny-7", None, None)
    assert found.files[INT8] == found.files[FLOAT32]
    assert found.files[INT8].rejected is None


def test_a_models_row_replaces_its_former_one_and_keeps_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(robustness, "RESULTS", tmp_path / "robustness.json")
    old, new = network("edge", answers(100, 100)), network("edge", answers(800, 600))
    for name, found in (("edge", old), ("adventures", network("adventures", answers(500, 500))), ("edge", new)):
        robustness.store(name, found)
    found = tables.read(tmp_path / "robustness.json")
    assert list(found) == ["edge", "adventures"]
    assert found["edge"] == new


def test_a_shipped_model_goes_before_one_under_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robustness, "SHIPPED_MODELS", tmp_path / "models")
    monkeypatch.setattr(paths, "TRAINED", tmp_path / "build")
    for name in ("models/edge", "build/edge", "build/opengenus", "build/mine"):
        (tmp_path / name).mkdir(parents=True)
        ModelFolder(tmp_path / name).onnx("float32").touch()
    (tmp_path / "build" / "adventures").mkdir()  # trained, not exported
    assert [found.path for found in robustness.trained()] == [tmp_path / "models/edge", tmp_path / "build/opengenus"]


def test_fashion_mnist_is_left_out_where_it_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], few_digits: Path
) -> None:
    monkeypatch.setattr(robustness, "FASHION_MNIST", tmp_path / "none")
    assert robustness.out_of_distribution(None) is None
    assert "apt-get install dataset-fashion-mnist" in capsys.readouterr().err
    given = robustness.out_of_distribution(few_digits)
    assert given
    assert len(given.test) == 20


def test_the_sheet_shows_every_corruption_of_every_digit(tmp_path: Path) -> None:
    robustness.main(["--sheet", str(tmp_path / "sheet.png")])
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = np.asarray(sheet)
    assert pixels.shape == (18 * 58, robustness.TITLES + 580)
    rows = pixels[:, robustness.TITLES :].reshape(18, 58, 580)
    assert len(np.unique(rows, axis=0)) == 18
