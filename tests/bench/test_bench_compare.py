"""What two runs have to share to be compared, and what is then said of each figure's change."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from made_up import (
    DIGITS,
    DIGITS_SHA256,
    HOST,
    HOT,
    MIB,
    MODEL,
    OTHER_SHA256,
    TRUTH,
    answers,
    bench,
    failed,
    measured,
    stream,
    streams,
)

from edgecnn.bench.compare import Change, compare, require_comparable
from edgecnn.bench.reports.conditions import comparison_notes
from edgecnn.bench.results import Bench, Data, Load, Measurement, Memory, Plan, Round
from edgecnn.bench.stats import Estimate
from edgecnn.errors import BenchError

SAME = "no difference shown"
SERVER = Plan("server", rates=(100.0,), latency_bound_us=1000)


def noisy(us: float, factor: float = 1.02) -> tuple[Round, ...]:
    """Ten rounds of 100 queries around so many microseconds."""
    return streams([us * factor, us / factor] * 5, queries=100)


def changes(earlier: Measurement | Bench, now: Measurement | Bench) -> dict[str, Change]:
    """By figure, of the contender that both have."""
    then, here = (bench(run) if isinstance(run, Measurement) else run for run in (earlier, now))
    return {change.figure: change for change in compare(then, here).changes}


# Whether they may be compared


def test_the_same_host_and_plan_are_comparable() -> None:
    earlier = bench(measured("onnx-int8", streams([10])))
    assert require_comparable(earlier, HOST, Plan()) == ()
    assert require_comparable(earlier, HOST, Plan(), force=True) == ()


def test_what_makes_a_measurement_longer_or_the_software_newer_does_not_part_two_runs() -> None:
    earlier = bench(measured("onnx-int8", streams([10])))
    longer = Plan(duration=30, queries=9, rounds=20, warm_up=1, warm_up_queries=1, timeout=9, latency_bound_us=5.0)
    newer = replace(HOST, python="3.13.0", versions={"onnxruntime": "2.0"}, memory_bytes=HOST.memory_bytes - 10**7)
    assert require_comparable(earlier, newer, longer) == ()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"system": "Darwin"}, "system was Linux, now Darwin"),
        ({"machine": "x86_64"}, "machine was aarch64, now x86_64"),
        ({"cpu": "Cortex-A72"}, "cpu was Cortex-A76, now Cortex-A72"),
        ({"board": None}, "board was Raspberry Pi 5 Model B Rev 1.0, now None"),
        ({"cores": 2}, "cores was 4, now 2"),
        ({"cpu_limit": 1.5}, "cpu_limit was None, now 1.5"),
        ({"memory_bytes": 8 * 2**30}, "memory_gib was 4, now 8"),
    ],
)
def test_another_host_is_not_comparable(changed: dict[str, Any], reason: str) -> None:
    earlier = bench(measured("onnx-int8", streams([10])))
    host = replace(HOST, **changed)
    with pytest.raises(BenchError, match="--force") as caught:
        require_comparable(earlier, host, Plan())
    assert reason in str(caught.value)
    assert earlier.started in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert require_comparable(earlier, host, Plan(), force=True) == (reason,)


@pytest.mark.parametrize(
    ("then", "now", "reason"),
    [
        (Plan(), Plan(threads=2), "threads was 1, now 2"),
        (Plan(batch=8), Plan(), "batch was 8, now 1"),
        (Plan(), Plan("offline"), "scenario was single-stream, now offline"),
        (SERVER, replace(SERVER, rates=(100.0, 200.0)), "rates was (100.0,), now (100.0, 200.0)"),
        (SERVER, replace(SERVER, latency_bound_us=500.0), "latency_bound_us was 1000, now 500.0"),
    ],
)
def test_another_plan_is_not_comparable(then: Plan, now: Plan, reason: str) -> None:
    earlier = bench(measured("onnx-int8", streams([10])), plan=then)
    with pytest.raises(BenchError, match="add --force to compare anyway") as caught:
        require_comparable(earlier, HOST, now)
    assert reason in str(caught.value)
    assert require_comparable(earlier, HOST, now, force=True) == (reason,)


def test_every_reason_is_named() -> None:
    earlier = bench(measured("onnx-int8", streams([10])))
    reasons = require_comparable(earlier, replace(HOST, cores=2), Plan("offline", threads=2), force=True)
    assert reasons == ("cores was 4, now 2", "scenario was single-stream, now offline", "threads was 1, now 2")


def test_what_was_forced_is_kept_and_printed() -> None:
    run = bench(measured("onnx-int8", streams([10])))
    comparison = compare(run, run, ("threads was 1, now 2", "cores was 4, now 2"))
    assert comparison.forced == ("threads was 1, now 2", "cores was 4, now 2")
    assert comparison_notes(comparison) == [
        "compared with the run of 2026-03-01T12:00:00+00:00",
        "FORCED: the two runs are not comparable: threads was 1, now 2; cores was 4, now 2",
    ]
    assert not any("FORCED" in line for line in comparison_notes(compare(run, run)))


# What changed


def test_a_run_compared_with_itself_has_every_figure_and_no_difference() -> None:
    run = bench(
        measured("tf-call", streams([20] * 6, queries=500), given=TRUTH, processes=6),
        measured("onnx-int8", streams([10] * 6, queries=500), given=answers(wrong=[1]), processes=6),
    )
    comparison = compare(run, run)
    figures = ["p50_us", "p90_us", "p99_us", "throughput_ips", "speedup"]
    figures += ["init_ms", "first_ms", "cold_ms", "peak_mib", "steady_mib", "file_bytes"]
    assert [item.figure for item in comparison.changes if item.contender == "onnx-int8"] == ["accuracy", *figures]
    figures.remove("speedup")  # of the reference there is none
    assert [item.figure for item in comparison.changes if item.contender == "tf-call"] == ["accuracy", *figures]
    for item in comparison.changes:
        assert item.then == item.now
        assert item.verdict == SAME
        assert item.change.low is not None
        assert item.change.high is not None
        same = 0 if item.figure == "accuracy" else 1
        assert item.change.value == same
        assert item.change.low <= same <= item.change.high
    assert (comparison.notes, comparison.only_then, comparison.only_now, comparison.forced) == ((), (), (), ())


@pytest.mark.parametrize(("factor", "slower", "faster"), [(2, "worse", "better"), (0.5, "better", "worse")])
def test_latency_is_the_better_the_lower_and_throughput_the_higher(factor: float, slower: str, faster: str) -> None:
    found = changes(measured("onnx-int8", noisy(100)), measured("onnx-int8", noisy(100 * factor)))
    assert [(found[name].then, found[name].now) for name in ("p50_us", "p90_us", "throughput_ips")] == [
        pytest.approx(pair, rel=1e-3) for pair in ((100, 100 * factor), (100, 100 * factor), (10_000, 10_000 / factor))
    ]
    for name in ("p50_us", "p90_us"):
        change = found[name].change
        assert change.value == pytest.approx(factor, rel=1e-4)
        assert change.low is not None
        assert change.high is not None
        assert 0.95 * factor < change.low < factor < change.high < 1.05 * factor
        assert found[name].verdict == slower
    assert found["throughput_ips"].change.value == pytest.approx(1 / factor, rel=1e-4)
    assert found["throughput_ips"].verdict == slower


def test_a_difference_within_the_noise_is_none() -> None:
    found = changes(measured("onnx-int8", noisy(100, 1.3)), measured("onnx-int8", noisy(105, 1.3)))
    assert found["p50_us"].change.value == pytest.approx(1.05, rel=1e-4)
    assert {change.verdict for change in found.values()} == {SAME}


def test_runs_share_no_noise_and_may_have_other_numbers_of_rounds() -> None:
    """The first rounds of both are slow ones: drawn together, their ratio would be exactly 1."""
    slow_start = [200.0, 150.0, 100.0, 100.0, 100.0, 100.0]
    found = changes(measured("onnx-int8", streams(slow_start)), measured("onnx-int8", streams([*slow_start, 100.0])))
    change = found["p50_us"].change
    assert change.low is not None
    assert change.high is not None
    assert change.low < 0.9
    assert change.high > 1.1


def test_percentiles_are_compared_where_both_runs_have_samples_enough() -> None:
    few, many = measured("onnx-int8", streams([100] * 6)), measured("onnx-int8", streams([100] * 6, queries=200))
    assert [name for name in changes(many, many) if name.startswith("p") and name.endswith("_us")] == [
        "p50_us",
        "p90_us",
        "p99_us",
    ]
    assert [name for name in changes(few, many) if name.endswith("_us")] == ["p50_us"]


def test_two_rounds_show_no_difference() -> None:
    found = changes(measured("onnx-int8", streams([100, 100])), measured("onnx-int8", streams([900, 900])))
    assert found["p50_us"].change == Estimate(pytest.approx(9), None, None)  # type: ignore[arg-type]
    assert found["p50_us"].verdict == SAME


def against(original: float, us: float, name: str = "tf-call") -> Bench:
    return bench(measured(name, noisy(original)), measured("onnx-int8", noisy(us)))


@pytest.mark.parametrize(("us", "value", "verdict"), [(50, 2, "better"), (200, 0.5, "worse"), (100, 1, SAME)])
def test_the_speed_up_is_the_better_the_higher(us: float, value: float, verdict: str) -> None:
    """It was 4 over an original of 400 µs."""
    change = changes(against(400, 100), against(400, us))["speedup"]
    assert (change.contender, change.verdict) == ("onnx-int8", verdict)
    assert (change.then, change.now, change.change.value) == pytest.approx((4, 4 * value, value), rel=1e-4)


def test_speed_ups_over_an_original_are_compared_whichever_of_its_ways_was_the_fastest() -> None:
    change = changes(against(400, 100, "tf-call"), against(200, 100, "tf-xla"))["speedup"]
    assert (change.then, change.now) == pytest.approx((4, 2), rel=1e-4)
    assert change.verdict == "worse"


def test_speed_ups_over_different_things_are_not_compared() -> None:
    """Without TensorFlow the speed-up is over the first contender: 1.5 is no worse than 6."""
    with_original = bench(
        measured("tf-call", noisy(600)), measured("onnx-float32", noisy(150)), measured("onnx-int8", noisy(100))
    )
    without = bench(measured("onnx-float32", noisy(150)), measured("onnx-int8", noisy(100)))
    assert "speedup" not in changes(with_original, without)
    assert "speedup" not in changes(without, with_original)
    assert changes(without, without)["speedup"].then == pytest.approx(1.5, rel=1e-4)


def with_memory(peaks: Sequence[float]) -> Measurement:
    """One process each, which takes so many MiB beyond an empty Python's ten."""
    memories = tuple(Memory(int((peak + 10) * MIB), int((peak + 10) * MIB)) for peak in peaks)
    return replace(measured("onnx-int8", streams([10] * len(peaks))), memories=memories)


