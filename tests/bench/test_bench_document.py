"""The JSON of a run: what is written is read back whole, suits its schema, and nothing else is taken for it."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import jsonschema
import made_up
import make_schema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import QUICK, TRUTH, answers, bench, failed, measured, save_digits, stream, streams
from shared_fixtures import TINY

from edgecnn.bench import RUNTIMES, SCENARIOS, Scenario
from edgecnn.bench.compare import compare
from edgecnn.bench.contenders import Contender
from edgecnn.bench.figures import Summary, summarize
from edgecnn.bench.measure import measure
from edgecnn.bench.reports.document import SCHEMA, read, schema, to_json
from edgecnn.bench.results import Bench, Data, Load, Measurement, Memory, Picture, Plan, Round
from edgecnn.data import Dataset
from edgecnn.errors import BenchError
from edgecnn.host.machine import Clock, Host
from edgecnn.host.watch import Reading, StabilityIssue
from edgecnn.metrics import Accuracy
from edgecnn.preprocessing import NAMED

T = TypeVar("T")
TEXT, COUNT = st.text(max_size=20), st.integers(0, 2**62)
FIGURE = st.floats(allow_nan=False, allow_infinity=False)
ABOVE_0 = st.floats(1e-9, 1e9)
AT_LEAST_1 = st.integers(1, 10**6)


def some(each: st.SearchStrategy[T]) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(each, max_size=3).map(tuple)


def maybe(each: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    return st.none() | each


def plans(scenario: Scenario) -> st.SearchStrategy[Plan]:
    return st.builds(
        Plan,
        st.just(scenario),
        AT_LEAST_1,
        st.just(1) if scenario == "offline" else AT_LEAST_1,
        ABOVE_0,
        *[AT_LEAST_1] * 2,
        ABOVE_0,
        AT_LEAST_1,
        ABOVE_0,
        some(ABOVE_0) if scenario == "server" else st.just(()),
        ABOVE_0,
    )


PLANS = st.sampled_from(SCENARIOS).flatmap(plans)
HOSTS = st.builds(
    Host,
    *[TEXT] * 3,
    maybe(TEXT),
    COUNT,
    some(TEXT),
    COUNT,
    maybe(FIGURE),
    maybe(COUNT),
    TEXT,
    st.dictionaries(TEXT, TEXT, max_size=3),
)
CONTENDERS = st.builds(
    Contender,
    TEXT,
    TEXT,
    st.sampled_from(RUNTIMES),
    TEXT,
    TEXT.map(Path),
    AT_LEAST_1,
    AT_LEAST_1,
    st.sampled_from(list(NAMED.values())),
)
MEASUREMENTS = st.builds(
    Measurement,
    CONTENDERS,
    COUNT,
    some(st.builds(Load, *[COUNT] * 4)),
    some(st.builds(Memory, COUNT, COUNT)),
    some(st.builds(Round, COUNT, AT_LEAST_1, maybe(FIGURE), COUNT, COUNT, some(COUNT))),
    some(COUNT),
    maybe(some(COUNT)),
    maybe(st.builds(Accuracy, TEXT, st.integers(0, 10), st.integers(10, 10**6))),
    maybe(TEXT),
)
READINGS = st.builds(
    Reading,
    FIGURE,
    maybe(TEXT),
    maybe(FIGURE),
    maybe(FIGURE),
    maybe(COUNT),
    maybe(st.booleans()),
    *[FIGURE] * 3,
    maybe(FIGURE),
    maybe(FIGURE),
    maybe(TEXT),
)
DATASETS = st.builds(Data, TEXT, some(TEXT), some(COUNT), some(st.builds(Picture, COUNT, TEXT)))
BENCHES = st.builds(
    Bench,
    TEXT,
    PLANS,
    HOSTS,
    st.builds(Clock, TEXT, FIGURE, COUNT, FIGURE),
    st.dictionaries(TEXT, TEXT, max_size=2),
    st.dictionaries(TEXT, DATASETS, max_size=2),
    some(MEASUREMENTS),
    some(READINGS),
    some(st.builds(StabilityIssue, TEXT, TEXT)),
    some(TEXT),
    COUNT,
    FIGURE,
    FIGURE,
    st.booleans(),
)

# Runs of every kind, each with its figures.
ODD_NAME = "數字 \"'|\\\n[/]"
ODD = measured("onnx-int8", streams([10] * 6), given=TRUTH, model=ODD_NAME)
KINDS: dict[str, Bench] = {
    "one contender": bench(measured("onnx-int8", streams([10] * 6), given=TRUTH)),
    "no data": bench(measured("onnx-int8", streams([10] * 6)), measured("tf-call", streams([10] * 6))),
    "a failure": bench(
        measured("tf-call", streams([10] * 6), given=TRUTH),
        failed("onnx-int8", "its file is truncated"),
        stability_issues=[made_up.HOT],
        missing=["TensorFlow is not installed"],
        partial=True,
    ),
    "failures only": bench(failed("tf-call", "no"), failed("onnx-int8", "no")),
    "odd names": bench(replace(ODD, contender=replace(ODD.contender, file=Path("модель", ODD_NAME)))),
    "server": bench(
        measured("onnx-int8", [stream(number, [50] * 400, 1, rate) for number in range(3) for rate in (50.0, 100.0)]),
        plan=Plan("server", rates=(50.0, 100.0)),
    ),
    "offline": bench(
        measured("onnx-int8", [stream(number, [50], batch) for number in range(6) for batch in (1, 8)]),
        plan=Plan("offline"),
    ),
    "labels": bench(
        measured("tf-call", streams([9] * 6), given=TRUTH), measured("onnx-int8", streams([3] * 6), given=answers([5]))
    ),
}


@cache
def validator() -> Any:
    committed = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(committed)
    return jsonschema.Draft202012Validator(committed)


def document(run: Bench, earlier: Bench | None = None) -> Any:
    return json.loads(to_json(summarize(run), compare(earlier, run, ["threads was 1, now 2"]) if earlier else None))


# Writing and reading


@pytest.mark.slow
@given(BENCHES)
def test_what_is_written_is_read_back_equal(run: Bench) -> None:
    text = to_json(Summary(run, (), ()))
    assert text.endswith("}\n")
    assert text.count("\n") == 1
    with TemporaryDirectory() as folder:
        path = Path(folder, "b.json")
        path.write_text(text, encoding="utf-8")
        assert read(path) == run


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_of_any_kind_is_read_back_equal_and_has_the_same_figures(kind: str, tmp_path: Path) -> None:
    run, path = KINDS[kind], tmp_path / "b.json"
    path.write_text(to_json(summarize(run)), encoding="utf-8")
    assert read(path) == run
    assert summarize(read(path)) == summarize(run)


@pytest.mark.parametrize("kind", KINDS)
def test_a_comparison_is_written_with_the_run_and_changes_nothing_in_it(kind: str, tmp_path: Path) -> None:
    run, path = KINDS[kind], tmp_path / "b.json"
    path.write_text(to_json(summarize(run), compare(run, run, ["cores was 4, now 2"])), encoding="utf-8")
    assert read(path) == run
    comparison = json.loads(path.read_text(encoding="utf-8"))["comparison"]
    assert (comparison["earlier"], comparison["forced"]) == (run.started, ["cores was 4, now 2"])
    validator().validate(json.loads(path.read_text(encoding="utf-8")))


def test_a_document_has_figures_first_and_all_samples_below() -> None:
    run = KINDS["labels"]
    found = document(run)
    assert list(found) == ["format", "stable", "contenders", "pairs", "comparison", "bench"]
    assert (found["format"], found["stable"], found["comparison"]) == (3, True, None)
    assert [row["name"] for row in found["contenders"]] == ["tf-call", "onnx-int8"]
    assert found["contenders"][1]["speedup"] == pytest.approx(3)
    assert (found["pairs"][0]["first"], found["pairs"][0]["changed"]) == ("tf-call", [5])
    for item, stored in zip(run.measurements, found["bench"]["measurements"], strict=True):
        assert [part["ns"] for part in stored["rounds"]] == [list(part.ns) for part in item.rounds]
        assert stored["answers"] == list(item.answers or ())
        assert stored["contender"]["file"] == str(item.contender.file)


def test_a_run_that_may_not_hold_is_not_stable() -> None:
    assert document(KINDS["a failure"])["stable"] is False
    assert document(KINDS["one contender"])["stable"] is True


# The schema


def test_the_committed_schema_is_that_of_the_code() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == make_schema.text(), "run python tests/make_schema.py"
    assert json.loads(make_schema.text()) == json.loads(json.dumps(schema()))


def test_the_schema_is_the_same_where_python_keeps_the_indentation_of_docstrings() -> None:
    described = [part["description"] for part in schema()["$defs"].values() if "description" in part]
    assert any("\n" in text for text in described)
    assert not any(line.startswith(" ") for text in described for line in text.splitlines())


@pytest.mark.parametrize("kind", KINDS)
def test_made_up_runs_suit_the_schema(kind: str) -> None:
    for made in (document(KINDS[kind]), document(KINDS[kind], earlier=KINDS[kind])):
        assert not list(validator().iter_errors(made))


@pytest.fixture(scope="module")
def digits(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty real digits, so that batches of one and eight are tried."""
    return save_digits(mnist, tmp_path_factory.mktemp("data") / "few.npz")


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_real_runs_suit_the_schema_and_are_read_back(scenario: Scenario, digits: Path, tmp_path: Path) -> None:
    rates = (200.0,) if scenario == "server" else ()
    plan = replace(QUICK, scenario=scenario, rates=rates)
    run = measure([TINY], plan, data=digits, runtimes=["onnxruntime"])
    assert run.failures == ()
    found = document(run, earlier=run)
    validator().validate(found)
    path = tmp_path / "b.json"
    path.write_text(to_json(summarize(run)), encoding="utf-8")
    assert read(path) == run
    (row,) = found["contenders"]
    match scenario:
        case "single-stream":
            assert row["p50_us"] > 0
        case "offline":
            assert [item["batch"] for item in row["batches"]] == [1, 8]
        case "server":
            assert [(item["rate_qps"], item["rounds"]) for item in row["rates"]] == [(200.0, 3)]


