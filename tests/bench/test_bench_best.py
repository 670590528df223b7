"""The sentence that ends a bench: which contender to take on this machine."""

import pytest
from made_up import HOT, OTHER_MODEL, answers, bench, measured, streams

from edgecnn.bench.best import bests
from edgecnn.bench.figures import summarize
from edgecnn.bench.reports.conditions import conditions


def sentence(*items: object) -> str:
    return conditions(summarize(bench(*items)))[-1]  # type: ignore[arg-type]


def test_the_fastest_is_the_best_and_by_how_much() -> None:
    found = sentence(
        measured("tf-function", streams([400] * 10)),
        measured("litert-int8", streams([30] * 10)),
        measured("onnx-int8", streams([20] * 10)),
    )
    assert found.startswith("best here for models/edge: onnx-int8 (")
    assert "1.50× faster" in found
    assert found.endswith("than litert-int8")


def test_figures_that_may_not_hold_are_told_with_doubt() -> None:
    items = measured("onnx-float32", streams([50] * 10)), measured("onnx-int8", streams([20] * 10))
    found = conditions(summarize(bench(*items, stability_issues=[HOT])))[-1]
    assert found.startswith("UNSTABLE, so perhaps: best here for models/edge: onnx-int8 (")


def test_two_that_are_not_shown_to_differ_are_both_named() -> None:
    found = sentence(
        measured("onnx-float32", streams([20, 30, 20, 30, 20, 30, 20, 30, 20, 30])),
        measured("onnx-int8", streams([30, 20, 30, 20, 30, 20, 30, 20, 30, 19])),
    )
    assert " or " in found
    assert "neither is shown to be faster" in found


def test_what_is_less_accurate_is_not_the_best_however_fast() -> None:
    found = sentence(
        measured("tf-function", streams([400] * 10), given=answers()),
        measured("onnx-float32", streams([50] * 10), given=answers()),
        measured("onnx-int8", streams([20] * 10), given=answers(range(30))),
    )
    assert found.startswith("best here for models/edge: onnx-float32 (")


def test_each_model_has_its_own_and_one_contender_alone_none() -> None:
    other = measured("other/onnx-int8", streams([9]), model=OTHER_MODEL)
    run = bench(measured("onnx-float32", streams([50])), measured("onnx-int8", streams([20])), other)
    assert [found.model for found in bests(summarize(run))] == ["models/edge"]


@pytest.mark.parametrize("rounds", [1, 2])
def test_too_few_rounds_show_nothing(rounds: int) -> None:
    run = bench(measured("onnx-float32", streams([50] * rounds)), measured("onnx-int8", streams([20] * rounds)))
    assert [found.is_shown for found in bests(summarize(run))] == [False]
