"""Which of made-up candidates ships, and what the user is told."""

from dataclasses import replace

import pytest

from edgecnn.bench.stats import mcnemar
from edgecnn.metrics import Accuracy
from edgecnn.quantizing.candidates import Candidate, plain
from edgecnn.quantizing.decision import MAX_DROP, compared, decide, is_less_accurate, spoken, verdict
from edgecnn.quantizing.evaluator import CandidateResult, Timing
from edgecnn.quantizing.schemes import U8S8

FLOAT32_US = tuple(100.0 + number % 3 for number in range(21))


def timing(speedup: float, noise: float = 0.01, rounds: int = 21) -> Timing:
    """So many times as fast as float32, give or take `noise` of it."""
    medians = [its / speedup * (1 + noise * ((number * 7 % 5) - 2)) for number, its in enumerate(FLOAT32_US[:rounds])]
    return Timing(tuple(medians), FLOAT32_US[:rounds])


def trial(
    name: str = "as exported",
    speedup: float | None = 2.0,
    *,
    size: int = 10_000,
    lost: int = 3,
    gained: int = 2,
    images: int = 5000,
    noise: float = 0.01,
    rounds: int = 21,
) -> CandidateResult:
    measured = None if speedup is None else timing(speedup, noise, rounds)
    score = Accuracy("validation", images - 50 - lost + gained, images)
    return CandidateResult(plain(name, U8S8), size, score, lost, gained, measured)


def test_made_up_timings_have_the_speedup_asked_for() -> None:
    speedup = timing(2.0).speedup
    assert speedup.value == pytest.approx(2, rel=0.01)
    assert speedup.low is not None
    assert speedup.high is not None
    assert 1.9 < speedup.low < speedup.value < speedup.high < 2.1


def test_the_fastest_ships() -> None:
    slow, fast, middle = trial("a", 1.5), trial("b", 3.0), trial("c", 2.0)
    assert decide([slow, fast, middle]).chosen is fast
    assert decide([fast, middle, slow]).chosen is fast


def test_size_and_accuracy_do_not_outweigh_speed() -> None:
    fast, small = trial("a", 3.0, size=90_000, lost=5, gained=0), trial("b", 2.0, size=10, lost=0, gained=9)
    assert decide([small, fast]).chosen is fast


def test_of_the_fastest_the_smallest_ships() -> None:
    large, small = trial("a", 2.01, size=12_000, lost=0), trial("b", 2.0, size=10_000)
    assert decide([large, small]).chosen is small
    assert decide([small, large]).chosen is small


def test_of_the_fastest_and_smallest_the_most_accurate_ships() -> None:
    worse, better = trial("a", 2.01, size=10_000, lost=4), trial("b", 2.0, size=10_080, lost=1)
    assert decide([worse, better]).chosen is better
    assert decide([better, worse]).chosen is better


def test_of_equals_the_first_ships() -> None:
    first, second = trial("a"), trial("b")
    assert decide([first, second]).chosen is first
    assert decide([second, first]).chosen is second


def test_a_size_differs_from_one_percent_on() -> None:
    small = trial("a", size=100_000, lost=4)
    assert decide([small, trial("b", size=100_999, lost=1)]).chosen is not small
    assert decide([small, trial("b", size=101_001, lost=1)]).chosen is small


def test_one_that_is_shown_slower_than_the_fastest_is_no_equal_of_it() -> None:
    fast, slower = trial("a", 2.2, size=90_000), trial("b", 2.0, size=10)
    assert decide([slower, fast]).chosen is fast
    unsure = trial("b", 2.0, size=10, noise=0.15)
    assert decide([unsure, fast]).chosen is unsure


def test_speeds_are_compared_by_what_float32_took_beside_them() -> None:
    """Whatever the machine did between: the second was timed when all took three times as long."""
    first, second = trial("a", 2.0), trial("b", 2.5)
    assert second.timing is not None
    slowed = Timing(
        tuple(3 * time for time in second.timing.medians_us), tuple(3 * time for time in second.timing.float32_us)
    )
    assert decide([first, replace(second, timing=slowed)]).chosen == replace(second, timing=slowed)


@pytest.mark.parametrize(
    ("speedup", "noise", "rounds"), [(0.8, 0.01, 21), (1.0, 0.01, 21), (1.05, 0.2, 21), (3.0, 0.01, 4)]
)
def test_float32_ships_where_none_is_shown_faster(speedup: float, noise: float, rounds: int) -> None:
    found = trial("channels-last", speedup, noise=noise, rounds=rounds)
    assert verdict(found) == "not shown faster"
    decision = decide([found])
    assert decision.chosen is None
    assert found.timing is not None
    assert decision.reason == (
        f"no int8 candidate is shown to be faster here: the best, channels-last, is {compared(found.timing.speedup)}"
    )


def test_the_reason_against_int8_names_the_fastest_that_is_accurate() -> None:
    trials = [trial("a", 0.5), trial("b", 0.9), trial("c", 3.0, lost=60)]
    assert [verdict(each) for each in trials] == ["not shown faster", "not shown faster", "less accurate"]
    assert decide(trials).reason.startswith("no int8 candidate is shown to be faster here: the best, b, is 1.1")


def test_a_less_accurate_one_does_not_ship() -> None:
    fast, accurate = trial("a", 9.0, lost=60, gained=2), trial("b", 1.5)
    assert verdict(fast) == "less accurate"
    assert decide([fast, accurate]).chosen is accurate


