"""Which settings are tried, and which are chosen; how fast any is, is the machine's affair."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgecnn.bench.stats import Estimate
from edgecnn.data import Dataset
from edgecnn.errors import ModelError
from edgecnn.host import machine
from edgecnn.quantizing import session_tuning
from edgecnn.quantizing.session_tuning import FINALISTS, SettingsResult, Tuning, candidates, chosen, tune, usable_cores
from edgecnn.runtime.settings import Settings

Images = NDArray[np.uint8]


@pytest.fixture
def image(mnist: Dataset) -> Images:
    return mnist.test.images[:1]


def of_cores(number: int, monkeypatch: pytest.MonkeyPatch, limit: float | None = None) -> None:
    monkeypatch.setattr(machine, "usable_cpus", lambda: list(range(number)))
    monkeypatch.setattr(machine, "cpu_limit", lambda: limit)


def trial(settings: Settings, value: float, low: float | None, high: float | None) -> SettingsResult:
    return SettingsResult(settings, (1.0,), Estimate(value, low, high))


def test_every_number_of_threads_is_tried_with_and_without_spinning_and_arena() -> None:
    assert candidates(1) == [Settings(), Settings(arena=False)]
    two = candidates(2)
    assert two[0] == Settings()
    assert {(each.threads, each.spinning, each.arena) for each in two[2:]} == {
        (2, spinning, arena) for spinning in (False, True) for arena in (False, True)
    }
    assert len(candidates(4)) == len(set(candidates(4))) == 2 + 3 * 4


@pytest.mark.parametrize(
    ("cores", "limit", "usable"), [(4, None, 4), (4, 2.5, 2), (4, 0.5, 1), (2, 8.0, 2), (1, None, 1)]
)
def test_threads_are_as_many_as_cores_and_what_a_container_leaves_of_them(
    cores: int, limit: float | None, usable: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_cores(cores, monkeypatch, limit)
    assert usable_cores() == usable


def test_the_fastest_of_those_shown_to_be_faster_is_chosen() -> None:
    default = trial(Settings(), 1.0, 1.0, 1.0)
    unsure = trial(Settings(threads=4), 1.9, 0.99, 2.8)
    faster = trial(Settings(threads=2), 1.2, 1.1, 1.3)
    fastest = trial(Settings(threads=3), 1.5, 1.3, 1.7)
    slower = trial(Settings(arena=False), 0.8, 0.7, 0.9)
    unknown = trial(Settings(threads=5), 3.0, None, None)
    assert chosen([default, unsure, faster, fastest, slower, unknown]) == Settings(threads=3)
    assert chosen([default, unsure, slower, unknown]) == Settings()
    assert chosen([default]) == Settings()


def test_tuning_keeps_every_trial(tiny: Path, image: Images) -> None:
    done: list[tuple[int, int]] = []
    found = tune(tiny, image, lambda at: done.append((at.done, at.steps)), count=2)
    assert isinstance(found, Tuning)
    assert [each.settings for each in found.latency] == candidates(usable_cores())[: len(found.latency)]
    for each in found.latency:
        assert len(each.medians_us) == 2
        assert min(each.medians_us) > 0
    assert found.latency[0].speedup.value == 1
    assert found.confirmation == ()
    assert done == [(number, 4) for number in (1, 2)]
    assert found.settings == Settings()  # two rounds show nothing


@pytest.mark.parametrize(
    ("again", "settings"),
    [([10, 5], Settings(arena=False)), ([10, 10], Settings()), ([10, 11], Settings())],
)
def test_settings_are_chosen_if_they_are_faster_twice(
    again: list[float], settings: Settings, tiny: Path, image: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_cores(1, monkeypatch)
    tables = iter([[10.0, 4.0], again])
    monkeypatch.setattr(session_tuning, "rounds", lambda _calls, count, _seconds: [next(tables)] * count)
    found = tune(tiny, image, count=7)
    assert found.settings == settings
    assert [each.settings for each in found.confirmation] == [Settings(), Settings(arena=False)]


def test_of_many_settings_the_defaults_and_the_quickest_few_are_timed_side_by_side(
    tiny: Path, image: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_cores(3, monkeypatch)
    found = tune(tiny, image, count=1)
    tried = [each.settings for each in found.latency]
    assert len(set(tried)) == FINALISTS < len(candidates(3))
    assert tried[0] == Settings()


def test_a_broken_model_is_named(tmp_path: Path, image: Images) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(b"this is no model")
    with pytest.raises(ModelError, match=r"bad\.onnx cannot be opened"):
        tune(path, image, count=1)
