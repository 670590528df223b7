"""A real browser for tests: headless Chromium, spoken to by its DevTools protocol."""

import base64
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
START_SECONDS, ANSWER_SECONDS = 30, 30
# JavaScript that defines `contrast`: how far a node's text is from its ground, by WCAG 2's contrast ratio.
CONTRAST_OF = """
  const light = color => color.slice(0, 3)
    .map(c => c / 255).map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const ground = node => {
    for (; node; node = node.parentElement) {
      const color = parse(getComputedStyle(node).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const contrast = node => {
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
"""


@contextmanager
def chromium() -> Iterator["Browser"]:
    """Start Chromium with a profile of its own, and end it. Skips the test where there is none."""
    command = next(filter(None, map(shutil.which, NAMES)), None)
    if command is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
        child = subprocess.Popen(
            [command, *options, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            with connect(_address(Path(profile)), max_size=None) as socket:
                yield Browser(socket)
        finally:
            child.kill()
            child.wait()


def _address(profile: Path) -> str:
    """Where Chromium listens, which it writes down once it does."""
    file = profile / "DevToolsActivePort"
    end = time.monotonic() + START_SECONDS
    while not file.exists() or len(file.read_text().splitlines()) < 2:
        assert time.monotonic() < end, "Chromium did not start"
        time.sleep(0.05)
    port, path = file.read_text().splitlines()[:2]
    return f"ws://127.0.0.1:{port}{path}"


class Browser:
    """One page. `complaints` are its console's errors and warnings, `requests` the addresses it asked for."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._count, self._session = socket, 0, ""
        self.complaints: list[str] = []
        self.requests: list[str] = []
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{domain}.enable")

    def open(self, place: Path | str, *, width: int, height: int, dark: bool, scale: int = 2) -> None:
        """Show a file or an address in a window of that size; below 500 pixels it is a phone's.

        A screen has `scale` × `scale` pixels in a pixel of the page: fewer are drawn sooner.
        """
        address = place.as_uri() if isinstance(place, Path) else place
        self.complaints.clear()
        self.requests.clear()
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 500,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", features=[scheme])
        self._ask("Page.navigate", url=address)
        self.wait_for(f"document.readyState === 'complete' && location.href === {json.dumps(address)}")

    def run(self, code: str) -> Any:
        """The value of a JavaScript expression in the page, or what it promises."""
        asked = self._ask("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in asked, asked
        return asked["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Wait until a JavaScript expression holds."""
        end = time.monotonic() + ANSWER_SECONDS
        while not self.run(condition):
            assert time.monotonic() < end, f"this never held: {condition}"
            time.sleep(0.02)

    def draw(self, points: list[tuple[float, float]], *, touching: bool = False) -> None:
        """Draw a stroke through points of the window, in pixels, with a mouse or a finger."""
        names = ("touchStart", "touchMove", "touchEnd") if touching else ("mousePressed", "mouseMoved", "mouseReleased")
        kinds = (names[0], *(names[1] for _ in points[1:]), names[2])
        for kind, (x, y) in zip(kinds, (*points, points[-1]), strict=True):
            if touching:
                self._ask(
                    "Input.dispatchTouchEvent", type=kind, touchPoints=[] if kind == names[2] else [{"x": x, "y": y}]
                )
            else:
                held = int(kind != names[2])
                self._ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=held, clickCount=1)

    def press(self, key: str, *, control: bool = False) -> None:
        """Press a key and let it go."""
        for kind in ("keyDown", "keyUp"):
            self._ask("Input.dispatchKeyEvent", type=kind, key=key, modifiers=2 * control)

    def save_downloads(self, folder: Path) -> None:
        """Keep what the page downloads from now on."""
        self._ask("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def photograph(self, file: Path) -> None:
        """The whole page as a PNG."""
        shot = self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        self._socket.send(json.dumps(message | ({"sessionId": self._session} if self._session else {})))
        while True:
            answer = json.loads(self._socket.recv(timeout=ANSWER_SECONDS))
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer.get("method"), answer.get("params", {}))

    def _note(self, event: str | None, found: dict[str, Any]) -> None:
        match event:
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(found["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if found["type"] in ("error", "warning", "assert"):
                self.complaints.append(json.dumps(found["args"]))
            case "Log.entryAdded" if found["entry"]["level"] in ("error", "warning"):
                self.complaints.append(found["entry"]["text"])
            case "Network.requestWillBeSent":
                self.requests.append(found["request"]["url"])
