"""The programs that measure our recipes: what they make of results, made up here, and how they keep them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.lib.results import read_result
from benchmarks.models import ablation, pareto, pareto_figure, seeds, time_to_accuracy, training_speed
from edgecnn.layers import Conv, Output, Pool
from edgecnn.recipes import RECIPES, Recipe

HOST = {"host": "a machine", "versions": {}}


def accuracy(correct: int, split: str = "test") -> dict[str, Any]:
    return {"split": split, "correct": correct, "images": 10_000, "value": correct / 10_000}


# Seeds


def trained(recipe: str, seed: int, correct: int, int8: int, parameters: int = 7_634) -> dict[str, Any]:
    row = {
        "recipe": recipe,
        "seed": seed,
        "long": True,
        "parameters": parameters,
        "epochs": 40,
        "seconds": 100.0 + seed,
    }
    return row | {"validation": accuracy(9900, "validation"), "test": accuracy(correct), "int8": accuracy(int8)}


@pytest.fixture
def three_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeds, "RESULTS", tmp_path / "seeds.json")
    for row in (trained("nano", 2, 9944, 9944), trained("nano", 0, 9938, 9933), trained("nano", 1, 9941, 9940)):
        seeds.store(row)
    seeds.store(trained("edge", 0, 9960, 9954, parameters=31_000))


@pytest.mark.usefixtures("three_seeds")
def test_the_mean_of_the_seeds_is_what_counts() -> None:
    line = next(line for line in seeds.table().splitlines() if "`nano`" in line)
    assert "| 7,634 | 99.410% (99.38%, 99.41%, 99.44%) | 99.390% (99.33%, 99.40%, 99.44%) | 99.00% | 100 | 3 |" in line


def test_all_seeds_of_a_recipe_or_one_can_be_asked_for() -> None:
    assert seeds.asked(["edge"]) == [("edge", 0, True), ("edge", 1, True), ("edge", 2, True)]
    assert seeds.asked(["nano-1", "edge-2"]) == [("edge", 2, True), ("nano", 1, True)]
    assert seeds.asked(["edge-default"]) == [("edge", 0, False), ("edge", 1, False), ("edge", 2, False)]
    assert len(seeds.asked([])) == 3 * (len(seeds.OWN) + 1)


# Time to accuracy


def epochs(*correct: int, seconds: float) -> list[dict[str, Any]]:
    return [{"seconds": seconds * at, "correct": right, "images": 10_000} for at, right in enumerate(correct, 1)]


@pytest.fixture
def trainings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_to_accuracy, "RESULTS", tmp_path / "time.json")
    for seed in (0, 1, 2):
        slow = epochs(9800, 9884 + seed, 9886, seconds=100)
        for name, rows in (("adventures", slow), ("edge-short", epochs(9700, 9910, seconds=6))):
            time_to_accuracy.store({"schedule": name, "seed": seed, "epochs": rows})


def test_an_accuracy_is_reached_at_the_end_of_the_first_epoch_that_has_it() -> None:
    training = {"epochs": epochs(9800, 9885, 9884, seconds=10)}
    assert time_to_accuracy.reached(training, 0.9885) == (20, True)
    assert time_to_accuracy.reached(training, 0.99) == (30, False)


@pytest.mark.usefixtures("trainings")
def test_the_table_has_medians_and_says_when_the_slow_one_never_arrived() -> None:
    assert "| `edge` | 2 epochs, as they are | 3 | 12.0 (12.0–12.0) | 12.0 (12.0–12.0) |" in time_to_accuracy.table()
    assert "not reached by every seed in 300.0 (300.0–300.0)" in time_to_accuracy.table()


# The search


def test_a_network_is_read_from_a_line() -> None:
    assert pareto.network("5-16/2 pool 3-32") == (
        Conv(16, 5, stride=2, batch_norm=True),
        Pool(),
        Conv(32, 3, batch_norm=True),
        Output(),
    )


@pytest.mark.parametrize("name", ["nano", "edge"])
def test_the_recipes_are_the_candidates_of_their_name(name: str) -> None:
    assert pareto.CANDIDATES[name].layers == RECIPES[name].layers


def test_the_front_is_what_no_other_beats_in_latency_and_error() -> None:
    rows = [
        {"name": name, "us": us, "errors": errors}
        for name, us, errors in (
            ("slow and good", 30.0, [0.005, 0.007]),
            ("beaten", 20.0, [0.02]),
            ("fast", 10.0, [0.015]),
            ("as fast, worse", 10.0, [0.03]),
        )
    ]
    assert [row["name"] for row in pareto_figure.front(rows)] == ["fast", "slow and good"]


def test_the_better_file_of_a_network_counts_by_the_median_of_its_rounds() -> None:
    assert pareto_figure.timed({"float32": [1.0, 3.0, 2.0], "int8": [4.0]})["us"] == 2


def test_training_speed_compares_with_the_same_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "speed.json"
    monkeypatch.setattr(training_speed, "RESULTS", path)
    path.write_text(json.dumps({**HOST, "epoch_seconds": {"as it is": [4, 8, 5], "slower": [6, 12, 10]}}))
    assert "| slower | 10.00 | 1.50× |" in training_speed.table()


def test_no_name_in_the_picture_covers_another_name_or_point() -> None:
    from matplotlib.figure import Figure

    rows = pareto_figure.points(read_result(pareto.RESULTS), pareto.EPOCHS)
    figure = Figure(figsize=(10, 6), layout="constrained")
    axes = figure.subplots()
    axes.set(xscale="log", yscale="log")
    axes.plot(*zip(*map(pareto_figure.place, rows), strict=True), "o")
    axes.margins(x=0.12)
    names = [text.get_window_extent() for text in pareto_figure.write_names(axes, rows)]
    points = [pareto_figure.box(*axes.transData.transform(pareto_figure.place(row))) for row in rows]
    assert len(names) == len(rows) > 10
    for number, name in enumerate(names):
        assert not any(name.overlaps(other) for other in [*names[:number], *points])


# Training speed


@pytest.mark.slow
@pytest.mark.tensorflow
def test_a_steps_time_is_that_between_two_reports_of_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = RECIPES["nano"]
    monkeypatch.setattr(training_speed, "VARIANTS", {"tiny": replace(recipe, batch_size=32, augmentation=None)})
    monkeypatch.setattr(training_speed, "IMAGES", 4 * 32)
    seconds = training_speed.step_seconds("tiny")
    assert 0 < seconds < 600  # of an epoch of 55,000 images


# Ablation


def test_what_was_fitted_is_not_fitted_again_and_means_are_over_the_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ablation, "RESULTS", tmp_path / "ablation.json")
    asked: list[tuple[float, int]] = []

    def trained(recipe: Recipe, seed: int) -> dict[str, Any]:
        asked.append((recipe.weight_decay, seed))
        corrupted = {"corrupted": {"fog": 400 + 200 * seed, "stripes": 500}, "corrupted_images": 1000}
        return {"correct": 4900 + 50 * seed, "images": 5000, "distorted": 24_000, **corrupted}

    monkeypatch.setattr(ablation, "trained", trained)
    monkeypatch.setattr(ablation, "VARIANTS", {"edge": {"undecayed": replace(RECIPES["edge"], weight_decay=0.0)}})
    ablation.main([])
    ablation.main(["edge"])
    assert asked == [(0.0, 0), (0.0, 1)]
    assert "| `edge` | undecayed | 98.50% (98.00%, 99.00%) | 96.00% | 50.00% |" in ablation.table()
    assert "edge undecayed, seed 1: 99.00%" in capsys.readouterr().out


def test_every_variant_differs_from_the_others() -> None:
    for recipe, variants in ablation.VARIANTS.items():
        assert variants["as it is"] == replace(RECIPES[recipe].longer(), teacher=None)
        assert len(set(map(str, variants.values()))) == len(variants)
