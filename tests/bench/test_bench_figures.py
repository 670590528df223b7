"""Every figure of a run against what its chosen samples give by hand."""

from dataclasses import replace

import pytest
from made_up import (
    MIB,
    MODEL,
    OTHER_MODEL,
    OTHER_SHA256,
    TRUTH,
    answers,
    bench,
    failed,
    measured,
    stream,
    streams,
)

from edgecnn.bench.figures import RateFigures, Row, summarize
from edgecnn.bench.pace import drifts, paces, reference_of
from edgecnn.bench.results import Bench, Data, Load, Measurement, Memory, Plan, Round


def rows(run: Bench) -> dict[str, Row]:
    return {row.name: row for row in summarize(run).rows}


def only_row(item: Measurement, plan: Plan | None = None) -> Row:
    (row,) = summarize(bench(item, plan=plan)).rows
    return row


def percentiles(row: Row) -> tuple[float | None, ...]:
    return row.p50_us, row.p90_us, row.p99_us, row.p999_us


# One contender


@pytest.mark.parametrize(
    ("queries", "expected"),
    [
        (1, (1, None, None, None)),
        (99, (50, None, None, None)),
        (100, (50, 90, None, None)),
        (999, (500, 900, None, None)),
        (1000, (500, 900, 990, None)),
        (9999, (5000, 9000, 9900, None)),
        (10_000, (5000, 9000, 9900, 9990)),
    ],
)
def test_percentiles_are_of_all_rounds_together_and_told_where_ten_samples_lie_beyond(
    queries: int, expected: tuple[float | None, ...]
) -> None:
    """Latencies are 1, 2, 3 and so on, the slow ones in the first round."""
    half = queries // 2
    rounds = [stream(0, range(half + 1, queries + 1)), stream(1, range(1, half + 1))] if half else [stream(0, [1])]
    row = only_row(measured("onnx-int8", rounds))
    assert percentiles(row) == expected
    assert row.queries == queries


def test_throughput_counts_every_image_and_percentiles_every_query() -> None:
    """Five queries of eight images in 2,000 µs."""
    row = only_row(measured("onnx-int8", [stream(0, [300, 500, 400], 8), stream(1, [400, 400], 8)]))
    assert row.throughput_ips == pytest.approx(5 * 8 / 2000e-6)
    assert (row.p50_us, row.queries) == (400, 5)


def test_queries_whose_samples_were_not_kept_count_too() -> None:
    kept = replace(stream(0, [100] * 10), queries=10_000, elapsed_ns=500_000_000)
    row = only_row(measured("onnx-int8", [kept]))
    assert (row.queries, row.p50_us, row.throughput_ips) == (10_000, 100, 20_000)


def test_times_of_processes_are_medians_and_memory_is_over_an_empty_pythons() -> None:
    item = replace(
        measured("onnx-int8", streams([10, 10, 10])),
        loads=(
            Load(1_000_000, 30_000_000, 600_000, 150_000_000),
            Load(9_000_000, 10_000_000, 200_000, 900_000_000),
            Load(2_000_000, 20_000_000, 100_000, 160_000_000),
        ),
        memories=(Memory(70 * MIB, 40 * MIB), Memory(90 * MIB, 45 * MIB), Memory(75 * MIB, 60 * MIB)),
    )
    row = only_row(item)
    assert (row.processes, row.import_ms, row.init_ms, row.first_ms, row.cold_ms) == (3, 2, 20, 0.2, 160)
    assert (row.peak_mib, row.steady_mib, row.file_bytes) == (65, 35, 2500)  # an empty one takes 10


def test_the_floor_is_a_median_and_absent_where_it_was_not_measured() -> None:
    item = measured("onnx-int8", streams([10]))  # whose floor took 3, 2 and 4 µs
    assert only_row(item).floor_us == 3
    assert only_row(replace(item, floor_ns=())).floor_us is None


