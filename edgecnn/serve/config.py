"""Config: everything that `edgecnn serve` is told, and what it holds requests to."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from edgecnn.serve.defaults import HOST, MAX_BODY, PORT, QUEUE, TIMEOUT

MOST_HEADERS, MOST_HEADER_BYTES = 100, 32 * 2**10  # as other servers have them
SPARE_FILES = 64  # file descriptors that connections leave for everything else
BODIES_AT_ONCE = 4  # bodies of the largest size may be in memory together


@dataclass(frozen=True)
class Config:
    """What to serve, where, and its limits.

    `models` are as `find_onnx` takes them, each with `NAME=` in front or not. `max_body` is in bytes, `timeout` in
    seconds, for a request's headers and for its body. At most `queue` requests are worked on or wait at a time, for
    each worker. `batch_window_us` microseconds are waited for requests to join, 0 for not at all. With `certificate`
    and `key`, PEM files, the service speaks TLS. `log` tells whether requests are logged.
    """

    models: tuple[str, ...]
    host: str = HOST
    port: int = PORT
    workers: int = 1
    token: str | None = None
    max_body: int = MAX_BODY
    timeout: float = TIMEOUT
    queue: int = QUEUE
    batch_window_us: int = 0
    certificate: Path | None = None
    key: Path | None = None
    log: bool = True

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")

    @property
    def scheme(self) -> str:
        return "https" if self.certificate else "http"


@cache
def version() -> str:
    """edgecnn's own."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("edgecnn")
    except PackageNotFoundError:
        return "unknown"
