"""What `edgecnn serve` does with what it was told: the token, the sockets, and one process or several."""

import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.errors import MissingDependencyError, UsageError
from edgecnn.processes import stopping
from edgecnn.serve.config import Config
from edgecnn.streams import say

if TYPE_CHECKING:
    from edgecnn.serve.models import Models

TOKEN_BYTES = 4096
FILES = 65_536  # descriptors: more connections than that are for a proxy in front
STOPPED = "stopped; what was in flight is answered"


def run(config: Config) -> None:
    """Serve until a signal comes. Raises UsageError, ModelError, OutputError, MissingDependencyError."""
    _require_packages()
    from edgecnn.serve import server, workers
    from edgecnn.serve.models import Models

    _raise_file_limit()
    listening = server.listen(config.host, config.port)
    models = Models(config.models)
    _greet(config, models, server.address(listening, config))
    if config.workers > 1:
        del models
        stopping.end(workers.run(config, listening), STOPPED)
    stopping.end(server.run(config, models, listening), STOPPED)


def token_of(token: str | None, file: Path | None) -> str | None:
    """The token, from itself or from a file. Raises UsageError."""
    if file is not None:
        if token is not None:
            raise UsageError("--token and --token-file were both given, or EDGECNN_TOKEN is set: give one")
        token = _read(file)
    if token is not None and not (token.isascii() and token.isprintable() and token and " " not in token):
        raise UsageError("the token is empty, or has spaces or characters that HTTP does not take: choose another")
    return token


def _read(file: Path) -> str:
    try:
        with file.open(encoding="ascii") as opened:
            return opened.read(TOKEN_BYTES).strip()
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not plain text"
        raise UsageError(f"{file}: the token cannot be read: {reason}; check --token-file") from None


def _require_packages() -> None:
    for name in ("starlette", "uvicorn", "httptools", "uvloop", "prometheus_client", "python_multipart"):
        try:
            __import__(name)
        except ImportError:
            raise MissingDependencyError(name, "serve", "serving") from None


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _greet(config: Config, models: "Models", address: str) -> None:
    for model in models:
        for note in model.classifier.notes:
            say(f"note: {note}")
    if config.token is None and not config.is_loopback:
        say(f"warning: {config.host} can be reached from other machines, and there is no --token: anyone can ask")
    say(f"serving {', '.join(model.name for model in models)} at {address} (process {os.getpid()}; Ctrl-C stops it)")