def test_a_process_that_was_stopped_before_it_told_its_memory_has_none() -> None:
    row = only_row(replace(measured("onnx-int8", streams([10])), memories=()))
    assert (row.peak_mib, row.steady_mib, row.p50_us) == (None, None, 10)


def test_spread_is_the_slowest_round_over_the_fastest_and_drift_the_second_half_over_the_first() -> None:
    row = only_row(measured("onnx-int8", streams([50, 40, 60, 80])))
    assert (row.spread, row.drift) == pytest.approx((2, 70 / 45))


def test_accuracy_has_wilsons_interval() -> None:
    """80 of 100: 71.1 to 86.7 %, as the textbooks have it."""
    row = only_row(measured("onnx-int8", streams([10]), given=answers(wrong=range(20))))
    assert (row.accuracy, row.images) == (0.8, 100)
    assert (row.accuracy_low, row.accuracy_high) == pytest.approx((0.7112, 0.8666), abs=1e-4)


def test_a_model_without_data_has_no_accuracy() -> None:
    row = only_row(measured("onnx-int8", streams([10])))
    assert (row.accuracy, row.accuracy_low, row.accuracy_high, row.images) == (None, None, None, None)
    assert (row.agreement, row.p_accuracy, row.accuracy_verdict) == (None, None, None)


def test_a_row_names_the_contender_its_model_runtime_variant_and_file() -> None:
    row = only_row(measured("other/tf-function", streams([10]), model=OTHER_MODEL))
    assert (row.name, row.model, row.runtime, row.variant, row.file) == (
        ("other/tf-function", OTHER_MODEL, "tensorflow", "function", "model.keras")
    )


# Speed against a reference


def test_the_reference_is_the_fastest_tensorflow_way_of_the_same_model() -> None:
    run = bench(
        measured("onnx-int8", streams([5, 5, 5])),
        measured("tf-predict", streams([4000, 4000, 4000])),
        measured("tf-function", streams([80, 80, 80])),
        measured("tf-call", streams([200, 200, 200])),
        measured("other/tf-call", streams([30, 30, 30]), model=OTHER_MODEL),
        measured("other/onnx-int8", streams([6, 6, 6]), model=OTHER_MODEL),
    )
    found = rows(run)
    assert [row.reference for row in found.values()] == ["tf-function"] * 4 + ["other/tf-call"] * 2
    assert [row.speedup for row in found.values()] == pytest.approx([16, 0.02, 1, 0.4, 1, 5])


def test_without_tensorflow_the_reference_is_the_first_that_was_measured() -> None:
    run = bench(
        failed("onnx-float16", "it broke"),
        measured("onnx-float32", streams([20, 20, 20])),
        measured("onnx-int8", streams([10, 10, 10])),
    )
    found = rows(run)
    assert found["onnx-int8"].reference == found["onnx-float32"].reference == "onnx-float32"
    assert found["onnx-int8"].speedup == 2


def test_a_model_without_an_original_is_compared_with_the_runs_first() -> None:
    run = bench(
        measured("tf-call", streams([40, 40, 40])),
        measured("other/onnx-int8", streams([10, 10, 10]), model=OTHER_MODEL),
    )
    found = rows(run)["other/onnx-int8"]
    assert (found.reference, found.speedup) == ("tf-call", 4)


def test_a_failed_contender_has_its_failure_and_no_figures() -> None:
    broken = replace(measured("tf-function", streams([1, 1, 1]), given=TRUTH), failure="signal 9")
    for item in (broken, failed("tf-function", "signal 9")):
        row = rows(bench(measured("onnx-int8", streams([5, 5, 5]), given=TRUTH), item))["tf-function"]
        assert row == Row("tf-function", MODEL, "tensorflow", "function", "model.keras", "signal 9")


