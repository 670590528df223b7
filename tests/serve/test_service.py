"""What the service answers: the same as Classifier.predict, in the published forms of the protocol, and who may ask."""

import json
import re
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import outlier_models
import pytest
from PIL import Image
from serve.serving import Running, running

from edgecnn.data import Dataset
from edgecnn.readings import Wanted, read_contents, read_files
from edgecnn.runtime.classifier import Classifier
from edgecnn.serve import openapi
from edgecnn.serve.config import Config

# The protocol's published schema, shortened to what answers are checked by:
# https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/open_inference_rest.yaml
STRINGS = {"type": "array", "items": {"type": "string"}}
TENSOR = {
    "name": {"type": "string"},
    "datatype": {"type": "string"},
    "shape": {"type": "array", "items": {"type": "integer"}},
}
METADATA_TENSOR = {"type": "object", "properties": TENSOR, "required": [*TENSOR]}
SERVER_METADATA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "version": {"type": "string"}, "extensions": STRINGS},
    "required": ["name", "version", "extensions"],
}
MODEL_METADATA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "versions": STRINGS,
        "platform": {"type": "string"},
        "inputs": {"type": "array", "items": METADATA_TENSOR},
        "outputs": {"type": "array", "items": METADATA_TENSOR},
    },
    "required": ["name", "platform"],
}
DATA = {"type": "array", "items": {"type": ["number", "string", "boolean", "array"]}}
OUTPUT = {
    "type": "object",
    "properties": {**TENSOR, "parameters": {"type": "object"}, "data": DATA},
    "required": [*TENSOR, "data"],
}
INFERENCE_RESPONSE = {
    "type": "object",
    "properties": {
        "model_name": {"type": "string"},
        "model_version": {"type": "string"},
        "id": {"type": "string"},
        "parameters": {"type": "object"},
        "outputs": {"type": "array", "items": OUTPUT},
    },
    "required": ["model_name", "outputs"],
}


@pytest.fixture(scope="module")
def digits(mnist: Dataset) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return mnist.test.images[:20]


def png(image: Any) -> bytes:
    file = BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def test_the_protocols_answers_fit_its_published_schema(service: Running, digits: Any) -> None:
    jsonschema.validate(service.ask("GET", "/v2").json, SERVER_METADATA)
    described = service.ask("GET", "/v2/models/tiny").json
    jsonschema.validate(described, MODEL_METADATA)
    assert described["inputs"] == [{"name": "image", "datatype": "UINT8", "shape": [-1, 28, 28]}]
    (version,) = described["versions"]
    request = {"id": "7", "inputs": [infer_input(digits[:2])]}
    for address in ("/v2/models/tiny", f"/v2/models/tiny/versions/{version}"):
        assert service.ask("GET", f"{address}/ready").json == {"name": "tiny", "ready": True}
        answer = service.post(f"{address}/infer", request).json
        jsonschema.validate(answer, INFERENCE_RESPONSE)
        assert (answer["id"], answer["model_name"], answer["model_version"]) == ("7", "tiny", version)
    assert service.ask("GET", "/v2/health/live").json == {"live": True}
    assert service.ask("GET", "/v2/health/ready").json == {"ready": True}


def infer_input(images: Any) -> dict[str, Any]:
    return {"name": "image", "shape": list(images.shape), "datatype": "UINT8", "data": images.ravel().tolist()}


@pytest.mark.parametrize("count", [1, 3, 20])
def test_probabilities_are_those_of_predict_bit_for_bit(service: Running, digits: Any, tiny: Path, count: int) -> None:
    wanted = Classifier(tiny).predict(digits[:count])
    answer = service.post("/v2/models/tiny/infer", {"inputs": [infer_input(digits[:count])]}).json
    from_json = np.asarray(answer["outputs"][0]["data"], np.float32).reshape(count, 10)
    tensor: dict[str, Any] = {"name": "image", "shape": [count, 28, 28], "datatype": "UINT8"}
    tensor |= {"parameters": {"binary_data_size": digits[:count].nbytes}}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    reply = service.post(
        "/v2/models/tiny/infer",
        head + digits[:count].tobytes(),
        "application/octet-stream",
        inference_header_content_length=str(len(head)),
    )
    after = int(reply.headers["inference-header-content-length"])
    assert json.loads(reply.body[:after])["outputs"][0]["parameters"] == {"binary_data_size": count * 40}
    from_bytes = np.frombuffer(reply.body[after:], "<f4").reshape(count, 10)
    for found in (from_json, from_bytes):
        np.testing.assert_array_equal(found.view(np.uint32), wanted.view(np.uint32))


def test_a_picture_is_read_as_predict_reads_it(service: Running, digits: Any, tiny: Path) -> None:
    wanted = Classifier(tiny).classify(digits[:2], top=3)
    as_lists = [[{"label": found.label, "probability": found.probability} for found in row] for row in wanted]
    one = service.post("/v1/classify?top=3&model=tiny", png(digits[0]), "image/png").json
    assert [picture["predictions"] for picture in one["pictures"]] == as_lists[:1]
    boundary, parts = "x-boundary", b""
    for image in digits[:2]:
        parts += f'--{boundary}\r\nContent-Disposition: form-data; name="a"; filename="a.png"\r\n\r\n'.encode()
        parts += png(image) + b"\r\n"
    form = parts + f"--{boundary}--\r\n".encode()
    many = service.post("/v1/classify?top=3", form, f"multipart/form-data; boundary={boundary}").json
    assert [picture["predictions"] for picture in many["pictures"]] == as_lists
    for pixels in (digits[:2].tolist(), digits[0].tolist(), digits[0].ravel().tolist()):
        found = service.post("/v1/classify?top=3", pixels).json
        assert [picture["predictions"] for picture in found["pictures"]] == as_lists[: len(found["pictures"])]


