"""What a rule may look like, what it must name, and when it holds."""

import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import TRUTH, answers, bench, failed, measured, streams

from edgecnn.bench.figures import Row, summarize
from edgecnn.bench.rules import FIGURES, OPERATORS, SHARES, Rule, RuleHit, held, parse, require_known, unjudged
from edgecnn.errors import UsageError

ROW = Row("onnx-int8", "models/edge", "onnxruntime", "int8", "model.int8.onnx", None, p50_us=100.0, accuracy=0.97)
SPACES = st.text(" \t", max_size=2)
NAMES = st.text(string.ascii_letters + string.digits + "./-_ <>=!%é数", min_size=1).filter(
    lambda name: name == name.strip()
)


def holds(rule: str, row: Row = ROW) -> bool:
    return bool(held([parse(rule)], [row]))


# Grammar


@pytest.mark.parametrize(
    ("text", "contender", "figure", "operator", "bound"),
    [
        ("onnx-int8.p90_us > 200", "onnx-int8", "p90_us", ">", 200),
        ("onnx-int8.p90_us>200", "onnx-int8", "p90_us", ">", 200),
        ("  onnx-int8.p90_us\t>=   200.5  ", "onnx-int8", "p90_us", ">=", 200.5),
        ("onnx-int8.accuracy < 97%", "onnx-int8", "accuracy", "<", 0.97),
        ("onnx-int8.accuracy <= 97.5 %", "onnx-int8", "accuracy", "<=", 0.975),
        ("tf-call.speedup != 1", "tf-call", "speedup", "!=", 1),
        ("tf-call.speedup == -1.5e-3", "tf-call", "speedup", "==", -0.0015),
        ("tf-call.throughput_ips < 1E6", "tf-call", "throughput_ips", "<", 1e6),
        ("tf-call.drift > +.5", "tf-call", "drift", ">", 0.5),
        ("tf-call.file_bytes > 5.", "tf-call", "file_bytes", ">", 5),
        ("edge/onnx-v1.2.final.p50_us > 1.5", "edge/onnx-v1.2.final", "p50_us", ">", 1.5),
        ("models/my edge/onnx-int8.peak_mib > 50", "models/my edge/onnx-int8", "peak_mib", ">", 50),
        ("onnx-a<b>c.p50_us < 3", "onnx-a<b>c", "p50_us", "<", 3),
        ("../x/onnx-modèle.p50_us < 3", "../x/onnx-modèle", "p50_us", "<", 3),
    ],
)
def test_a_rule_is_contender_figure_operator_and_number(
    text: str, contender: str, figure: str, operator: str, bound: float
) -> None:
    assert parse(text) == Rule(text, contender, figure, operator, pytest.approx(bound))  # type: ignore[arg-type]