def test_a_failed_contender_is_never_the_reference_however_fast() -> None:
    run = bench(
        replace(measured("tf-function", streams([1, 1, 1])), failure="signal 9"),
        measured("tf-call", streams([20, 20, 20])),
        measured("onnx-int8", streams([5, 5, 5])),
    )
    found = rows(run)
    assert (found["onnx-int8"].reference, found["onnx-int8"].speedup) == ("tf-call", 4)
    assert [pair.first + pair.second for pair in summarize(run).pairs] == ["tf-callonnx-int8"]


def test_where_all_failed_there_is_neither_reference_nor_pair() -> None:
    run = bench(failed("tf-call", "it broke"), failed("onnx-int8", "so did it"))
    summary = summarize(run)
    assert [(row.reference, row.failure) for row in summary.rows] == [(None, "it broke"), (None, "so did it")]
    assert summary.pairs == ()
    assert reference_of(run, run.measurements[0]) is None


def test_a_contender_alone_is_its_own_reference_with_nothing_to_say_of_its_speed() -> None:
    row = only_row(measured("onnx-int8", streams([10, 10, 10]), given=TRUTH))
    assert (row.reference, row.speedup, row.speedup_low, row.verdict) == ("onnx-int8", 1, None, None)
    assert (row.agreement, row.p_accuracy, row.accuracy_verdict) == (1, None, None)


def test_the_speed_up_is_paired_by_round() -> None:
    """Both are hit by the same noise, so that the ratio is 4 in every round and its interval has no width."""
    noise = [1, 1.5, 3, 1.2, 1, 2]
    run = bench(
        measured("tf-call", streams([40 * factor for factor in noise])),
        measured("onnx-int8", streams([10 * factor for factor in noise])),
    )
    row = rows(run)["onnx-int8"]
    assert (row.speedup, row.speedup_low, row.speedup_high) == pytest.approx((4, 4, 4))
    assert row.verdict == "faster"


def test_rounds_that_one_of_the_two_lacks_do_not_count() -> None:
    """Round 1, in which the machine stood still, and round 4 are the reference's alone."""
    item = measured("onnx-int8", [stream(number, [10]) for number in (0, 2, 3, 5, 6, 7)])
    row = rows(bench(measured("tf-call", streams([20, 9999, 20, 20, 9999, 20, 20, 20])), item))["onnx-int8"]
    assert (row.speedup, row.speedup_low, row.speedup_high) == pytest.approx((2, 2, 2))


def test_without_a_common_round_there_is_no_speed_up() -> None:
    run = bench(
        measured("tf-call", [stream(0, [20]), stream(1, [20])]),
        measured("onnx-int8", [stream(2, [10]), stream(3, [10])]),
    )
    row = rows(run)["onnx-int8"]
    assert (row.reference, row.speedup, row.verdict) == ("tf-call", None, None)
    assert (summarize(run).pairs[0].ratio, summarize(run).pairs[0].verdict) == (None, None)


def test_the_pace_of_a_round_is_its_median_query_by_image() -> None:
    item = measured("onnx-int8", [stream(0, [80, 160, 8000], 8), stream(1, [400, 400], 8)])
    assert paces(item) == {0: 20_000, 1: 50_000}


def test_a_bare_ratio_proves_nothing_where_rounds_differ_more() -> None:
    """In both the contender is 1.05 times as fast; in one its rounds are between 0.76 and 1.32 times."""
    noise = [1.25, 0.8] * 5
    reference = measured("tf-call", streams([105] * 10))
    noisy = measured("onnx-int8", streams([100 * factor for factor in noise]))
    steady = measured("onnx-float32", streams([100, 100.1] * 5))
    found = rows(bench(reference, noisy, steady))
    assert found["onnx-int8"].speedup == pytest.approx(1.05)
    assert found["onnx-int8"].verdict == "no difference shown"
    low, high = found["onnx-int8"].speedup_low, found["onnx-int8"].speedup_high
    assert low is not None
    assert high is not None
    assert low < 1 < high
    assert found["onnx-float32"].speedup == pytest.approx(1.05, abs=0.001)
    assert found["onnx-float32"].verdict == "faster"


