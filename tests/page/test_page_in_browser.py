"""The page in a real browser: with the service, and without one from a folder and from one file."""

import base64
import json
import re
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from browser import CONTRAST_OF, Browser, chromium
from page.drawing_page import (
    BARRED_SEVEN,
    DESKTOP,
    ONE,
    OTHER_SEVEN,
    PHONE,
    READY,
    SEVEN,
    click,
    draw,
    drop,
    read_as,
    show,
    text,
)
from PIL import Image
from serve.serving import Running, running

from benchmarks.accuracy import paper
from edgecnn.data import Dataset, load
from edgecnn.folder import SHIPPED_MODELS, ModelFolder
from edgecnn.imaging.digits import find_digits
from edgecnn.page import assets, standalone
from edgecnn.page.support import OPERATORS
from edgecnn.readings import Wanted, read_files
from edgecnn.runtime.classifier import Classifier
from edgecnn.serve.config import Config

pytestmark = pytest.mark.slow
NETWORK = "nano"
# Milliseconds after a stroke: ten times what a free machine may take, because other tests share the processors.
WITHIN, TRIES = 1000, 5
PATIENCE = 20  # seconds for a download
LEAST_CONTRAST, LEAST_TAP = 4.5, 44  # of WCAG 2's level AA, and pixels
PLACES = ("service", "folder", "one file")
# What is less readable, smaller or without a name on the page as it is.
FAULTS = (
    """
(() => {
COLORS  const isShown = node => node.getClientRects().length > 0, found = [];
  for (const node of document.querySelectorAll("h1, h2, p, span, button, label, output, figcaption, select")) {
    if (!isShown(node) || ![...node.childNodes].some(inner => inner.nodeType === 3 && inner.data.trim())) continue;
    if (contrast(node) < LEAST) found.push(`contrast of ${node.textContent}`);
  }
  for (const node of document.querySelectorAll("button, select, input")) {
    const { width, height } = node.getBoundingClientRect();
    if (isShown(node) && (width < TAP || height < TAP)) found.push(`size of ${node.id || node.textContent}`);
    if (!(node.textContent.trim() || node.ariaLabel || node.labels?.length)) found.push(`name of ${node.id}`);
  }
  for (const node of document.querySelectorAll("canvas")) {
    if (!node.closest("button") && !node.ariaLabel && node.ariaHidden !== "true") found.push(`name of ${node.id}`);
  }
  if (document.documentElement.scrollWidth > innerWidth) found.push("the page is wider than the window");
  if (!document.title || !document.documentElement.lang) found.push("title and language");
  if (!document.querySelector("meta[name=viewport]")) found.push("viewport");
  return found;
})()
""".replace("COLORS", CONTRAST_OF)
    .replace("LEAST", str(LEAST_CONTRAST))
    .replace("TAP", str(LEAST_TAP))
)
# The time from the end of a stroke to what is then shown last.
WATCH = """
addEventListener("pointerup", () => { window.ended = performance.now(); }, true);
new MutationObserver(() => { window.shown = performance.now(); })
  .observe(document.getElementById("number"), { childList: true });
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def served() -> Iterator[Running]:
    with running(Config((NETWORK,), log=False)) as found:
        yield found


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a plain web host with the folder, with the one file, and with the page's modules."""
    root = tmp_path_factory.mktemp("host")
    standalone.write(NETWORK, root / "folder")
    standalone.write(NETWORK, root / "one", single_file=True)
    (root / "assets").symlink_to(assets.FOLDER)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=root)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, served: Running, hosted: str) -> str:
    addresses = dict(
        zip(PLACES, (f"http://127.0.0.1:{served.port}/", f"{hosted}/folder/", f"{hosted}/one/"), strict=True)
    )
    return addresses[request.param]


def photograph_of(mnist: Dataset, number: int) -> bytes:
    *_, (_, content) = paper.photographs(mnist.test.images[: number + 1], 2, 600)
    return content


