"""The bench's page in a real browser, and what its charts are made of."""

import json
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from browser import CONTRAST_OF, Browser, chromium
from hypothesis import given
from hypothesis import strategies as st
from made_up import DIGITS, HOT, MODEL, OTHER_MODEL, QUICK, answers, bench, failed, measured, stream, streams

from edgecnn.bench.compare import compare
from edgecnn.bench.figures import summarize
from edgecnn.bench.measure import measure
from edgecnn.bench.reports.charts import BINS, Axis, Point, axis, density_of, front, plain, scatter
from edgecnn.bench.reports.html import headline, to_html
from edgecnn.bench.results import Bench, Plan
from edgecnn.host.watch import StabilityIssue

PHONE, DESKTOP = (390, 844), (1280, 900)
NOISY = np.random.default_rng(0).lognormal(0, 0.02, 6)
SLOW, FAST = (100 * NOISY).tolist(), (10 * NOISY[::-1]).tolist()
VOID = frozenset({"meta", "link", "img", "br"})
EVIL = '<script>alert("1")</script>&'
# In the page's own colors: the least contrast of text with its ground.
CONTRAST = """
(() => {
COLORS  let least = 21;
  for (const node of document.querySelectorAll("h1,h2,p,th,td,b,span,dt,dd,summary,figcaption")) {
    if (!node.textContent.trim() || !node.getClientRects().length) continue;
    least = Math.min(least, contrast(node));
  }
  return least;
})()
""".replace("COLORS", CONTRAST_OF)


def two(**changes: object) -> Bench:
    """An original and an ONNX file ten times as fast that errs on one image more."""
    slow = measured("tf-function", streams(SLOW, queries=20), given=answers([1]))
    fast = measured("onnx-int8", streams(FAST, queries=20), given=answers([1, 2]))
    return replace(bench(slow, fast), **changes)  # type: ignore[arg-type]


def offline() -> Bench:
    rounds = tuple(stream(number, [100.0 * batch**0.9], batch) for number in range(6) for batch in (1, 8, 32))
    return bench(measured("onnx-float32", rounds), plan=Plan("offline"))


def server() -> Bench:
    us = np.random.default_rng(1).exponential(50, 400).tolist()
    rounds = tuple(stream(number, us, rate=rate) for number in range(4) for rate in (500.0, 1000.0))
    return bench(measured("onnx-float32", rounds), plan=Plan("server", rates=(500.0, 1000.0)))


RUNS = {
    "two": two(),
    "unstable": two(stability_issues=(HOT, StabilityIssue("other programs kept 1.0 of 2 cores busy", "close them"))),
    "partial": two(partial=True, missing=("TensorFlow is not installed",)),
    "a failure": bench(measured("tf-function", streams(SLOW)), failed("onnx-int8", f"it broke {EVIL}")),
    "failures only": bench(failed("tf-call", "out of memory"), failed("onnx-int8", "truncated")),
    "hostile names": bench(measured(f"onnx-{EVIL}", streams(SLOW)), measured(f"onnx-{EVIL}2", streams(FAST))),
    "two models": bench(
        measured("edge/onnx-int8", streams(FAST), given=answers()),
        measured("other/onnx-int8", streams(SLOW), model=OTHER_MODEL, given=answers(range(30))),
    ),
    "alone, no data": replace(bench(measured("onnx-float32", streams(FAST))), data={}, datasets={}),
    "offline": offline(),
    "server": server(),
}


class Structure(HTMLParser):
    """Raises AssertionError for a tag that is not closed, or closed in another's place."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


# In the browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def real(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a real run of two files, compared with itself."""
    folder = tmp_path_factory.mktemp("page")
    copy = folder / "copy.onnx"
    copy.write_bytes(tiny.read_bytes())
    found = measure([tiny, copy], replace(QUICK, rounds=5), runtimes=["onnxruntime"])
    page = folder / "page.html"
    page.write_text(to_html(summarize(found), compare(found, found)), encoding="utf-8")
    return page


