"""How long all steps will take is told once, from steps that are alike."""

import pytest

from edgecnn.progress import Estimate, Progress
from edgecnn.progress_bar import duration


def test_the_time_of_all_steps_is_told_once_and_without_the_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, *(100 + 0.5 * step for step in range(1, 40))])  # half a second a step after the first
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    told: list[float] = []
    estimate = Estimate(told.append, measured=4)
    for done in range(1, 30):
        estimate(Progress("training", done, 1000))
        assert len(told) == (done >= 5)
    assert told == [pytest.approx(500)]


def test_a_resumed_training_is_estimated_as_well() -> None:
    told: list[float] = []
    estimate = Estimate(told.append, measured=2)
    for done in (501, 502, 503, 504):
        estimate(Progress("training", done, 1000))
    assert len(told) == 1


def test_a_duration_is_said_as_people_say_it() -> None:
    assert [duration(seconds) for seconds in (0.4, 40, 99, 150, 660)] == ["0 s", "40 s", "99 s", "2 min", "11 min"]