def times_to_read(browser: Browser) -> Iterator[float]:
    """Milliseconds from the end of a stroke to the last answer, until one is within what is allowed."""
    browser.run(WATCH)
    for _ in range(TRIES):
        draw(browser, SEVEN)
        read_as(browser, "7")
        browser.run("new Promise(resolve => setTimeout(resolve, 200))")
        yield (took := max(0, browser.run("shown - ended")))
        click(browser, "#clear")
        read_as(browser, "")
        if took <= WITHIN:
            return


def test_a_seven_is_read_as_it_is_drawn(browser: Browser, place: str) -> None:
    show(browser, place)
    assert min(times_to_read(browser)) <= WITHIN
    draw(browser, SEVEN)
    read_as(browser, "7")
    browser.wait_for("document.querySelectorAll('#maps canvas').length > 3")
    assert text(browser, "bars").count("%") == 10
    assert "ms" in text(browser, "time")
    browser.press("z", control=True)
    read_as(browser, "")
    assert browser.complaints == []
    assert {address.split(":")[0] for address in browser.requests} <= {"http", "blob", "data"}
    assert all(address.startswith(place) for address in browser.requests if address.startswith("http"))


def test_several_digits_are_read_as_a_number_with_a_finger(browser: Browser, place: str) -> None:
    show(browser, place, PHONE)
    draw(browser, SEVEN, right=-0.25, touching=True)
    draw(browser, ONE, right=0.2, touching=True)
    read_as(browser, "71")
    assert browser.run("document.querySelectorAll('#digits button').length") == 2
    click(browser, "#digits button")
    assert browser.run("document.querySelector('#bars .best').textContent").startswith("7")
    browser.press("Delete")
    read_as(browser, "")
    assert browser.complaints == []


def test_a_photograph_that_is_dropped_is_read(browser: Browser, place: str, mnist: Dataset, tmp_path: Path) -> None:
    show(browser, place)
    content = photograph_of(mnist, 3)
    (tmp_path / "photograph.jpg").write_bytes(content)
    ((_, readings),) = read_files(Classifier(NETWORK), [tmp_path / "photograph.jpg"], Wanted(segment=True))
    assert isinstance(readings, list)
    drop(browser, content, "image/jpeg")
    read_as(browser, "".join(reading.predictions[0].label for reading in readings))
    drop(browser, b"not a picture", "image/png")
    browser.wait_for("document.getElementById('verdict').textContent.includes('not a picture')")
    assert browser.complaints == []


@pytest.mark.parametrize("place", ["one file"], indirect=True)
def test_corrections_become_a_data_set(browser: Browser, place: str, tmp_path: Path) -> None:
    show(browser, place)
    click(browser, "#forget")
    browser.save_downloads(tmp_path)
    for label, strokes in (("7", SEVEN), ("7", OTHER_SEVEN), ("1", ONE), ("4", BARRED_SEVEN)):
        draw(browser, strokes)
        browser.wait_for("document.querySelectorAll('#digits button').length === 1")
        browser.run("new Promise(resolve => setTimeout(resolve, 300))")
        browser.press(label)
        browser.press("Escape")
        read_as(browser, "")
    browser.open(place, width=1280, height=900, dark=False, scale=1)  # they outlast the page
    browser.wait_for(READY)
    assert text(browser, "kept") == "4 digits are kept in this browser."
    click(browser, "#download")
    file = tmp_path / "corrections.csv"
    assert arrives(file)
    found = load(file)
    assert len(found.train) + len(found.validation) + len(found.test) == 4
    assert set(found.labels) == {"1", "4", "7"}
    assert found.test.images.shape[1:] == (28, 28)
    assert found.test.images.max() > 200


