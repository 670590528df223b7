"""Third-party networks: how their makers feed them, how answers are judged, and the ONNX files that others write."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from benchmarks.lib.results import read_result
from benchmarks.models import third_party
from benchmarks.third_party import onnx_forms, tables
from benchmarks.third_party.answers import Answers, probabilities
from benchmarks.third_party.data import SETS
from benchmarks.third_party.judging import CURE, Outcome, overall
from benchmarks.third_party.onnx_parts import torch_model
from benchmarks.third_party.onnx_weights import NAMES, for_pixels
from benchmarks.third_party.pixels import FEEDS, fed
from edgecnn.preprocessing import parse
from edgecnn.runtime.input_spec import InputSpec

RIGHT = np.random.default_rng(0).dirichlet(np.ones(10), 50)
ROW = {"verdict": "right", "untold": "right", "untold_difference": 1e-6}
NETWORK = third_party.NETWORKS["sequential"]


@pytest.mark.parametrize("name", [name for name, feed in FEEDS.items() if feed.option])
def test_the_option_says_what_the_maker_does(name: str) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    spec = InputSpec((8, 8, 3), "float32", parse(str(FEEDS[name].option)))
    np.testing.assert_allclose(spec.prepare(images), fed(images, name, "last", (8, 8, 3)), rtol=1e-4, atol=1e-4)


def test_every_network_has_images_and_a_way_to_feed_it() -> None:
    assert all(item.data in SETS and item.pixels in FEEDS for item in third_party.NETWORKS.values())
    assert set(third_party.QUANTIZED) <= set(third_party.NETWORKS)


@pytest.mark.parametrize(
    ("change", "verdict"), [(0.0, "right"), (1e-6, "right"), (0.005, "near"), (0.3, "wrong"), (np.nan, "wrong")]
)
def test_answers_are_judged_by_their_difference(change: float, verdict: str) -> None:
    found = RIGHT.copy()
    found[np.arange(50), RIGHT.argmax(axis=1)] += change
    assert Answers(RIGHT, 2e-5).verdict(found) == verdict


def test_another_label_is_wrong_however_small_the_difference() -> None:
    assert Answers(RIGHT, 2e-5).verdict(RIGHT[:, ::-1]) == "wrong"
    assert Answers(RIGHT, 2e-5).verdict(RIGHT[:, :2]) == "wrong"


@pytest.mark.parametrize("scores", ["logits", "log-probabilities", "one", "one logit", "percent"])
def test_scores_become_probabilities(scores: str) -> None:
    values = {
        "logits": np.log(RIGHT) + 3,
        "log-probabilities": np.log(RIGHT),
        "percent": 100 * RIGHT,
        "one": RIGHT[:, :1],
        "one logit": np.log(RIGHT[:, :1] / (1 - RIGHT[:, :1])),
    }[scores]
    expected = np.hstack([1 - RIGHT[:, :1], RIGHT[:, :1]]) if scores.startswith("one") else RIGHT
    np.testing.assert_allclose(probabilities(values, scores), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("untold", "told", "refused", "verdict"),
    [
        ("right", None, False, "right"),
        ("refused", "right", False, "refused, right when told"),
        ("refused", "refused", False, "refused, but refused when told"),
        ("refused", None, False, "refused in error"),
        ("refused", None, True, "refused"),
        ("near", "right", False, "near, right when told"),
        ("near", "wrong", False, "wrong"),
        ("wrong", "right", False, "wrong"),
        ("traceback", None, True, "traceback"),
        ("refused without a cure", None, True, "refused without a cure"),
    ],
)
def test_what_came_of_a_network_is_one_verdict(untold: str, told: str | None, refused: bool, verdict: str) -> None:
    network = replace(NETWORK, refused=refused)
    found = overall(network, Outcome(untold), Outcome(told) if told else None)
    assert found == verdict
    fine = found in ("right", "refused", "refused, right when told", "near, right when told")
    assert (tables.column_of(found) in ("right", "right when told", "refused")) == fine


def test_a_cure_is_told_from_a_complaint() -> None:
    assert CURE.search("x.keras has 2 inputs, and a classifier has one: save a model with one")
    assert CURE.search("x.keras may be either; say which by --preprocess")
    assert not CURE.search("x.onnx has 2 inputs: an image classifier has one input")


def test_the_weights_of_a_network_are_rewritten_for_other_pixels() -> None:
    draw = np.random.default_rng(0)
    shapes = [(8, 3, 3, 3), (8,), (16, 8, 3, 3), (16,), (32, 784), (32,), (10, 32), (10,)]
    trained = {name: draw.normal(0, 0.1, shape).astype(np.float32) for name, shape in zip(NAMES, shapes, strict=True)}
    images = draw.integers(0, 256, (5, 32, 32, 3), np.uint8)
    expected = _run(torch_model(trained), fed(images, "0..1", "first", (3, 32, 32)))
    mean, std = ([-103.939, -116.779, -123.68], 1.0)
    caffe = for_pixels(trained, std, mean, bgr=True)
    np.testing.assert_allclose(
        _run(torch_model(caffe), fed(images, "caffe", "first", (3, 32, 32))), expected, atol=1e-4
    )


def test_rows_are_kept_in_the_order_of_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(third_party, "RESULTS", tmp_path / "third_party.json")
    monkeypatch.setattr(third_party, "make", lambda _: None)
    monkeypatch.setattr(third_party, "judge", lambda _: dict(ROW))
    third_party.main(["tf2onnx", "sequential"])
    third_party.main(["residual"])
    rows = read_result(third_party.RESULTS)["networks"]
    assert [row["name"] for row in rows] == ["sequential", "residual", "tf2onnx"]
    assert "| 1 | 1 |" in third_party.table()


def _run(model: Any, values: Any) -> Any:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: values.astype(np.float32)})[0]


def test_forms_of_onnx_files_are_many() -> None:
    assert len(onnx_forms.NETWORKS) >= 12