def test_digits_on_paper_are_read_as_predict_reads_them(
    service: Running, digits: Any, tiny: Path, tmp_path: Path
) -> None:
    paper = np.full((120, 200), 235, np.uint8)
    for left, image in zip((20, 110), digits, strict=False):
        paper[30:86, left : left + 56] -= np.kron(image, np.ones((2, 2), np.uint8)) // 2 + image.max() // 255
    path = tmp_path / "page.png"
    path.write_bytes(png(paper))
    for segment in (False, True):
        ((_, wanted),) = read_files(Classifier(tiny), [path], Wanted(segment=segment))
        assert not isinstance(wanted, Exception)
        (found,) = service.post(f"/v1/classify?segment={str(segment).lower()}", path.read_bytes(), "").json["pictures"]
        assert found["verdict"] == wanted[0].verdict
        read = found["digits"] if segment else [found]
        assert [tuple(one["box"]) for one in read] == [one.box for one in wanted]
        assert [one["predictions"] for one in read] == [[asdict(guess) for guess in one.predictions] for one in wanted]
    assert service.post("/v1/classify?segment=maybe", b"", "").status == 400


def test_what_is_no_digit_is_uncertain_here_too(tmp_path: Path) -> None:
    strange = np.zeros((28, 28), np.uint8)
    strange[4:24, 4:24] = np.pad(np.zeros((10, 10), np.uint8), 5, constant_values=255)
    verdicts = []
    for limit in (None, 200.0):
        path = outlier_models.telling(tmp_path / "knowing.onnx", limit)
        with running(Config((str(path),), log=False)) as found:
            answer = found.post("/v1/classify?segment=true", png(strange), "image/png").json
        (picture,) = answer["pictures"]
        ((_, readings),) = read_contents(Classifier(path), [(Path("a.png"), png(strange))], Wanted(segment=True))
        assert isinstance(readings, list)
        assert picture["verdict"] == readings[0].verdict == picture["digits"][0]["verdict"]
        verdicts.append(picture["verdict"])
    assert verdicts == ["uncertain", "label"]


def test_requests_have_ids_and_are_counted(service: Running, digits: Any) -> None:
    given = service.ask("GET", "/v2", x_request_id="mine-1.2")
    assert given.headers["x-request-id"] == "mine-1.2"
    ids = {service.ask("GET", "/v2", x_request_id="no spaces").headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    before = counts(service)
    label = service.post("/v1/classify", png(digits[0]), "image/png").json["pictures"][0]["predictions"][0]["label"]
    after = counts(service)
    for series in (
        'edgecnn_requests_total{route="/v1/classify",status="200"}',
        f'edgecnn_labels_total{{label="{label}",model="tiny"}}',
    ):
        assert after[series] == before.get(series, 0) + 1
    assert after['edgecnn_requests_total{route="/metrics",status="200"}'] >= 1
    assert sum(value for name, value in after.items() if name.startswith("edgecnn_model_info")) == 1
    assert after["edgecnn_requests_in_flight"] == 1  # the one that asks


def counts(service: Running) -> dict[str, float]:
    lines = service.ask("GET", "/metrics").body.decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def test_only_who_has_the_token_is_answered(guarded: Running) -> None:
    right = {"authorization": "Bearer a-secret"}
    for path in ("/v2", "/metrics", "/docs", "/openapi.json", "/v2/models/tiny", "/nothing"):
        for headers in ({}, {"authorization": "Bearer a-secre"}, {"authorization": "Basic a-secret"}):
            reply = guarded.ask("GET", path, **headers)
            assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")
            assert "Bearer TOKEN" in reply.error
        assert guarded.ask("GET", path, **right).status == (404 if path == "/nothing" else 200)
    assert guarded.post("/v1/classify", [[1]]).status == 401
    assert guarded.ask("GET", "/v2/health/ready").status == 200


def test_the_page_needs_nothing_from_elsewhere(service: Running) -> None:
    page = service.ask("GET", "/docs")
    text = page.body.decode()
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    assert "script" not in text
    assert "style=" not in text
    for link in re.findall(r'(?:href|src)="([^"]*)"', text):
        assert service.ask("GET", f"/{link}").status == 200
    document = service.ask("GET", "/openapi.json").json
    assert all(path in text for path in document["paths"])


def test_the_description_has_all_addresses_and_no_dangling_reference() -> None:
    document = openapi.document()
    for reference in re.findall(r'"\$ref": "#/components/(\w+)/([\w-]+)"', json.dumps(document)):
        kind, name = reference
        assert name in document["components"][kind]
    operations = [
        operation["operationId"]
        for methods in document["paths"].values()
        for method, operation in methods.items()
        if method != "parameters"
    ]
    assert len(operations) == len(set(operations)) > 10