def arrives(file: Path) -> bool:
    end = time.monotonic() + PATIENCE
    while not file.exists() and time.monotonic() < end:
        time.sleep(0.02)
    return file.exists()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_everybody_can_use_it(browser: Browser, served: Running, size: tuple[int, int], *, dark: bool) -> None:
    show(browser, f"http://127.0.0.1:{served.port}/", size, dark=dark)
    assert browser.run(FAULTS) == []
    draw(browser, SEVEN)
    read_as(browser, "7")
    browser.wait_for("document.querySelectorAll('#maps canvas').length > 3")
    assert browser.run(FAULTS) == []
    assert browser.complaints == []


def test_a_token_is_asked_for_and_kept(browser: Browser) -> None:
    with running(Config((NETWORK,), token="a-secret", log=False)) as guarded:
        address = f"http://127.0.0.1:{guarded.port}/"
        browser.open(address, width=1280, height=900, dark=False, scale=1)
        browser.wait_for("document.getElementById('asking').open")
        browser.run("document.getElementById('token').value = 'a-secret'")
        click(browser, "#asking button")
        browser.wait_for(READY)
        draw(browser, SEVEN)
        read_as(browser, "7")
        show(browser, address)
        assert not browser.run("document.getElementById('asking').open")


def test_a_network_that_the_page_cannot_run_is_read_by_the_service(browser: Browser, tiny: Path) -> None:
    with running(Config((f"tiny={tiny}", NETWORK), max_body=100_000, log=False)) as service:
        show(browser, f"http://127.0.0.1:{service.port}/")
        assert browser.run("Array.from(document.getElementById('models').options, option => option.value)") == [
            *("tiny", NETWORK)
        ]
        draw(browser, SEVEN)
        browser.wait_for("document.getElementById('number').textContent.length === 1")
        browser.run("new Promise(resolve => setTimeout(resolve, 100))")
        assert browser.run("document.getElementById('layers').hidden")
        assert browser.complaints == []
        drop(browser, noise(), "image/png")
        browser.wait_for("document.getElementById('verdict').textContent.includes('more than 100000 bytes')")
    click(browser, "#clear")
    draw(browser, SEVEN)
    browser.wait_for("document.getElementById('verdict').textContent === 'The service does not answer'")
    browser.open(
        "about:blank", width=400, height=400, dark=False, scale=1
    )  # and what it complains of goes with the page


def noise() -> bytes:
    file = BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (400, 400), np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_the_one_file_opens_from_a_disk(browser: Browser, tmp_path: Path) -> None:
    page = standalone.write(NETWORK, tmp_path, single_file=True)
    show(browser, page.paths[0])
    draw(browser, SEVEN)
    read_as(browser, "7")
    assert browser.complaints == []


def test_a_page_whose_answers_differ_from_onnxruntimes_says_so(browser: Browser, tmp_path: Path) -> None:
    page = standalone.write(NETWORK, tmp_path, single_file=True).paths[0]
    html = page.read_text(encoding="utf-8")
    (block,) = re.findall(r'id="model.json">(.*?)<', html)
    described = json.loads(base64.b64decode(block))
    described["check"][3] += 0.01
    changed = base64.b64encode(json.dumps(described).encode()).decode()
    page.write_text(html.replace(block, changed), encoding="utf-8")
    browser.open(page, width=1280, height=900, dark=False, scale=1)
    browser.wait_for("document.getElementById('verdict').textContent.includes('otherwise in this browser')")
    assert browser.run("document.getElementById('bars').children.length") == 0


def test_the_engine_labels_digits_as_onnxruntime_does(browser: Browser, hosted: str, mnist: Dataset) -> None:
    images = mnist.test.images[:300]
    found = in_page(browser, hosted, model=bytes_of(NETWORK), images=images.tobytes())
    expected = Classifier(SHIPPED_MODELS / NETWORK / "model.onnx").predict(images)
    assert np.array_equal(found.argmax(axis=1), expected.argmax(axis=1))
    assert np.abs(found - expected).max() < 1e-5


