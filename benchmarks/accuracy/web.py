"""Compare the page's own engine and treatment with onnxruntime and predict, in Chromium: [--pictures N] [NETWORK ...]

Each shipped NETWORK (default: all) labels all of MNIST's test images in headless Chromium by the JavaScript of
edgecnn/page, and by onnxruntime. N photographs (default 200) are made from MNIST's test digits by `paper`, and read as
the page without a server reads them, and as `edgecnn predict` does. Sizes are of what `edgecnn export --web` writes.
The figures of what was measured are written to benchmarks/results/web.json.
"""

import io
import shutil
import subprocess
import tempfile
import threading
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import paper
from benchmarks.lib import markdown, paths
from benchmarks.lib.results import Row, read_result, update_result
from edgecnn.data import load
from edgecnn.folder import SHIPPED_MODELS, ModelFolder
from edgecnn.host.machine import this_host
from edgecnn.imaging.digits import find_digits
from edgecnn.imaging.reading import open_sheet
from edgecnn.page import assets, standalone
from edgecnn.runtime.classifier import Classifier

RESULTS = paths.RESULTS / "web.json"
NETWORKS, READER, SEED = ("nano", "edge", "accurate"), "edge", 2
NO_DIGIT, HOURS = 255, 3600 * 3
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu")
IMAGES = """
import { Network } from "./assets/network.js";
const bytes = async name => new Uint8Array(await (await fetch(name)).arrayBuffer());
const network = new Network(await bytes("model.onnx")), images = await bytes("images"), labels = [];
for (let at = 0; at < images.length; at += 784) {
  const { probabilities } = network.run(images.subarray(at, at + 784), 28, 28);
  labels.push(probabilities.indexOf(Math.max(...probabilities)));
}
await fetch("labels", { method: "POST", body: Uint8Array.from(labels) });
"""
PICTURES = """
import { digitsIn } from "./assets/digits.js";
import { grayOf } from "./assets/gray.js";
import { Network } from "./assets/network.js";
const get = async name => (await fetch(name)).arrayBuffer();
const network = new Network(new Uint8Array(await get("model.onnx"))), labels = [];
for (let number = 0; number < COUNT; number++) {
  const [digit] = digitsIn(grayOf(await createImageBitmap(new Blob([await get(`${number}.jpg`)]))), false);
  const probabilities = digit ? network.run(digit.image.data, 28, 28).probabilities : [];
  labels.push(digit ? probabilities.indexOf(Math.max(...probabilities)) : NOTHING);
}
await fetch("labels", { method: "POST", body: Uint8Array.from(labels) });
"""
# Milliseconds from the end of a stroke to what is then shown last, at most 255.
STROKES = """
const wait = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));
const frame = document.createElement("iframe");
[frame.src, frame.width, frame.height] = ["folder/index.html", 1280, 900];
document.body.append(frame);
await new Promise(resolve => { frame.onload = resolve; });
const inside = frame.contentDocument, paper = inside.getElementById("paper"), number = inside.getElementById("number");
while (!inside.getElementById("bars").children.length) await wait(20);
paper.setPointerCapture = () => {};  // the browser knows no pointer with the number of these events
const { left, top, width, height } = paper.getBoundingClientRect();
const move = (kind, [x, y]) => paper.dispatchEvent(new frame.contentWindow.PointerEvent(kind, {
  pointerId: 1, isPrimary: true, buttons: 1, bubbles: true, cancelable: true,
  clientX: left + x * width, clientY: top + y * height,
}));
let shown = 0;
new MutationObserver(() => { shown = performance.now(); }).observe(number, { childList: true });
const seven = [[0.38, 0.22], [0.5, 0.22], [0.62, 0.22], [0.54, 0.5], [0.46, 0.8]], took = [];
for (let stroke = 0; stroke < COUNT; stroke++) {
  move("pointerdown", seven[0]);
  for (const place of seven) { move("pointermove", place); await wait(16); }
  const ended = performance.now();
  move("pointerup", seven.at(-1));
  await wait(500);
  took.push(number.textContent === "7" ? Math.min(255, Math.max(0, Math.round(shown - ended))) : 255);
  inside.getElementById("clear").click();
  await wait(200);
}
await fetch("labels", { method: "POST", body: Uint8Array.from(took) });
"""
STROKES_DRAWN = 20
Labels = NDArray[np.uint8]


def main(arguments: Sequence[str]) -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("networks", metavar="NETWORK", nargs="*", default=NETWORKS)
    parser.add_argument("--pictures", metavar="N", type=int, default=200)
    given = parser.parse_args(arguments)
    update_result(RESULTS, host=str(this_host()), versions={**this_host().versions, "browser": browser_version()})
    update_result(RESULTS, pictures=pictures(given.pictures))
    for name in given.networks:
        known: Row = read_result(RESULTS).get("networks", {})
        update_result(RESULTS, networks=known | {name: {**sizes(name), **strokes(name), **digits(name)}})
    print(table())