@given(NAMES, st.sampled_from(FIGURES), st.sampled_from(list(OPERATORS)), st.floats(-1e300, 1e300), SPACES)
def test_whatever_is_written_as_a_rule_is_read_as_that(
    name: str, figure: str, operator: str, bound: float, space: str
) -> None:
    text = f"{space}{name}.{figure}{space}{operator}{space}{bound!r}{space}"
    assert parse(text) == Rule(text, name, figure, operator, bound)
    if figure in SHARES:
        assert parse(f"{text}%").bound == bound / 100


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "onnx-int8",
        "onnx-int8.p90_us",
        "onnx-int8.p90_us >",
        "onnx-int8.p90_us 200",
        "onnx-int8.p90_us = 200",
        "onnx-int8.p90_us => 200",
        "onnx-int8.p90_us <> 200",
        "onnx-int8.p90_us > 200 us",
        "onnx-int8.p90_us > 200%%",
        "onnx-int8.p90_us > 0x10",
        "onnx-int8.p90_us > 1_000",
        "onnx-int8.p90_us > 1,000",
        "onnx-int8.p90_us > nan",
        "onnx-int8.p90_us > inf",
        "onnx-int8.p90_us > tf-call.p90_us",
        "onnx-int8.p90_us > .",
        "onnx-int8.p90_us > 1e",
        "onnx-int8.p90_us > 1\n; onnx-int8.p50_us > 2 3",
        "onnx-int8. > 200",
        ".p90_us > 200",
        "p90_us > 200",
        "200 < onnx-int8.p90_us",
        "onnx-int8.p90_us > 200 or True",
        "__import__('os').system('touch owned') > 1",
        "onnx-int8.p90_us > __import__('os').getpid()",
        "(lambda: 1)() > 0",
    ],
)
def test_anything_else_is_no_rule_and_is_told_the_form(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert "is not a rule: write CONTENDER.FIGURE OPERATOR NUMBER" in str(caught.value)
    assert repr(text) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@given(st.text())
def test_any_text_is_a_rule_or_a_usage_error(text: str) -> None:
    try:
        figure = parse(text).figure
    except UsageError:
        return
    assert figure in FIGURES


@pytest.mark.parametrize("figure", ["p95_us", "system", "name", "verdict", "batches", "rates", "__class__", "P90_US"])
def test_an_unknown_figure_lists_the_known(figure: str) -> None:
    with pytest.raises(UsageError, match="names a figure that the bench does not have: choose one of ") as caught:
        parse(f"onnx-int8.{figure} > 1")
    for known in ("accuracy", "p50_us", "p99_us", "throughput_ips", "speedup", "rate_qps", "peak_mib", "file_bytes"):
        assert known in str(caught.value)


def test_the_figures_are_all_numbers_of_a_row() -> None:
    item = measured("onnx-int8", streams([10] * 6, queries=2000), given=TRUTH)
    (row,) = summarize(bench(item)).rows
    numbers = {name for name, value in vars(row).items() if isinstance(value, int | float)}
    assert numbers <= set(FIGURES) <= set(vars(row))
    assert not {"name", "failure", "reference", "verdict", "accuracy_verdict", "batches", "rates"} & set(FIGURES)


def test_an_unknown_contender_lists_the_known() -> None:
    known = ["tf-call", "edge/onnx-int8"]
    require_known([parse("tf-call.p50_us > 1"), parse("edge/onnx-int8.p50_us > 1")], known)
    for name in ("onnx-int8", "EDGE/onnx-int8", "edge/onnx-int8 "):
        with pytest.raises(
            UsageError, match=r"names a contender that this run does not have: choose one of tf-call, edge/onnx-int8$"
        ):
            require_known([parse("tf-call.p50_us > 1"), parse(f"{name}.p50_us > 1")], known)


# Judgment


@pytest.mark.parametrize(
    ("operator", "below", "equal", "above"),
    [
        ("<", True, False, False),
        ("<=", True, True, False),
        (">", False, False, True),
        (">=", False, True, True),
        ("==", False, True, False),
        ("!=", True, False, True),
    ],
)
def test_each_operator_compares_the_figure_with_the_number(
    operator: str, below: bool, equal: bool, above: bool
) -> None:
    rule = f"onnx-int8.p50_us {operator} 100"
    assert [holds(rule, replace(ROW, p50_us=value)) for value in (99.9, 100.0, 100.1)] == [below, equal, above]


def test_percent_is_a_hundredth() -> None:
    assert holds("onnx-int8.accuracy < 97.1%")
    assert not holds("onnx-int8.accuracy < 97%")


def test_the_rules_that_hold_are_told_in_order_with_their_value() -> None:
    run = bench(
        measured("tf-call", streams([50] * 6), given=TRUTH),
        measured("onnx-int8", streams([12.3456789] * 6), given=answers(wrong=[1, 2, 3])),
    )
    texts = [
        "onnx-int8.accuracy < 98%",
        "onnx-int8.accuracy < 97 %",
        "tf-call.p50_us >= 50",
        "onnx-int8.p50_us > 12",
        "onnx-int8.p50_us > 13",
        "onnx-int8.file_bytes == 2500",
    ]
    found = held(list(map(parse, texts)), summarize(run).rows)
    assert [str(item) for item in found] == [
        "onnx-int8.accuracy < 98%: onnx-int8.accuracy is 0.97",
        "tf-call.p50_us >= 50: tf-call.p50_us is 50",
        "onnx-int8.p50_us > 12: onnx-int8.p50_us is 12.346",
        "onnx-int8.file_bytes == 2500: onnx-int8.file_bytes is 2500",
    ]
    assert found[0] == RuleHit(parse(texts[0]), 0.97)


def test_a_figure_of_nought_is_a_figure() -> None:
    assert holds("onnx-int8.p_accuracy < 0.05", replace(ROW, p_accuracy=0.0))


def test_no_rules_hold_of_none() -> None:
    assert held([], [ROW]) == ()


@pytest.mark.parametrize("rule", ["onnx-int8.p99_us > 200", "onnx-int8.rate_qps < 5", "onnx-int8.agreement < 1"])
def test_a_figure_that_was_not_measured_cannot_be_judged(rule: str) -> None:
    others = list(map(parse, ("onnx-int8.p50_us > 1", rule)))
    (reason,) = unjudged(others, [ROW])
    assert reason.startswith(f"{rule!r} cannot be judged, onnx-int8 has no ")
    assert reason.endswith(": too few samples, or no data or scenario that has it")
    assert [item.rule for item in held(others, [ROW])] == others[:1]  # the others are judged all the same


def test_a_rule_on_a_failed_contender_cannot_be_judged_and_says_why_it_failed() -> None:
    rows = summarize(bench(measured("tf-call", streams([9])), failed("onnx-int8", "its file is truncated"))).rows
    (reason,) = unjudged([parse("onnx-int8.p50_us > 200")], rows)
    assert reason.endswith("onnx-int8 has no p50_us: its file is truncated")


def test_a_percentage_of_what_is_no_share_is_no_rule() -> None:
    with pytest.raises(UsageError, match="gives a percentage, which only accuracy,"):
        parse("onnx-int8.p90_us > 200%")
    assert parse("onnx-int8.agreement < 99.9%").bound == pytest.approx(0.999)
