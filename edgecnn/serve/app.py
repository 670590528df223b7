"""The addresses of the service, and what is done at each."""

from collections.abc import Awaitable, Callable
from functools import wraps
from itertools import chain
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from edgecnn.readings import Wanted
from edgecnn.serve import metrics as prometheus
from edgecnn.serve import openapi, page, pictures
from edgecnn.serve.bodies import Bodies
from edgecnn.serve.config import version
from edgecnn.serve.inference import Inference, json_length
from edgecnn.serve.metrics import Metrics
from edgecnn.serve.models import Models, Served
from edgecnn.serve.protocol import EXTENSION, ModelMetadata, ServerMetadata, TensorMetadata
from edgecnn.serve.refusal import FAULTS, Refusal, fault, to_json
from edgecnn.serve.workshop import Workshop

Endpoint = Callable[[Request], Awaitable[Response]]
POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"


def refusing(endpoint: Any) -> Any:
    """The endpoint, with what a client did wrong turned into a Refusal."""

    @wraps(endpoint)
    async def refuse(self: "Service", request: Request) -> Response:
        try:
            response: Response = await endpoint(self, request)
            return response
        except FAULTS as error:
            raise fault(error) from None

    return refuse


class Service:
    """The endpoints, and what they share."""

    def __init__(self, models: Models, workshop: Workshop, bodies: Bodies, metrics: Metrics) -> None:
        self.models, self.workshop, self.bodies, self.metrics = models, workshop, bodies, metrics
        self.inference = Inference(models, workshop, metrics)

    def router(self) -> Router:
        return Router(self._routes(), redirect_slashes=False)

    def _routes(self) -> list[Route]:
        named = "/v2/models/{name}"
        models = [named, f"{named}/versions/{{version}}"]
        return [
            *(Route(f"{model}/infer", self.infer, methods=["POST"]) for model in models),
            Route("/v1/classify", self.classify, methods=["POST"]),
            *(Route(f"{model}/ready", self.model_ready) for model in models),
            *(Route(model, self.model_metadata) for model in models),
            Route("/v2/health/live", self.live),
            Route("/v2/health/ready", self.ready),
            *(Route(path, self.server_metadata) for path in ("/v2", "/v2/")),
            Route("/metrics", self.counts),
            Route("/openapi.json", self.description),
            Route("/docs", self.docs),
            Route("/docs.css", self.style),
            *page.routes(self.models),
        ]

    @refusing
    async def infer(self, request: Request) -> Response:
        model = self._asked_for(request)
        length = json_length(request.scope["by_name"])
        answer = await self.inference.later(model, length, await self.bodies.read(request.receive))
        return Response(answer.content, headers={name.decode(): value.decode() for name, value in answer.headers})

    @refusing
    async def classify(self, request: Request) -> Response:
        model = self.models.find(request.query_params.get("model"))
        top = _number(request.query_params.get("top", "1"), len(model.classifier.labels))
        given = pictures.Given(b"", request.headers.get("content-type", ""))
        pictures.require_kind(given.kind)
        given = pictures.Given(await self.bodies.read(request.receive), given.content_type)
        wanted = Wanted(top=top, segment=_flag(request, "segment"))
        with_pixels = _flag(request, "pixels")
        found = await self.workshop.in_thread(pictures.readings_of, given, model.classifier, wanted)
        for reading in chain.from_iterable(picture.readings for picture in found):
            self.metrics.labeled(model.name, reading.predictions[0].label if reading.predictions else reading.verdict)
        return to_json(pictures.answers(model, found, segment=wanted.segment, pixels=with_pixels))

    async def model_ready(self, request: Request) -> Response:
        return to_json({"name": self._asked_for(request).name, "ready": True})

    async def model_metadata(self, request: Request) -> Response:
        return to_json(metadata(self._asked_for(request)))

    async def server_metadata(self, _: Request) -> Response:
        return to_json(ServerMetadata("edgecnn", version(), [EXTENSION]))

    async def live(self, _: Request) -> Response:
        return to_json({"live": True})

    async def ready(self, _: Request) -> Response:
        return to_json({"ready": True})

    async def counts(self, _: Request) -> Response:
        return Response(self.metrics.text(), media_type=prometheus.CONTENT_TYPE)

    async def description(self, _: Request) -> Response:
        return to_json(openapi.document())

    async def docs(self, _: Request) -> Response:
        return Response(openapi.page(), media_type="text/html", headers={"content-security-policy": POLICY})

    async def style(self, _: Request) -> Response:
        return Response(openapi.STYLE, media_type="text/css")

    def _asked_for(self, request: Request) -> Served:
        return self.models.find(request.path_params["name"], request.path_params.get("version"))


def metadata(model: Served) -> ModelMetadata:
    known = model.classifier
    shape = [known.batch or -1, *(size or -1 for size in known.input.shape)]
    taken = TensorMetadata(known.input_name, model.input_datatype, shape)
    given = TensorMetadata(known.output_name, "FP32", [-1, len(known.labels)])
    return ModelMetadata(model.name, [model.version], "onnx_onnxv1", [taken], [given])


def _number(text: str, most: int) -> int:
    """Raises Refusal."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
        raise Refusal(400, f"top is a number from 1 to {most}")
    return int(text)


def _flag(request: Request, name: str) -> bool:
    """Raises Refusal."""
    text = request.query_params.get(name, "false")
    if text not in ("true", "false"):
        raise Refusal(400, f"{name} is true or false")
    return text == "true"
