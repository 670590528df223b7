"""The page's files, and what `edgecnn export --web` writes or refuses."""

import base64
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from shared_fixtures import Run

from edgecnn.errors import ModelError
from edgecnn.folder import SHIPPED_MODELS
from edgecnn.page import assets, standalone, support
from edgecnn.runtime.classifier import Classifier

MOST_BYTES = 60_000  # of the page that a service has


def test_the_page_is_small_and_loads_nothing_from_elsewhere() -> None:
    served = assets.served()
    assert sum(len(asset.content) for asset in served.values()) <= MOST_BYTES
    for asset in served.values():
        found = asset.content.decode()
        assert not re.findall(r"https?://(?!onnx\.ai|protobuf\.dev|github\.com|www\.w3\.org/2000/svg)", found), (
            asset.name
        )
        assert " style=" not in found
        assert not re.search(r"<[^>]* on\w+=", found)
    assert set(served) >= {"index.html", "service.js", "page.js", "network.js"}
    assert "digits.js" not in served  # a service treats pictures itself


def test_a_pi_writes_a_folder_with_all_that_the_page_needs(pi: Run, tmp_path: Path) -> None:
    done = pi("export", "nano", "--web", tmp_path / "web", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    files = sorted((tmp_path / "web").iterdir())
    assert sorted(map(Path, told["files"])) == files
    assert told["bytes"] == sum(path.stat().st_size for path in files)
    assert (tmp_path / "web" / "model.onnx").read_bytes() == (SHIPPED_MODELS / "nano" / "model.onnx").read_bytes()
    described = json.loads((tmp_path / "web" / "model.json").read_text())
    image = standalone.CHECKED.astype(np.uint8).reshape(1, 28, 28)
    assert np.allclose(
        described["check"], Classifier(SHIPPED_MODELS / "nano" / "model.onnx").predict(image)[0], atol=1e-6
    )


def test_one_file_allows_its_own_script_and_style_only(tmp_path: Path) -> None:
    page = standalone.write("nano", tmp_path, single_file=True)
    assert page.paths == (tmp_path / "index.html",)
    html = page.paths[0].read_text(encoding="utf-8")
    (policy,) = re.findall(r'Content-Security-Policy" content="(.*?)">', html)
    assert "unsafe" not in policy
    for tag, rule in (('script type="module"', "script-src"), ("style", "style-src")):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag.split()[0]}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}'" in policy


def test_a_model_that_the_page_cannot_run_is_refused(edgecnn: Run, tiny: Path, tmp_path: Path) -> None:
    done = edgecnn("export", tiny, "--web", tmp_path / "web")
    assert (done.returncode, done.stdout) == (1, "")
    assert "tiny.onnx uses AveragePool, which the page does not run" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_operators_that_the_page_lacks_are_named(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert support.is_runnable(Classifier("nano"))
    monkeypatch.setattr(support, "OPERATORS", support.OPERATORS - {"MaxPool", "Relu"})
    with pytest.raises(ModelError, match=r"model\.onnx uses MaxPool, Relu, which the page does not run"):
        standalone.write("nano", tmp_path / "web")
    assert not (tmp_path / "web").exists()


def test_what_stands_in_the_way_is_told(edgecnn: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for model, words in (("nano", "cannot write"), (tmp_path / "file", "is not an .onnx file")):
        done = edgecnn("export", model, "--web", tmp_path / "file")
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
        assert words in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_options_that_do_nothing_are_refused(edgecnn: Run, tmp_path: Path) -> None:
    for arguments in (["--single-file"], ["--web", tmp_path / "web", "--quantize"]):
        done = edgecnn("export", "nano", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert "nothing" in done.stderr
    assert list(tmp_path.iterdir()) == []