def assert_well_shown(browser: Browser, page: Path, size: tuple[int, int], dark: bool) -> None:
    browser.open(page, width=size[0], height=size[1], dark=dark)
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    assert browser.run(CONTRAST) >= 4.5
    ground = json.loads(browser.run("JSON.stringify(getComputedStyle(document.body).backgroundColor.match(/\\d+/g))"))
    assert (max(map(int, ground)) < 60) if dark else (min(map(int, ground)) > 200)
    assert browser.complaints == []
    assert [address for address in browser.requests if not address.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_a_real_run_is_well_shown(browser: Browser, real: Path, size: tuple[int, int], dark: bool) -> None:
    assert_well_shown(browser, real, size, dark)
    text = browser.run("document.body.innerText")
    assert "onnx-tiny" in text
    assert "onnx-copy" in text
    assert "compared with the run of" in text


@pytest.mark.parametrize("name", RUNS)
def test_every_kind_of_run_is_well_shown(browser: Browser, name: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(to_html(summarize(RUNS[name]), compare(RUNS[name], RUNS[name])), encoding="utf-8")
    assert_well_shown(browser, page, PHONE, dark=False)
    assert_well_shown(browser, page, DESKTOP, dark=True)


def test_on_a_desktop_no_column_is_cut_off(browser: Browser, tmp_path: Path) -> None:
    """With the widest figures that there are: a slow-down and latencies of five digits."""
    page = tmp_path / "page.html"
    slow = measured("openvino-float32", streams((50_000 * NOISY).tolist(), queries=2000), given=answers([1]))
    fast = measured("tf-function", streams((10 * NOISY).tolist(), queries=2000), given=answers([1, 2]))
    page.write_text(to_html(summarize(bench(fast, slow))), encoding="utf-8")
    for width in (1100, 1280):
        browser.open(page, width=width, height=900, dark=False)
        assert browser.run("[...document.querySelectorAll('.scroll')].every(s => s.scrollWidth <= s.clientWidth)")


def test_the_axis_of_speed_ups_tells_slow_downs_by_whole_numbers() -> None:
    assert Axis(0.008, 25, log=True, mirrored=True).ticks() == [0.01, 0.1, 1, 10]
    assert Axis(0.4, 6, log=True, mirrored=True).ticks() == [0.5, 1, 2, 5]
    text = to_html(summarize(bench(*two().measurements)))
    assert ">10×</i>" in text
    assert ">0.1</i>" not in text


def test_numbers_in_the_scatter_do_not_lie_on_one_another(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    places = [20, 20.1, 20.2, 20.3, 21, 300, 310, 40_000]
    points = [Point(f"onnx-{at}", "onnxruntime", x, 0.99, 0.985, 0.995) for at, x in enumerate(places)]
    css = (Path(to_html.__code__.co_filename).with_name("html_assets") / "report.css").read_text()
    page.write_text(f"<!doctype html><meta charset=utf-8><style>{css}</style>{scatter('a', points, 'µs')}")
    browser.open(page, width=390, height=844, dark=False)
    boxes = json.loads(
        browser.run("JSON.stringify([...document.querySelectorAll('.field span')].map(s => s.getBoundingClientRect()))")
    )
    assert len(boxes) == len(places)
    for one, other in combinations(boxes, 2):
        apart = max(one["left"], other["left"]) - min(one["right"], other["right"])
        above = max(one["top"], other["top"]) - min(one["bottom"], other["bottom"])
        assert max(apart, above) > -1  # pixel


# Its text


@pytest.mark.parametrize("name", RUNS)
def test_the_page_is_well_formed_and_stands_alone(name: str) -> None:
    text = to_html(summarize(RUNS[name]))
    structure = Structure(text)
    assert "script" not in structure.tags
    assert "http" not in text
    for drawing in text.split("<svg")[1:]:
        ElementTree.fromstring(f"<svg{drawing.partition('</svg>')[0]}</svg>")
    words = "".join(structure.words)
    for item in RUNS[name].measurements:
        assert item.contender.name in words
        assert (item.failure or "") in words
    for issue in RUNS[name].stability_issues:
        assert f"{issue.reason}: {issue.remedy}" in words
    assert ("UNSTABLE" in words) == bool(RUNS[name].stability_issues)
    assert ("PARTIAL" in words) == RUNS[name].partial


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("two", "× faster than tf-function, TensorFlow's fastest way, and no difference in accuracy is shown"),
        ("two models", "No contender is shown to be faster than edge/onnx-int8"),
        ("a failure", "tf-function has a median latency of 100"),
        ("failures only", "Nothing could be measured"),
        ("alone, no data", "onnx-float32 has a median latency of"),
        ("offline", "onnx-float32 was measured alone"),
        ("server", "onnx-float32 answers 1,000 queries a second with 99 of 100 within 10,000 µs"),
    ],
)
def test_the_headline_says_what_came_of_it(name: str, words: str) -> None:
    said = headline(summarize(RUNS[name]))
    assert words.removeprefix("×").strip() in said.replace(")", "")  # the ratio has its interval in brackets


def test_images_that_changed_label_are_shown_with_every_answer() -> None:
    text = to_html(summarize(two()))
    assert "tf-function and onnx-int8 differ most: on 1 of 100 images of mnist" in text
    assert DIGITS.pictures[0].png in text
    alike = two(datasets={key: replace(data, pictures=()) for key, data in two().datasets.items()})
    assert "same label to each of the 100 images" in to_html(summarize(alike))


# Its charts


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=20), st.booleans())
def test_an_axis_holds_its_values_and_has_a_few_ticks_in_order(values: list[float], log: bool) -> None:
    scale = axis(values, log=log)
    assert all(0 <= scale.at(value) <= 100 for value in values)
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 7
    assert ticks == sorted(set(ticks))
    room = 1e-9 * (scale.high - scale.low)
    assert all(scale.low - room <= tick <= scale.high + room for tick in ticks)


def test_ticks_are_round() -> None:
    assert Axis(0.9, 12000, log=True).ticks() == [1, 10, 100, 1000, 10000]
    assert Axis(15, 240, log=True).ticks() == [20, 50, 100, 200]
    assert Axis(0, 100, log=False).ticks() == [0, 20, 40, 60, 80, 100]
    assert [plain(tick) for tick in (0.05, 1, 2500, 10_000, 1_500_000)] == ["0.05", "1", "2,500", "10k", "1,500k"]


def test_a_density_peaks_where_most_values_lie() -> None:
    heights = density_of(Axis(0, 100, log=False), [20.0] * 10 + [80.0] * 5)
    assert len(heights) == BINS
    assert np.argmax(heights) == pytest.approx(0.2 * BINS, abs=1)
    assert heights[int(0.8 * BINS)] == pytest.approx(0.5, abs=0.05)
    assert heights[int(0.5 * BINS)] == 0


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=12))
def test_the_front_has_just_those_that_no_other_beats(places: list[tuple[int, int]]) -> None:
    points = [Point(str(at), "onnxruntime", x, y, y, y) for at, (x, y) in enumerate(places)]
    best = {(point.x, point.y) for point in front(points)}
    for x, y in places:
        beaten = any(a <= x and b >= y and (a, b) != (x, y) for a, b in places)
        assert ((x, y) in best) == (not beaten)


def test_the_page_names_the_model(tmp_path: Path) -> None:
    assert f"<title>edgecnn bench: {MODEL}</title>" in to_html(summarize(two()))