def test_float32_ships_where_all_lose_accuracy() -> None:
    decision = decide([trial("a", 3.0, lost=90, gained=0), trial("space-to-depth 1×4", 2.0, lost=60, gained=2)])
    assert decision.chosen is None
    assert decision.reason == (
        "every int8 candidate loses too much accuracy: "
        "the best, space-to-depth 1×4, loses 60 and gains 2, allowed 0.1 points"
    )


def test_what_is_both_slower_and_less_accurate_is_called_less_accurate() -> None:
    assert verdict(trial(speedup=0.5, lost=90)) == "less accurate"


@pytest.mark.parametrize(
    ("lost", "gained", "max_drop", "less"),
    [
        (5, 0, 0.1, False),  # just what is allowed, though McNemar's test would nearly show it
        (6, 0, 0.1, True),
        (106, 101, 0.1, False),
        (107, 101, 0.1, True),  # and here it would not
        (0, 50, 0.1, False),
        (50, 0, 1.0, False),
        (51, 0, 1.0, True),
        (15, 0, 0.3, False),
        (16, 0, 0.3, True),
        (1, 0, 0.0, True),
        (3, 3, 0.0, False),
        (1, 0, 0.01, True),
    ],
)
def test_of_many_images_no_more_may_be_lost_than_is_allowed(
    lost: int, gained: int, max_drop: float, less: bool
) -> None:
    assert is_less_accurate(trial(lost=lost, gained=gained), max_drop) is less


@pytest.mark.parametrize(
    ("images", "lost", "gained", "less"),
    [
        (200, 1, 0, False),
        (200, 5, 0, False),
        (200, 6, 0, True),
        (200, 9, 3, False),
        (200, 12, 3, True),
        (200, 0, 20, False),
        (999, 5, 0, False),
        (1000, 1, 0, False),
        (1000, 2, 0, True),
        (60, 1, 0, False),
    ],
)
def test_of_few_images_a_loss_counts_when_a_test_shows_it(images: int, lost: int, gained: int, less: bool) -> None:
    found = trial(images=images, lost=lost, gained=gained)
    assert is_less_accurate(found, MAX_DROP) is less
    if images < 1000 and lost > gained:
        assert less == (mcnemar(lost, gained) < 0.05)


@pytest.mark.parametrize("images", [5000, 1000, 300])
def test_who_allows_less_gets_no_more_losses(images: int) -> None:
    allowances = [0.0, 0.01, 0.1]
    for lost in range(20):
        found = [is_less_accurate(trial(images=images, lost=lost, gained=0), allowed) for allowed in allowances]
        assert found == sorted(found, reverse=True)


def test_what_may_be_lost_is_the_users_choice() -> None:
    found = trial(lost=40, gained=0)
    assert decide([found]).chosen is None
    decision = decide([found], 1.0)
    assert decision.chosen is found
    assert decision.reason.endswith("it loses 40 and gains 0 of 5,000 validation images, allowed 1 points")


def test_the_reason_says_how_fast_and_how_accurate() -> None:
    found = replace(trial(lost=3, gained=2), timing=Timing((50.0,) * 7, (100.0,) * 7))
    assert decide([found]).reason == (
        "int8 is 2.00 (2.00 to 2.00) times as fast as float32 here; "
        "it loses 3 and gains 2 of 5,000 validation images, allowed 0.1 points"
    )


def test_where_nothing_is_timed_the_smallest_accurate_one_ships_by_rule() -> None:
    large, small, worse = trial("a", None, size=20_000), trial("b", None), trial("c", None, size=10, lost=90)
    decision = decide([large, small, worse])
    assert decision.chosen is small
    assert decision.reason == (
        "int8 by rule, not timed on its target; it loses 3 and gains 2 of 5,000 validation images, allowed 0.1 points"
    )
    assert verdict(small) == "passes"


def test_where_nothing_is_timed_nor_accurate_float32_ships() -> None:
    decision = decide([trial("a", None, lost=90), trial("b", None, lost=60)])
    assert decision.chosen is None
    best = "the best, b, loses 60 and gains 2, allowed 0.1 points"
    assert decision.reason == f"every int8 candidate loses too much accuracy: {best}"


def test_a_candidate_is_called_by_its_graph_and_what_is_special() -> None:
    best = Candidate("channels-last", U8S8, "a reason", variant="float32 tail, percentile")
    found = replace(trial(lost=90), candidate=best)
    assert "the best, channels-last, float32 tail, percentile, loses 90" in decide([found]).reason


def test_a_slow_down_is_told_the_other_way_up() -> None:
    assert compared(timing(2.0, 0).speedup) == "2.00 (2.00 to 2.00) times as fast as float32"
    assert compared(timing(0.4, 0).speedup) == "2.50× slower (2.50 to 2.50) than float32"


def test_a_figure_without_an_interval_is_spoken_alone() -> None:
    assert spoken(timing(2.0, 0, rounds=3).speedup) == "2.00"
    assert spoken(timing(2.0, 0).speedup) == "2.00 (2.00 to 2.00)"


def test_a_trial_knows_its_loss() -> None:
    found = trial(lost=12, gained=2)
    assert found.drop == pytest.approx(0.2)
    assert trial(lost=2, gained=12).drop == pytest.approx(-0.2)
    assert found.p_value == pytest.approx(mcnemar(12, 2))
    assert timing(2.0).latency_us == pytest.approx(50.5, abs=1)
    assert timing(4.0, 0).relative == pytest.approx((0.25,) * 21)