def test_memory_is_the_better_the_lower() -> None:
    found = changes(with_memory([20] * 6), with_memory([30] * 6))
    assert (found["peak_mib"].then, found["peak_mib"].now, found["peak_mib"].verdict) == (20, 30, "worse")
    assert found["peak_mib"].change.value == pytest.approx(1.5)
    assert changes(with_memory([30] * 6), with_memory([20] * 6))["steady_mib"].verdict == "better"
    assert changes(with_memory([20, 40] * 3), with_memory([22, 42] * 3))["peak_mib"].verdict == SAME


def test_no_ratio_is_made_of_a_process_that_took_no_more_than_an_empty_one() -> None:
    assert "peak_mib" not in changes(with_memory([0] * 6), with_memory([30] * 6))


def test_start_times_are_compared_process_by_process() -> None:
    slow = replace(measured("onnx-int8", streams([10] * 6)), loads=(Load(1, 40_000_000, 2_000_000, 900_000_000),) * 6)
    quick = replace(slow, loads=(Load(1, 10_000_000, 1_000_000, 300_000_000),) * 6)
    found = changes(slow, quick)
    assert {name: (found[name].then, found[name].now) for name in ("init_ms", "first_ms", "cold_ms")} == {
        "init_ms": (40, 10),
        "first_ms": (2, 1),
        "cold_ms": (900, 300),
    }
    assert {found[name].verdict for name in ("init_ms", "first_ms", "cold_ms")} == {"better"}