def test_a_slower_contender_is_called_slower() -> None:
    row = rows(bench(measured("tf-call", streams([10] * 6)), measured("onnx-int8", streams([20] * 6))))["onnx-int8"]
    assert (row.speedup, row.verdict) == (0.5, "slower")


def test_two_rounds_show_no_difference_for_want_of_an_interval() -> None:
    row = rows(bench(measured("tf-call", streams([90, 90])), measured("onnx-int8", streams([10, 10]))))["onnx-int8"]
    assert (row.speedup, row.speedup_low, row.speedup_high) == pytest.approx((9, None, None))
    assert row.verdict == "no difference shown"


# Labels against a reference


@pytest.mark.parametrize(
    ("only_reference", "only_contender", "p", "verdict"),
    [
        (0, 0, 1.0, "no difference shown"),
        (3, 1, 0.625, "no difference shown"),  # 2 * (1 + 4) / 2**4
        (10, 1, 24 / 2048, "less accurate"),  # 2 * (1 + 11) / 2**11
        (1, 10, 24 / 2048, "more accurate"),
        (0, 5, 2 / 32, "no difference shown"),
        (0, 6, 2 / 64, "more accurate"),
    ],
)
def test_agreement_and_mcnemar_follow_from_the_images_that_only_one_labels_right(
    only_reference: int, only_contender: int, p: float, verdict: str
) -> None:
    """Images 90 to 99 both get wrong, in the same way."""
    both = list(range(90, 100))
    first = answers(wrong=[*both, *range(40, 40 + only_contender)])
    second = answers(wrong=[*both, *range(only_reference)])
    run = bench(measured("tf-call", streams([9]), given=first), measured("onnx-int8", streams([9]), given=second))
    row = rows(run)["onnx-int8"]
    assert row.agreement == pytest.approx(1 - (only_reference + only_contender) / 100)
    assert row.p_accuracy == pytest.approx(p)
    assert row.accuracy_verdict == verdict
    (pair,) = summarize(run).pairs
    assert pair.changed == (*range(only_reference), *range(40, 40 + only_contender))
    assert pair.p_accuracy == row.p_accuracy


def test_two_wrong_labels_that_differ_are_a_change_but_no_matter_of_accuracy() -> None:
    first, second = list(TRUTH), list(TRUTH)
    first[7], second[7] = 1, 2  # it shows a 7
    run = bench(measured("tf-call", streams([9]), given=first), measured("onnx-int8", streams([9]), given=second))
    row = rows(run)["onnx-int8"]
    assert (row.agreement, row.p_accuracy, row.accuracy_verdict) == (0.99, 1.0, "no difference shown")
    assert summarize(run).pairs[0].changed == (7,)


def test_contenders_that_saw_different_images_are_not_compared_by_their_labels() -> None:
    other = Data("others", tuple("0123456789"), TRUTH, ())
    run = bench(
        measured("onnx-int8", streams([10] * 3), given=TRUTH),
        measured("other/onnx-int8", streams([5] * 3), given=TRUTH, model=OTHER_MODEL),
        data={MODEL: "a" * 64, OTHER_MODEL: OTHER_SHA256},
        datasets={"a" * 64: other, OTHER_SHA256: other},
    )
    row = rows(run)["other/onnx-int8"]
    assert (row.agreement, row.p_accuracy, row.accuracy_verdict) == (None, None, None)
    assert (row.speedup, row.accuracy) == pytest.approx((2, 1))
    assert (summarize(run).pairs[0].changed, summarize(run).pairs[0].p_accuracy) == (None, None)


def test_two_models_of_the_same_data_are_compared_by_their_labels() -> None:
    run = bench(
        measured("onnx-int8", streams([10]), given=TRUTH),
        measured("other/onnx-int8", streams([5]), given=answers(wrong=[3, 4]), model=OTHER_MODEL),
    )
    assert rows(run)["other/onnx-int8"].agreement == 0.98
    assert summarize(run).pairs[0].changed == (3, 4)


