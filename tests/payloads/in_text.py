"""Names, labels and messages that act on a terminal, a browser, a spreadsheet, or a page of Markdown."""

import csv
import json
from html.parser import HTMLParser
from pathlib import Path

import odd_models as odd
from payloads.catalogue import Place, Result, digit, payload

ESCAPES = "\x1b[2J\x1b]0;gone\x07\x9b31m\u202e\u2028"
LABELS = ["<script>alert(1)</script>", "a\tb\nc", ESCAPES, "=cmd|' /C calc'!A0", "](javascript:alert(1))", *"56789"]
PREDICT = "predict seven.png --model model.onnx --top 10"
BENCH = "bench '{}' --runtime onnxruntime --duration 0.1 --csv out/b.csv --html out/b.html --json out/b.json"


def labeled(path: Path, labels: list[str] = LABELS) -> None:
    path.parent.mkdir(exist_ok=True)
    odd.save(odd.linear(metadata={"edgecnn.labels": json.dumps(labels)}), path)


@payload(PREDICT, f"{PREDICT} --json", "info model.onnx", "info model.onnx --json", says="", code=0)
def labels_that_act_on_a_terminal(at: Path, place: Place) -> None:
    digit(at / "seven.png")
    labeled(at / "model.onnx")


@payload(f"predict '{ESCAPES[:9]}.png' --model model.onnx", says="x1b[2J")
def a_picture_whose_name_acts_on_a_terminal(at: Path, place: Place) -> None:
    (at / f"{ESCAPES[:9]}.png").write_bytes(b"not a picture")
    labeled(at / "model.onnx")


@payload("predict --model model.onnx -- --model=other.onnx.png", "predict ./-x.png --model model.onnx", says="", code=0)
def a_picture_whose_name_is_an_option(at: Path, place: Place) -> None:
    digit(at / "--model=other.onnx.png")
    digit(at / "-x.png")
    labeled(at / "model.onnx")


@payload("info model.onnx", PREDICT, says="")
def an_error_that_acts_on_a_terminal(at: Path, place: Place) -> None:
    model = odd.linear()
    model.graph.node[0].op_type = f"Cast{ESCAPES}"
    digit(at / "seven.png")
    odd.save(model, at / "model.onnx")


class Page(HTMLParser):
    """Collects what a page would run or fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.active: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "base", "form"):
            self.active.append(tag)
        for name, value in attrs:
            if name.startswith("on") or "javascript:" in (value or "") or (value or "").startswith("http"):
                self.active.append(f"{tag} {name}={value}")
            if name == "href" and value not in ("data:,", None) and not value.startswith("#"):
                self.active.append(f"{tag} href={value}")
            if name == "src" and not (value or "").startswith("data:image/png;base64,"):
                self.active.append(f"{tag} src={value}")


def harmless(at: Path, result: Result) -> None:
    page = Page()
    page.feed((at / "out" / "b.html").read_text(encoding="utf-8"))
    assert page.active == []
    with (at / "out" / "b.csv").open(newline="", encoding="utf-8") as file:
        assert not [cell for row in csv.reader(file) for cell in row if cell[:1] in tuple("=+@\t\r")]


@payload(BENCH.format('"><img src=x onerror=alert(1)>') + " '=1+1'", says="", code=0, check=harmless)
def models_whose_names_are_html_and_a_formula(at: Path, place: Place) -> None:
    for name in ('"><img src=x onerror=alert(1)>', "=1+1"):
        labeled(at / name / "model.onnx")


@payload("bench model.onnx --compare earlier.json --duration 0.1", says="earlier.json")
def an_earlier_report_that_is_html(at: Path, place: Place) -> None:
    labeled(at / "model.onnx")
    (at / "earlier.json").write_text(json.dumps({"schema": f"<script>{ESCAPES}</script>"}))