def digits(name: str, count: int | None = None) -> Row:
    """How many of MNIST's test images get the label that onnxruntime gives."""
    test = load().test
    images = test.images[:count]
    found = in_browser(IMAGES, {"model.onnx": model(name).read_bytes(), "images": images.tobytes()})
    expected = Classifier(model(name)).predict(images).argmax(axis=1)
    right = int((found == test.labels[:count]).sum())
    return {"images": len(images), "same": int((found == expected).sum()), "right": right}


def pictures(count: int) -> Row:
    """How many photographs get the label, or "no digit", that predict gives."""
    test = load().test
    files = [content for _, content in paper.photographs(test.images[:count], SEED)]
    served = {"model.onnx": model(READER).read_bytes(), **{f"{at}.jpg": content for at, content in enumerate(files)}}
    code = PICTURES.replace("COUNT", str(count)).replace("NOTHING", str(NO_DIGIT))
    classifier = Classifier(model(READER))
    found, expected = in_browser(code, served), np.array([predicted(classifier, content) for content in files])
    right = {"here": found, "predict": expected}
    return {
        "pictures": count,
        "same": int((found == expected).sum()),
        "right": {name: int((labels == test.labels[:count]).sum()) for name, labels in right.items()},
    }


def predicted(classifier: Classifier, content: bytes) -> int:
    found = find_digits(open_sheet(io.BytesIO(content), "picture")[0]).digits
    return int(classifier.predict(found[0].image[None]).argmax()) if found else NO_DIGIT


def sizes(name: str) -> Row:
    """Bytes of the page with that network, in a folder and in one file, and of the network itself."""
    with tempfile.TemporaryDirectory() as folder:
        whole = standalone.write(name, Path(folder) / "folder").size
        one = standalone.write(name, Path(folder) / "one", single_file=True).size
    return {"model": model(name).stat().st_size, "folder": whole, "one file": one}


def strokes(name: str) -> Row:
    """The median and the longest time from the end of a stroke to its answer, in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        written = standalone.write(name, Path(folder)).paths
        files = {f"folder/{path.name}": path.read_bytes() for path in written}
        took = in_browser(STROKES.replace("COUNT", str(STROKES_DRAWN)), files)
    return {"stroke_ms": float(np.median(took)), "longest_stroke_ms": int(took.max())}


def model(name: str) -> Path:
    return ModelFolder(SHIPPED_MODELS / name).onnx("float32")


def browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise SystemExit("there is no Chromium here: apt-get install chromium")
    return found


def browser_version() -> str:
    told = subprocess.run([browser(), "--version"], capture_output=True, text=True, check=True).stdout
    return " ".join(told.split()[:2])


class Handler(SimpleHTTPRequestHandler):
    """Serves a page with one script, what it works on, and the page's modules; and takes the labels that it finds."""

    def __init__(self, *arguments: object, files: Mapping[str, bytes], done: "Done") -> None:
        self.files, self.done = files, done
        super().__init__(*arguments, directory=str(assets.FOLDER.parent))  # type: ignore[arg-type]

    def do_GET(self) -> None:
        content = self.files.get(self.path.removeprefix("/"))
        if content is None:
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(self.path))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        self.done.labels = np.frombuffer(self.rfile.read(int(self.headers["Content-Length"])), np.uint8)
        self.send_response(204)
        self.end_headers()
        self.done.set()

    def log_message(self, *_: object) -> None:
        pass


class Done(threading.Event):
    labels: Labels


def in_browser(code: str, files: Mapping[str, bytes]) -> Labels:
    """The labels that a module of JavaScript finds in headless Chromium."""
    page = f'<!doctype html><script type="module">{code}</script>'.encode()
    done = Done()
    handler = partial(Handler, files={"index.html": page, **files}, done=done)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, tempfile.TemporaryDirectory() as profile:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/index.html"
        command = [browser(), *OPTIONS, f"--user-data-dir={profile}"]
        child = subprocess.Popen([*command, address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            if not done.wait(HOURS):
                raise SystemExit("the browser did not answer")
        finally:
            child.kill()
            child.wait()
            server.shutdown()
    return done.labels


def table() -> str:
    """The committed results, for the guide to the service."""
    found = read_result(RESULTS)
    rows = [
        [
            f"`{name}`",
            *(f"{row[size] / 1000:,.0f}" for size in ("folder", "one file", "model")),
            _stroke(row),
            _same(row),
        ]
        for name in NETWORKS
        if (row := found.get("networks", {}).get(name))
    ]
    read, kind = found.get("pictures"), "labels as onnxruntime's"
    notes = (
        [
            f"Of {read['pictures']} photographs that `benchmarks/accuracy/paper.py` makes, {read['same']} are read as "
            f"`edgecnn predict` reads them ({found['versions']['browser']})."
        ]
        if read
        else []
    )
    sizes_of = ["folder, kB", "one file, kB", "of which the network, kB"]
    return markdown.table(["network", *sizes_of, "a stroke is read after, ms", kind], rows, notes)


def _stroke(row: Row) -> str:
    return f"{row['stroke_ms']:.0f}, at most {row['longest_stroke_ms']}" if "stroke_ms" in row else "–"


def _same(row: Row) -> str:
    return f"{row['same']:,} of {row['images']:,}"