def test_a_run_that_was_stopped_before_it_asked_for_labels_has_speed_only() -> None:
    unasked = measured("onnx-int8", streams([5] * 3))
    row = rows(bench(measured("tf-call", streams([10] * 3), given=TRUTH), unasked, partial=True))["onnx-int8"]
    assert (row.speedup, row.agreement, row.accuracy) == pytest.approx((2, None, None))


# Pairs


def test_pairs_are_every_two_that_were_measured() -> None:
    run = bench(
        measured("tf-call", streams([40] * 6), given=TRUTH),
        failed("tf-predict", "it broke"),
        measured("onnx-float32", streams([20] * 6), given=answers(wrong=[5])),
        measured("onnx-int8", streams([25] * 6), given=answers(wrong=[5, 6])),
    )
    pairs = summarize(run).pairs
    assert [(pair.first, pair.second, pair.verdict, pair.changed) for pair in pairs] == [
        ("tf-call", "onnx-float32", "faster", (5,)),
        ("tf-call", "onnx-int8", "faster", (5, 6)),
        ("onnx-float32", "onnx-int8", "slower", (6,)),
    ]
    ratios = [pair.ratio for pair in pairs]
    assert [ratio.value for ratio in ratios if ratio] == pytest.approx([2, 1.6, 0.8])


# Offline


def offline(times: dict[int, float], name: str = "onnx-int8") -> Measurement:
    """By batch size the microseconds a query, in six rounds."""
    return measured(name, [stream(number, [us], batch) for number in range(6) for batch, us in times.items()])


def test_offline_tells_the_throughput_of_each_batch_the_best_and_where_it_saturates() -> None:
    """10,000, 40,000, 50,000 and 51,200 images a second: batches of 32 come within 5 % of those of 128."""
    row = only_row(offline({1: 100, 8: 200, 32: 640, 128: 2500}), Plan("offline"))
    assert [found.batch for found in row.batches] == [1, 8, 32, 128]
    assert [found.throughput_ips for found in row.batches] == pytest.approx([10_000, 40_000, 50_000, 51_200])
    assert (row.best_batch, row.saturates_at) == (128, 32)
    assert row.throughput_ips == pytest.approx(51_200)
    assert percentiles(row) == (None, None, None, None)
    assert row.queries == 24


@pytest.mark.parametrize(("us", "saturates_at"), [(842.1, 8), (842.2, 32)])
def test_saturated_is_what_reaches_95_percent(us: float, saturates_at: int) -> None:
    """Batches of 32 in 3,200 µs are 10,000 images a second; 95 % is eight in 842.105 µs."""
    assert only_row(offline({1: 1000, 8: us, 32: 3200})).saturates_at == saturates_at


def test_throughput_that_falls_with_larger_batches_saturates_before() -> None:
    row = only_row(offline({1: 100, 8: 400, 32: 3200}))
    assert (row.best_batch, row.saturates_at) == (8, 8)


def test_offline_contenders_are_compared_each_with_its_best_batch() -> None:
    """The one's best is 8 images in 200 µs, the other's 32 in 320 µs: 25 µs an image against 10."""
    run = bench(
        offline({1: 100, 8: 200, 32: 3200}, "tf-call"), offline({1: 100, 8: 200, 32: 320}), plan=Plan("offline")
    )
    row = rows(run)["onnx-int8"]
    assert (row.reference, row.verdict) == ("tf-call", "faster")
    assert row.speedup == pytest.approx(2.5)


def test_only_the_best_batch_tells_how_steady_it_was() -> None:
    rounds = [stream(number, [100 * 2**number], 1) for number in range(4)] + [
        stream(number, [80], 8) for number in range(4)
    ]
    row = only_row(measured("onnx-int8", rounds))
    assert (row.best_batch, row.spread, row.drift) == (8, 1, 1)


