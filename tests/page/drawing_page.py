"""What tests do on the page: draw digits, drop files, and read what it shows."""

import base64
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from browser import Browser

Points = list[tuple[float, float]]
SEVEN: list[Points] = [[(0.38, 0.22), (0.5, 0.22), (0.62, 0.22), (0.54, 0.5), (0.46, 0.8)]]
OTHER_SEVEN: list[Points] = [[(0.3, 0.3), (0.5, 0.24), (0.66, 0.2), (0.5, 0.5), (0.5, 0.85)]]
BARRED_SEVEN: list[Points] = [*SEVEN, [(0.4, 0.5), (0.5, 0.5), (0.62, 0.5)]]
ONE: list[Points] = [[(0.5, 0.2), (0.5, 0.5), (0.5, 0.8)]]
STEPS = 4  # moves of the pointer between two points
PHONE, DESKTOP = (390, 844), (1280, 900)
BOX = """
(({ left, top, width, height }) => [left, top, width, height])(document.getElementById("paper").getBoundingClientRect())
"""
READY = "document.getElementById('bars').children.length > 0"


def show(browser: Browser, place: Path | str, size: tuple[int, int] = DESKTOP, *, dark: bool = False) -> None:
    browser.open(place, width=size[0], height=size[1], dark=dark, scale=1)
    browser.wait_for(READY)


def draw(browser: Browser, strokes: list[Points], *, right: float = 0, touching: bool = False) -> None:
    """Draw strokes whose points are shares of the paper's width and height, moved to the right by a share of it."""
    left, top, width, height = browser.run(BOX)
    for stroke in strokes:
        places = [(left + (x + right) * width, top + y * height) for x, y in _between(stroke)]
        browser.draw(places, touching=touching)


def _between(stroke: Points) -> Points:
    pairs = pairwise(stroke)
    found = [
        (a + (c - a) * step / STEPS, b + (d - b) * step / STEPS) for (a, b), (c, d) in pairs for step in range(STEPS)
    ]
    return [*found, stroke[-1]]


def read_as(browser: Browser, number: str) -> None:
    browser.wait_for(f"document.getElementById('number').textContent === {json.dumps(number)}")


def drop(browser: Browser, content: bytes, kind: str) -> None:
    data = base64.b64encode(content).decode()
    browser.run(
        f"""(() => {{
          const bytes = Uint8Array.from(atob("{data}"), byte => byte.charCodeAt(0)), dropped = new DataTransfer();
          dropped.items.add(new File([bytes], "picture", {{ type: "{kind}" }}));
          const how = {{ dataTransfer: dropped, bubbles: true, cancelable: true }};
          document.body.dispatchEvent(new DragEvent("drop", how));
        }})()"""
    )


def click(browser: Browser, selector: str) -> None:
    browser.run(f"document.querySelector({json.dumps(selector)}).click()")


def text(browser: Browser, identity: str) -> Any:
    return browser.run(f"document.getElementById({json.dumps(identity)}).textContent")
