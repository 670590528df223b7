"""Writes the page that needs no server: a folder for any web host, or one file that also opens from a disk."""

import base64
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn import files
from edgecnn.folder import find_onnx
from edgecnn.page import assets
from edgecnn.page.support import require_runnable
from edgecnn.readings import CONFIDENCE
from edgecnn.runtime.classifier import Classifier
from edgecnn.transaction import transaction

VERSION_DIGITS = 12  # of a file's SHA-256
CHECKED = np.arange(28 * 28) * 37 % 256  # an image whose probabilities the page compares with onnxruntime's
SCRIPT = '<script type="module" src="page/service.js"></script>'
STYLE = '<link rel="stylesheet" href="page/style.css">'
ICON = 'href="page/icon.svg"'


@dataclass(frozen=True)
class WebPage:
    """What was written: a page's files, and their size in bytes."""

    paths: tuple[Path, ...]
    size: int


def write(model: str | Path, folder: Path, *, single_file: bool = False) -> WebPage:
    """Write the page with the model into a folder, all of its files or none.

    With `single_file`, it is one HTML file. Raises ModelError for a model that the page cannot run, and UsageError,
    OutputError.
    """
    classifier = Classifier(find_onnx(model))  # a folder's float32 file: what is fast here says nothing of browsers
    require_runnable(classifier)
    content = _in_one(classifier) if single_file else _in_folder(classifier)
    with transaction(folder) as change:
        for name, data in content.items():
            (change.path / name).write_bytes(data)
    return WebPage(tuple(folder / name for name in content), sum(map(len, content.values())))


def describe(classifier: Classifier) -> dict[str, Any]:
    """What the page is told of the model beside its file."""
    name = classifier.metadata.name or classifier.path.stem
    outliers = classifier.metadata.outliers
    check = classifier.predict(CHECKED.astype(np.uint8).reshape(1, 28, 28))[0]
    return {
        "name": f"{name}, version {files.sha256(classifier.path)[:VERSION_DIGITS]}",
        "labels": list(classifier.labels),
        "confidence": classifier.metadata.confidence or CONFIDENCE,
        "outliers": asdict(outliers) if outliers else None,
        "check": [round(float(value), 6) for value in check],
    }


def _in_folder(classifier: Classifier) -> dict[str, bytes]:
    html = _index(assets.policy({}), '<script type="module" src="page.js"></script>')
    html = html.replace(STYLE, '<link rel="stylesheet" href="style.css">').replace(ICON, 'href="icon.svg"')
    return {
        "model.onnx": classifier.path.read_bytes(),
        "model.json": json.dumps(describe(classifier)).encode(),
        "page.js": assets.bundle().encode(),
        "style.css": assets.UNREAD.sub("", assets.text("style.css")).encode(),
        "icon.svg": assets.text("icon.svg").encode(),
        "index.html": html.encode(),
    }


def _in_one(classifier: Classifier) -> dict[str, bytes]:
    """Data blocks hold the model. The policy names the hashes of the one script and the one style."""
    script, style = assets.bundle(), assets.UNREAD.sub("", assets.text("style.css"))
    policy = assets.policy(
        {"script-src": _hash(script), "style-src": _hash(style), "img-src": "data:", "connect-src": "'none'"}
    )
    data = {"model.json": json.dumps(describe(classifier)).encode(), "model.onnx": classifier.path.read_bytes()}
    blocks = "".join(
        f'<script type="text/plain" id="{name}">{base64.b64encode(content).decode()}</script>\n'
        for name, content in data.items()
    )
    html = _index(policy, "").replace(STYLE, f"<style>{style}</style>").replace(ICON, f'href="{_icon()}"')
    return {"index.html": html.replace("</body>", f'{blocks}<script type="module">{script}</script>\n</body>').encode()}


def _index(policy: str, script: str) -> str:
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    html = assets.text(assets.INDEX).replace(SCRIPT, script)
    return html.replace('<meta charset="utf-8">', f'<meta charset="utf-8">\n{meta}')


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _icon() -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(assets.text('icon.svg').encode()).decode()}"
