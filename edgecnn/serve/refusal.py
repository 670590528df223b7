"""Refusal: why a request is not answered as asked, with its HTTP status. Every error has one form, {"error": "..."}."""

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

CLOSE = {"connection": "close"}  # where the rest of the request is not read


class Refusal(Exception):  # noqa: N818 (not a fault of this program)
    """Ends the work on a request. The message is for the client: it names no path and nothing of this program."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})


def busy() -> Refusal:
    return Refusal(503, "the service has as many requests as it takes: try again", {"retry-after": "1"})


def stopping() -> Refusal:
    return Refusal(503, "the service is stopping: try again", {"retry-after": "5"} | CLOSE)


def to_json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers, "application/json")


def error_response(refusal: Refusal) -> Response:
    return to_json(error_body(str(refusal)), refusal.status, refusal.headers)


def error_body(message: str) -> dict[str, str]:
    return {"error": message}