def without_bench(found: Any) -> None:
    del found["bench"]


def without_samples(found: Any) -> None:
    del found["bench"]["measurements"][0]["rounds"][0]["ns"]


def of_another_format(found: Any) -> None:
    found["format"] = 4


def of_an_earlier_format(found: Any) -> None:
    found["format"] = 2


def with_text_for_a_number(found: Any) -> None:
    found["bench"]["measurements"][0]["rounds"][0]["ns"][0] = "10"


def with_a_fraction_of_a_nanosecond(found: Any) -> None:
    found["bench"]["measurements"][0]["rounds"][0]["ns"][0] = 1.5


def with_no_number_of_threads(found: Any) -> None:
    found["bench"]["plan"]["threads"] = None


def with_another_scenario(found: Any) -> None:
    found["bench"]["plan"]["scenario"] = "multi-stream"


def with_another_runtime(found: Any) -> None:
    found["bench"]["measurements"][0]["contender"]["runtime"] = "tvm"


def with_a_number_for_a_file(found: Any) -> None:
    found["bench"]["measurements"][0]["contender"]["file"] = 3


def with_a_list_for_a_host(found: Any) -> None:
    found["bench"]["host"] = ["Linux"]


DAMAGES: list[Callable[[Any], None]] = [
    without_bench,
    without_samples,
    of_another_format,
    of_an_earlier_format,
    with_text_for_a_number,
    with_a_fraction_of_a_nanosecond,
    with_no_number_of_threads,
    with_another_scenario,
    with_another_runtime,
    with_a_number_for_a_file,
    with_a_list_for_a_host,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_document_suits_neither_the_schema_nor_the_reader(
    damage: Callable[[Any], None], tmp_path: Path
) -> None:
    found = document(KINDS["labels"])
    damage(found)
    assert not validator().is_valid(found)
    (tmp_path / "b.json").write_text(json.dumps(found))
    assert_refused(tmp_path / "b.json")


# What is no such document


def assert_refused(path: Path, *words: str) -> None:
    """One line, with the path and what to do."""
    with pytest.raises(BenchError) as caught:
        read(path)
    message = str(caught.value)
    assert str(path) in message
    assert len(message.splitlines()) == 1
    assert len(message) < len(str(path)) + 300
    for word in words or ("measure again",):
        assert word in message


GOOD = to_json(summarize(KINDS["labels"])).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \n",
        GOOD[: len(GOOD) // 2],
        GOOD[:-3],
        GOOD + GOOD,
        b"null",
        b"[]",
        b"3",
        b'"text"',
        b"{}",
        b"not JSON at all",
        b'{"context": {"date": "2026-01-01"}, "benchmarks": []}',
        b'{"version": "1.0", "metadata": {}, "benchmarks": [{"runs": []}]}',
        GOOD.replace(b"onnx-int8", b"onnx-\xff\xfe"),
        GOOD.replace(b'"elapsed_s":12.5', b'"elapsed_s":NaN'),
        GOOD.replace(b'"threads":1', b'"threads":0'),
        GOOD.decode().encode("utf-16"),
        b"\0" * 1000,
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"[" * 500_000,
        b'{"format":3,"other":' + b"[" * 500_000,
        b'{"format":3,"other":' + b'{"a":' * 500_000,
        b'{"format":3,"other":' + b"[" * 500_000 + b"]" * 500_000 + b"}",
    ],
)
def test_whatever_else_a_file_holds_is_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_bytes(content)
    assert_refused(path)


def test_a_document_of_another_format_says_so(tmp_path: Path) -> None:
    for number in (1, 2, 4):
        path = tmp_path / f"format{number}.json"
        path.write_text(json.dumps({"format": number, "host": {}, "contenders": []}))
        assert_refused(path, f"Invalid enum value {number}", "$.format", "measure again")


def test_what_is_wrong_is_told_with_its_place(tmp_path: Path) -> None:
    found = document(KINDS["labels"])
    found["bench"]["host"]["cores"] = "four"
    (tmp_path / "b.json").write_text(json.dumps(found))
    assert_refused(tmp_path / "b.json", "Expected `int`, got `str` - at `$.bench.host.cores`", "measure again")


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path / "none.json", "cannot read", "No such file", "give a file that --json wrote")
    assert_refused(tmp_path, "cannot read", "not a regular file")
    (tmp_path / "file").touch()
    assert_refused(tmp_path / "file" / "b.json", "cannot read", "Not a directory")


def test_a_document_whose_values_would_fill_the_memory_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(f'{{"contenders": [{"{}," * 1_200_000}{{}}]}}')
    with pytest.raises(BenchError, match="holds too many values"):
        read(path)