def test_one_batch_size_alone_is_no_range_of_them() -> None:
    """As where there are fewer images than eight."""
    row = only_row(offline({1: 100}))
    assert (row.batches, row.best_batch, row.saturates_at) == ((), None, None)
    assert (row.throughput_ips, row.p50_us) == pytest.approx((10_000, 100))


# Server

BOUND = Plan("server", rates=(100, 200, 300, 400), latency_bound_us=1000)


def at_rate(rate: float, us: float, rounds: int = 3, queries: int = 400, late: int = 0) -> tuple[Round, ...]:
    """Rounds at a rate; so many queries of each take 20 ms."""
    return tuple(stream(number, [us] * (queries - late) + [20_000] * late, 1, rate) for number in range(rounds))


def server(*parts: tuple[Round, ...], plan: Plan = BOUND) -> Row:
    (row,) = summarize(bench(measured("onnx-int8", sum(parts, ())), plan=plan)).rows
    return row


def test_the_highest_rate_that_holds_is_told_with_its_latency() -> None:
    row = server(at_rate(100, 50), at_rate(200, 60), at_rate(300, 70, late=40), at_rate(400, 2000))
    assert [found.holds for found in row.rates] == [True, True, False, False]
    assert row.rate_qps == row.throughput_ips == 200
    assert percentiles(row) == (60, 60, 60, None)  # 1,200 samples have but one beyond the 99.9th
    assert row.rates[2] == RateFigures(300, 3, 70, 70, 20_000, False)
    assert row.queries == 4 * 1200
    assert (row.spread, row.drift, row.batches) == (None, None, ())


def test_images_a_second_are_the_rate_times_the_batch() -> None:
    rounds = [stream(number, [50] * 400, 8, 100.0) for number in range(3)]
    row = only_row(measured("onnx-int8", rounds), BOUND)
    assert (row.rate_qps, row.throughput_ips) == (100, 800)


def test_a_rate_holds_at_the_bound_and_not_beyond() -> None:
    assert server(at_rate(100, 1000)).rate_qps == 100
    assert server(at_rate(100, 1000.001)).rate_qps is None


def test_a_rate_that_two_rounds_tried_is_not_confirmed() -> None:
    row = server(at_rate(100, 50), at_rate(200, 50, rounds=2, queries=2000))
    assert (row.rates[1].holds, row.rates[1].p99_us, row.rate_qps) == (False, 50, 100)


def test_a_rate_with_too_few_queries_for_a_p99_does_not_hold() -> None:
    row = server(at_rate(100, 50, queries=333))
    assert row.rates == (RateFigures(100, 3, 50, 50, None, False),)
    assert row.rate_qps is None


def test_where_no_rate_holds_there_are_its_rates_and_no_headline() -> None:
    row = server(at_rate(100, 5000), at_rate(200, 9000))
    assert [(found.rate_qps, found.p99_us, found.holds) for found in row.rates] == [
        (100, 5000, False),
        (200, 9000, False),
    ]
    assert (row.rate_qps, row.throughput_ips, *percentiles(row)) == (None,) * 6
    assert row.init_ms == 12  # it was measured all the same


def test_server_contenders_have_no_speed_up() -> None:
    both = bench(
        measured("tf-call", at_rate(100, 500), given=TRUTH),
        measured("onnx-int8", at_rate(100, 50), given=TRUTH),
        plan=BOUND,
    )
    for row in rows(both).values():
        assert (row.reference, row.speedup, row.verdict, row.agreement) == ("tf-call", None, None, 1)
    assert summarize(both).pairs[0].ratio is None


# Drift


def test_drifts_are_of_contenders_whose_queries_come_one_after_another() -> None:
    found = drifts(
        [
            measured("onnx-int8", streams([10, 10, 15, 20, 20])),  # the middle round belongs to neither half
            measured("onnx-float32", streams([10])),
            measured("tf-call", at_rate(100, 50)),
            failed("tf-predict", "it broke"),
        ]
    )
    assert found == {"onnx-int8": 2, "onnx-float32": 1}