@pytest.mark.parametrize("name", ["model.int8.onnx", "model.int8.arm64.onnx"])
def test_the_engine_runs_quantized_files(browser: Browser, hosted: str, mnist: Dataset, name: str) -> None:
    path, images = SHIPPED_MODELS / NETWORK / name, mnist.test.images[:40]
    found = in_page(browser, hosted, model=path.read_bytes(), images=images.tobytes())
    assert np.array_equal(found.argmax(axis=1), Classifier(path).predict(images).argmax(axis=1))


def in_page(
    browser: Browser, hosted: str, *, model: bytes, images: bytes
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    browser.open(f"{hosted}/assets/icon.svg", width=400, height=400, dark=False, scale=1)
    data = [base64.b64encode(content).decode() for content in (model, images)]
    answer = browser.run(
        f"""import("{hosted}/assets/network.js").then(({{ Network }}) => {{
          const bytesOf = text => Uint8Array.from(atob(text), byte => byte.charCodeAt(0));
          const [model, images] = {json.dumps(data)}.map(bytesOf), network = new Network(model), found = [];
          for (let at = 0; at < images.length; at += 784) {{
            found.push(Array.from(network.run(images.subarray(at, at + 784), 28, 28).probabilities));
          }}
          return found;
        }})"""
    )
    return np.array(answer)


def bytes_of(name: str) -> bytes:
    return ModelFolder(SHIPPED_MODELS / name).onnx("float32").read_bytes()


def test_the_engine_has_the_operators_that_python_knows_of(browser: Browser, hosted: str) -> None:
    browser.open(f"{hosted}/assets/icon.svg", width=400, height=400, dark=False, scale=1)
    found = browser.run(f'import("{hosted}/assets/operators.js").then(({{ OPERATORS }}) => Object.keys(OPERATORS))')
    assert set(found) == OPERATORS


def test_pictures_are_treated_as_python_treats_them(browser: Browser, hosted: str, mnist: Dataset) -> None:
    """Where this fails after a change of edgecnn/imaging, the same change belongs into edgecnn/page/assets."""
    sheets = [np.asarray(Image.open(BytesIO(content)).convert("L")) for content in photographs(mnist)]
    browser.open(f"{hosted}/assets/icon.svg", width=400, height=400, dark=False, scale=1)
    same = 0
    for gray in sheets:
        data, (height, width) = base64.b64encode(gray.tobytes()).decode(), gray.shape
        found = browser.run(
            f"""import("{hosted}/assets/digits.js").then(({{ digitsIn }}) => {{
              const data = Uint8Array.from(atob("{data}"), byte => byte.charCodeAt(0));
              const found = digitsIn({{ width: {width}, height: {height}, data }});
              return found.map(({{ image, box }}) => [box, Array.from(image.data)]);
            }})"""
        )
        wanted = find_digits(gray, several=True).digits
        same += [tuple(box) for box, _ in found] == [digit.box for digit in wanted] and all(
            np.abs(digit.image.ravel() - np.array(image, np.int64)).max() <= 2
            for digit, (_, image) in zip(wanted, found, strict=True)
        )
    assert same >= len(sheets) - 1  # float32 here, float64 there


def photographs(mnist: Dataset) -> list[bytes]:
    return [content for _, content in paper.photographs(mnist.test.images[:6], 5, 300)]


def test_a_folder_that_is_opened_as_a_file_says_what_it_needs(browser: Browser, tmp_path: Path) -> None:
    """Browsers run no modules of files. The one file needs none, and so it starts."""
    standalone.write(NETWORK, tmp_path / "folder")
    standalone.write(NETWORK, tmp_path / "one", single_file=True)
    width, height = DESKTOP
    browser.open(tmp_path / "folder" / "index.html", width=width, height=height, dark=False)
    assert "needs a web server" in text(browser, "verdict")
    browser.complaints.clear()
    show(browser, tmp_path / "one" / "index.html")
    assert text(browser, "verdict") == ""
