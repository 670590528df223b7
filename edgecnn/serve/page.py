"""The page to draw on, at `/`: its files, what it is told of the models, and a model's own file for feature maps."""

import hashlib
from typing import Any

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edgecnn import files
from edgecnn.page import assets
from edgecnn.page.assets import Asset
from edgecnn.page.support import MOST_BYTES, is_runnable
from edgecnn.serve.models import VERSION_DIGITS, Models, Served
from edgecnn.serve.refusal import Refusal, to_json

PREFIX = "/page/"
FRESH = {"cache-control": "no-cache"}  # a browser asks each time whether its copy is the current one


class PageModel(Struct, rename="camel"):
    """What the page is told of a model."""

    name: str
    version: str
    labels: tuple[str, ...]
    is_colored: bool
    is_runnable: bool


def addresses() -> frozenset[str]:
    """Those that a browser asks for before it knows of a token."""
    return frozenset({"/", *(PREFIX + name for name in assets.served())})


def routes(models: Models) -> list[Route]:
    async def page_models(_: Request) -> Response:
        return to_json({"models": [_described(model) for model in models]}, headers=FRESH)

    async def model_file(request: Request) -> Response:
        return _model_file(models.find(request.query_params.get("model")), request)

    return [
        Route("/", _asset(assets.served()[assets.INDEX])),
        *(Route(PREFIX + name, _asset(asset)) for name, asset in assets.served().items() if name != assets.INDEX),
        Route(f"{PREFIX}models.json", page_models),
        Route(f"{PREFIX}model.onnx", model_file),
    ]


def _asset(asset: Asset) -> Any:
    policy = assets.policy({"frame-ancestors": "'none'"})
    headers = {"content-security-policy": policy, "referrer-policy": "no-referrer"}

    async def answer(request: Request) -> Response:
        return _current(request, asset.content, asset.tag, asset.media_type, headers)

    return answer


def _current(
    request: Request, content: bytes, tag: str, media_type: str, headers: dict[str, str] | None = None
) -> Response:
    """The content, or 304 if the client has it."""
    named = {**FRESH, "etag": tag, **(headers or {})}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=named)
    return Response(content, headers=named, media_type=media_type)


def _described(model: Served) -> PageModel:
    known = model.classifier
    colored = known.input.image_size[2]
    return PageModel(model.name, model.version, known.labels, colored, is_runnable(known))


def _model_file(model: Served, request: Request) -> Response:
    """The file that is served. Raises Refusal for one that was replaced since, or that a browser does not load."""
    try:
        content = files.read_bytes(model.classifier.path, MOST_BYTES)
    except OSError:
        content = b""
    if hashlib.sha256(content).hexdigest()[:VERSION_DIGITS] != model.version:
        raise Refusal(404, "the file of this model is not there as it is served, or is too large")
    return _current(request, content, f'"{model.version}"', "application/octet-stream")
