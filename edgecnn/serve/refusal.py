"""Refusal: why a request is not answered as asked, with its HTTP status. Every error has one form, {"error": "..."}."""

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from edgecnn.errors import ImageError, InputError

# What is raised for a request that is at fault itself.
FAULTS = (RecursionError, msgspec.MsgspecError, UnicodeError, ImageError, InputError)
INTERNAL, FAILED = 500, "the service has failed here: see its log"
CLOSE = {"connection": "close"}  # where the rest of the request is not read


class Refusal(Exception):  # noqa: N818 (not a fault of this program)
    """Ends the work on a request. The message is for the client: it names no path and nothing of this program."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})


def fault(error: Exception) -> Refusal:
    """What a client did wrong, from one of FAULTS. These messages name nothing of this machine."""
    if isinstance(error, RecursionError):
        return Refusal(400, "the JSON is nested too deep")
    if isinstance(error, ImageError | InputError):
        return Refusal(400, str(error))
    return Refusal(400, f"the JSON cannot be read: {error}")


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