@pytest.mark.parametrize(("size", "verdict"), [(2501, "worse"), (2500, SAME), (2499, "better")])
def test_the_size_of_a_file_is_exact(size: int, verdict: str) -> None:
    rounds = streams([10])
    change = changes(measured("onnx-int8", rounds), measured("onnx-int8", rounds, file_bytes=size))["file_bytes"]
    assert change == Change("onnx-int8", "file_bytes", 2500, size, Estimate(*[size / 2500] * 3), verdict)


def test_offline_runs_are_compared_batch_by_batch() -> None:
    then = measured("onnx-int8", [stream(number, [us], us // 10) for number in range(6) for us in (10, 80)])
    now = measured("onnx-int8", [stream(number, [40], batch) for number in range(6) for batch in (1, 8)])
    found = changes(then, now)
    names = ["throughput_ips at batch 1", "throughput_ips at batch 8"]
    assert [name for name in found if name.endswith(("_us", "1", "8"))] == names
    assert [found[name].then for name in names] == pytest.approx([100_000, 100_000])
    assert [found[name].now for name in names] == pytest.approx([25_000, 200_000])
    assert [found[name].verdict for name in names] == ["worse", "better"]


def test_server_runs_are_compared_by_latency_at_their_rate() -> None:
    def run(us: float) -> Bench:
        rounds = [stream(number, [us] * 400, 1, 100.0) for number in range(6)]
        return bench(measured("onnx-int8", rounds), plan=SERVER)

    found = changes(run(100), run(50))
    assert [(found[name].then, found[name].verdict) for name in ("p50_us", "p99_us")] == [(100, "better")] * 2
    assert "throughput_ips" not in found


# Accuracy


@pytest.mark.parametrize(
    ("then", "now", "verdict"),
    [
        (range(0), range(6), "worse"),  # McNemar: 2 / 2**6
        (range(6), range(0), "better"),
        (range(0), range(5), SAME),
        (range(20), range(6, 26), SAME),  # other images, but as many
        (range(0), range(0), SAME),
    ],
)
def test_on_the_same_images_accuracy_is_judged_by_those_that_changed(
    then: Sequence[int], now: Sequence[int], verdict: str
) -> None:
    """The intervals of 100 and 94 of 100 overlap; that no image got better tells more."""
    before = measured("onnx-int8", streams([10]), given=answers(wrong=then))
    after = measured("onnx-int8", streams([10]), given=answers(wrong=now))
    change = changes(before, after)["accuracy"]
    assert change.verdict == verdict
    assert (change.then, change.now) == (1 - len(then) / 100, 1 - len(now) / 100)
    assert change.change.value == pytest.approx((len(then) - len(now)) / 100)


@pytest.mark.parametrize(
    ("wrong", "verdict"), [(range(4), SAME), (range(30), "worse"), (range(0), SAME)], ids=["96 %", "70 %", "100 %"]
)
def test_on_other_images_accuracy_is_judged_by_the_interval_of_the_difference(
    wrong: Sequence[int], verdict: str
) -> None:
    other = bench(
        measured("onnx-int8", streams([10]), given=answers(wrong=wrong)),
        data={MODEL: OTHER_SHA256},
        datasets={OTHER_SHA256: Data("mail", DIGITS.labels, TRUTH, ())},
    )
    change = changes(measured("onnx-int8", streams([10]), given=TRUTH), other)["accuracy"]
    assert change.verdict == verdict
    assert change.change.low is not None
    assert change.change.high is not None
    assert change.change.low <= change.change.value <= change.change.high
    back = changes(other, measured("onnx-int8", streams([10]), given=TRUTH))["accuracy"]
    assert back.verdict == {"worse": "better"}.get(verdict, SAME)


def test_accuracy_is_not_compared_where_one_run_had_no_data() -> None:
    with_data = measured("onnx-int8", streams([10]), given=TRUTH)
    without = measured("onnx-int8", streams([10]))
    assert "accuracy" not in changes(with_data, without)
    assert "accuracy" not in changes(without, with_data)


# What else to know


def test_versions_that_differ_are_notes() -> None:
    newer = replace(HOST, python="3.12.1", versions={"edgecnn": "0.1.0", "onnxruntime": "1.30.0", "openvino": "2026.1"})
    item = measured("onnx-int8", streams([10]))
    assert compare(bench(item), bench(item, host=newer)).notes == (
        "Python was 3.11.2, now 3.12.1",
        "onnxruntime was 1.24.1, now 1.30.0",
        "openvino was not installed, now 2026.1",
    )


def test_other_test_images_are_a_note() -> None:
    seen, unseen = measured("onnx-int8", streams([10]), given=TRUTH), measured("onnx-int8", streams([10]))
    mail = bench(seen, data={MODEL: OTHER_SHA256}, datasets={OTHER_SHA256: replace(DIGITS, source="mail")})
    moved = bench(seen, datasets={DIGITS_SHA256: replace(DIGITS, source="elsewhere")})
    assert compare(bench(seen), mail).notes == ("the test images were mnist (dddddddd), now mail (00000000)",)
    assert compare(mail, bench(unseen)).notes == ("the test images were mail (00000000), now noise",)
    assert compare(bench(seen), moved).notes == ()


def test_an_earlier_run_that_was_unstable_is_noted() -> None:
    item = measured("onnx-int8", streams([10]))
    (note,) = compare(bench(item, stability_issues=[HOT]), bench(item)).notes
    assert note == "the earlier run was unstable: the CPU reached 84 °C"
    assert compare(bench(item), bench(item, stability_issues=[HOT])).notes == ()  # of this run its own report tells


def test_contenders_that_only_one_of_the_two_has_are_named() -> None:
    then = bench(*(measured(name, streams([10])) for name in ("tf-call", "onnx-float32", "onnx-int8")))
    now = bench(*(measured(name, streams([10])) for name in ("onnx-int8", "openvino-int8", "litert-int8")))
    comparison = compare(then, now)
    assert comparison.only_then == ("tf-call", "onnx-float32")
    assert comparison.only_now == ("openvino-int8", "litert-int8")
    assert {change.contender for change in comparison.changes} == {"onnx-int8"}
    assert comparison_notes(comparison)[1:] == [
        "only in the earlier run: tf-call",
        "only in the earlier run: onnx-float32",
        "only in this run: openvino-int8",
        "only in this run: litert-int8",
    ]


def test_a_contender_that_failed_counts_as_absent() -> None:
    good = bench(measured("onnx-int8", streams([10])))
    for broken in (
        failed("onnx-int8", "signal 9"),
        replace(measured("onnx-int8", streams([10])), failure="signal 9"),
    ):
        assert compare(good, bench(broken)).only_then == ("onnx-int8",)
        assert compare(bench(broken), good).only_now == ("onnx-int8",)
        assert compare(good, bench(broken)).changes == ()
