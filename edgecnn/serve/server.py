"""Runs one process of the service: its sockets, its signals, and its end."""

import asyncio
import gc
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
import uvloop

from edgecnn.errors import EdgecnnError, OutputError, UsageError
from edgecnn.processes import stopping
from edgecnn.serve import log
from edgecnn.serve.app import Service
from edgecnn.serve.bodies import Bodies
from edgecnn.serve.config import Config
from edgecnn.serve.connection import Connection
from edgecnn.serve.front import Front
from edgecnn.serve.immediate import Immediate
from edgecnn.serve.metrics import Metrics
from edgecnn.serve.models import Models
from edgecnn.serve.notes import Notes
from edgecnn.serve.turn import Turn
from edgecnn.serve.workshop import Workshop

BACKLOG = 2048  # connections that the kernel keeps until they are accepted
IDLE_SECONDS = 5  # for which a connection is kept after an answer
LINGER = 0.2  # seconds in which those who have not heard that the service stops still get an answer


class Server(uvicorn.Server):
    """uvicorn with our signals: SIGINT and SIGTERM answer what is in flight and end, SIGHUP opens the models anew."""

    def __init__(self, config: Config, models: Models) -> None:
        self._told, self._models, self.signal = config, models, 0
        self._metrics = Metrics()
        bodies = Bodies(config.max_body)
        self._workshop = Workshop(config.batch_window_us, self._metrics.ran)
        service = Service(models, self._workshop, bodies, self._metrics)
        notes = Notes(self._metrics, config.log)
        immediate = Immediate(service.inference, bodies, Turn(config.queue, notes))
        self.front = Front(service.router(), immediate, config, bodies, notes, self._metrics)
        self._metrics.serves(models)
        super().__init__(_uvicorn_config(config, self.front))
        self._load(config)

    def _load(self, config: Config) -> None:
        try:
            self.config.load()
        except OSError as error:  # as ssl's errors are
            raise UsageError(
                f"{config.certificate} and {config.key} are not a certificate and its key ({error.strerror or error}): "
                "check --certificate and --key, PEM files"
            ) from None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        ours = stopping.SIGNALS if threading.current_thread() is threading.main_thread() else ()
        loop = asyncio.get_running_loop()
        for number in ours:
            if signal.getsignal(number) != signal.SIG_IGN:
                loop.add_signal_handler(number, self._heard, number)
        yield

    def _heard(self, number: int) -> None:
        if number == signal.SIGHUP:
            self._task = asyncio.get_running_loop().create_task(self.reload())
        else:
            self._stop(number)

    def _stop(self, number: int) -> None:
        if self.signal:  # a second one: whatever is in flight is given up
            self.should_exit = self.force_exit = True
            return
        self.signal, self.front.stopping = number, True
        log.write(event="stopping", signal=signal.Signals(number).name)
        self._task = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        """Answer what is in flight, and new requests with 503, before the listening socket closes."""
        await asyncio.sleep(LINGER)
        deadline = asyncio.get_running_loop().time() + self._told.timeout
        while self.server_state.tasks and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        self.should_exit = True

    async def reload(self) -> None:
        """Open the models anew in a thread, and serve them if all of them are fit to take their places."""
        try:
            self._models.replace(await self._workshop.in_thread(self._models.reopened))
        except EdgecnnError as error:
            self._metrics.reloads.labels("refused").inc()
            log.write(event="reload refused", reason=str(error))
            return
        self._metrics.reloads.labels("done").inc()
        self._metrics.serves(self._models)
        log.write(event="reloaded", models={model.name: model.version for model in self._models})


def _uvicorn_config(config: Config, front: Front) -> uvicorn.Config:
    # Not Granian, whose published figures are better: it owns its processes and signals, so that SIGHUP would replace
    # a process instead of a model, and it has no place for the bounds of connection.py.
    named: dict[str, Any] = {"http": Connection, "ws": "none", "lifespan": "off", "interface": "asgi3"}
    return uvicorn.Config(
        front,
        **named,
        loop="uvloop",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=1,
        ssl_certfile=config.certificate,
        ssl_keyfile=config.key,
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises OutputError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.create_server(address, family=family, backlog=BACKLOG)
    except OSError as error:
        raise OutputError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another --host or --port"
        ) from None
    listening.set_inheritable(True)
    return listening


def run(config: Config, models: Models, listening: socket.socket) -> int:
    """Serve until a signal comes. Returns its number."""
    log.quiet_uvicorn()
    server = Server(config, models)
    gc.freeze()  # what is here stays: no collection need look at it
    with stopping.handled_by(lambda _: None):  # until the loop takes them over
        uvloop.run(server.serve([listening]))
    return server.signal


def address(listening: socket.socket, config: Config) -> str:
    """Where the service is, as a browser takes it."""
    host, port = listening.getsockname()[:2]
    return f"{config.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
