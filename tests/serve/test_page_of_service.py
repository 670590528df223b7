"""The addresses of the page: its files, with what browsers may do and keep, and the pixels that a network saw."""

from io import BytesIO
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np
import pytest
from PIL import Image
from serve.serving import Running, running

from edgecnn.data import Dataset
from edgecnn.folder import SHIPPED_MODELS
from edgecnn.imaging.digits import find_digits
from edgecnn.page import assets
from edgecnn.serve.config import Config


def sheet(digits: list[Any]) -> Any:
    """Dark digits beside one another on light paper."""
    paper = np.full((120, 80 * len(digits)), 235, np.uint8)
    for number, digit in enumerate(digits):
        large = np.kron(255 - digit, np.ones((2, 2), np.uint8))
        paper[30:86, 80 * number + 12 : 80 * number + 68] = np.minimum(large, 235)
    return paper


def png(image: Any) -> bytes:
    file = BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def test_every_file_has_its_type_a_policy_and_a_tag(service: Running) -> None:
    for name, asset in assets.served().items():
        address = "/" if name == assets.INDEX else f"/page/{name}"
        answer = service.ask("GET", address)
        assert (answer.status, answer.body) == (200, asset.content)
        assert answer.headers["content-type"] == asset.media_type
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        again = service.ask("GET", address, if_none_match=answer.headers["etag"])
        assert (again.status, again.body) == (304, b"")
    assert service.ask("GET", "/page/nothing.js").status == 404
    assert service.ask("GET", "/page/..%2fapp.py").status == 404


def test_the_page_is_told_of_the_models(service: Running) -> None:
    (told,) = service.ask("GET", "/page/models.json").json["models"]
    assert (told["name"], told["labels"]) == ("tiny", list("0123456789"))
    assert (told["isColored"], told["isRunnable"]) == (False, False)  # it has an AveragePool


def test_a_models_file_is_given_only_as_it_is_served(tmp_path: Path) -> None:
    path = tmp_path / "own.onnx"
    copyfile(SHIPPED_MODELS / "nano" / "model.onnx", path)
    with running(Config((str(path),), log=False)) as found:
        assert found.ask("GET", "/page/models.json").json["models"][0]["isRunnable"]
        answer = found.ask("GET", "/page/model.onnx?model=own")
        assert (answer.status, answer.body) == (200, path.read_bytes())
        assert found.ask("GET", "/page/model.onnx?model=other").status == 404
        path.write_bytes(b"another")
        replaced = found.ask("GET", "/page/model.onnx")
        assert (replaced.status, "as it is served" in replaced.error) == (404, True)


def test_without_a_token_the_page_opens_but_tells_nothing_of_the_models(guarded: Running) -> None:
    assert guarded.ask("GET", "/").status == 200
    assert guarded.ask("GET", "/page/page.js").status == 200
    for address in ("/page/models.json", "/page/model.onnx", "/v1/classify", "/docs"):
        assert guarded.ask("GET", address).status == 401
    assert guarded.ask("GET", "/page/models.json", authorization="Bearer a-secret").status == 200


@pytest.mark.parametrize("segment", ["false", "true"])
def test_the_pixels_that_a_network_saw_are_given(service: Running, mnist: Dataset, segment: str) -> None:
    gray = sheet(list(mnist.test.images[:2]))
    answer = service.post(f"/v1/classify?segment={segment}&pixels=true", png(gray), "image/png").json
    (picture,) = answer["pictures"]
    found = picture["digits"] if segment == "true" else [picture]
    expected = find_digits(gray, several=segment == "true").digits
    assert len(expected) == (2 if segment == "true" else 1)
    assert [digit["pixels"] for digit in found] == [digit.image.tolist() for digit in expected]
    without = service.post(f"/v1/classify?segment={segment}", png(gray), "image/png").json
    assert "pixels" not in str(without)


def test_paper_without_a_digit_has_no_pixels(service: Running) -> None:
    answer = service.post("/v1/classify?segment=true&pixels=true", png(np.full((90, 90), 230, np.uint8)), "image/png")
    assert answer.json["pictures"] == [{"verdict": "no digit", "predictions": [], "digits": []}]
    assert service.post("/v1/classify?pixels=maybe", png(np.zeros((9, 9), np.uint8)), "image/png").status == 400
