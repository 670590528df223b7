"""Connects to a scheduler whose workers all have this version of edgecnn, and says what is wrong with any other."""

import logging
import socket
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from edgecnn.cluster.address import parse
from edgecnn.errors import EdgecnnError, MissingDependencyError

if TYPE_CHECKING:
    from distributed import Client

PACKAGE = "edgecnn"
REACH_SECONDS = 5.0  # for a connection, which a device in the same network opens in milliseconds
ANSWER_SECONDS = 15.0  # for the first words of a scheduler, also of a busy one
TLS_ADVICE = "set distributed.comm.tls in Dask's configuration, as docs/cluster.md shows"


@dataclass(frozen=True)
class Worker:
    """A process that takes work. `host` is the address of its device, and `name` what its user called it."""

    address: str
    host: str
    name: str
    threads: int

    def __str__(self) -> str:
        return self.address if self.name == self.address else f"{self.name} ({self.address})"


class Cluster:
    """An open connection to a scheduler."""

    def __init__(self, client: "Client", address: str) -> None:
        self.client, self.address = client, address

    def workers(self) -> dict[str, Worker]:
        """The workers that are there now, by their addresses. Raises EdgecnnError if the scheduler is gone."""
        with self.telling_what_is_lost():
            found: Mapping[str, Any] = self.client.scheduler_info(n_workers=-1)["workers"]
        return {
            address: Worker(address, item["host"], str(item["name"]), item["nthreads"])
            for address, item in sorted(found.items())
        }

    @contextmanager
    def telling_what_is_lost(self) -> Iterator[None]:
        """Raise EdgecnnError for what Dask raises when the scheduler is gone. The body must do nothing but ask Dask."""
        from concurrent.futures import CancelledError as Abandoned

        from distributed import CancelledError
        from distributed.client import ClosedClientError

        try:
            yield
        except (CancelledError, Abandoned, ClosedClientError, OSError, TimeoutError):
            raise EdgecnnError(
                f"the scheduler at {self.address} is gone or was restarted: start it and its workers again, "
                "then run the command again (predict continues with --resume)"
            ) from None


def require_address(address: str) -> tuple[str, int]:
    """The host and the port of a scheduler's address. Raises UsageError, and MissingDependencyError without Dask."""
    found = parse(address)
    if find_spec("distributed") is None:
        raise MissingDependencyError("distributed", "cluster", "--cluster")
    return found


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """Connect to a scheduler. TLS and all else is set by Dask's own configuration.

    Raises UsageError if `address` is not one, MissingDependencyError without Dask, and EdgecnnError if no scheduler
    answers there, if it has no workers, or if one of them lacks edgecnn or has another version of it.
    """
    host, port = require_address(address)
    _require_open(address, host, port)
    with _silence(), _client(address) as client:
        cluster = Cluster(client, address)
        _require_workers(cluster)
        _require_same_version(cluster)
        yield cluster


def _require_open(address: str, host: str, port: int) -> None:
    """Dask itself would try again for half a minute."""
    try:
        socket.create_connection((host, port), REACH_SECONDS).close()
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that no host can have
        raise EdgecnnError(
            f"no scheduler answers at {address} ({getattr(error, 'strerror', None) or error}): "
            "start one with 'dask scheduler', or give its address"
        ) from None


@contextmanager
def _silence() -> Iterator[None]:
    """What Dask logs of lost connections and other versions is said in our own lines, or is not for this user."""
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


@contextmanager
def _client(address: str) -> Iterator["Client"]:
    from distributed import Client

    _require_certificates(address)
    try:
        client = Client(address, timeout=ANSWER_SECONDS, set_as_default=False, name=PACKAGE)
    except (OSError, TimeoutError, ValueError, RuntimeError):
        raise EdgecnnError(
            f"what answers at {address} is not a scheduler that this Dask can speak to: give the scheduler's address, "
            "with tls:// if it takes nothing else, and with certificates that it trusts, and install the same version "
            "of distributed everywhere"
        ) from None
    try:
        with client.as_current():  # whom Dask's functions ask
            yield client
    finally:
        with suppress(Exception):  # whatever is wrong with the connection has been said
            client.close(timeout=1)


def _require_certificates(address: str) -> None:
    """Dask itself would tell of a missing one half a minute later, and of its own objects."""
    from distributed.security import Security

    try:
        context = Security().get_connection_args("client")["ssl_context"]
    except (OSError, ValueError) as error:  # files that are not there, or hold something else
        raise EdgecnnError(f"cannot read the certificates for {address} ({error}): {TLS_ADVICE}") from None
    if address.startswith("tls:") and context is None:
        raise EdgecnnError(f"{address} can only be opened with certificates, and none are set: {TLS_ADVICE}")


def _require_workers(cluster: Cluster) -> None:
    if not cluster.workers():
        raise EdgecnnError(
            f"the scheduler at {cluster.address} has no workers: start one on each device with "
            f"'dask worker {cluster.address}'"
        )


def own_version() -> str:
    """This edgecnn's version; "unknown" if it is not installed."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "unknown"


def _require_same_version(cluster: Cluster) -> None:
    """Workers are asked by a function of Python's own, which also those can run that have no edgecnn."""
    with cluster.telling_what_is_lost():
        found: Mapping[str, Any] = cluster.client.run(version, PACKAGE, on_error="return")
    workers, ours = cluster.workers(), own_version()
    for address, theirs in sorted(found.items()):
        if theirs != ours:
            raise EdgecnnError(_other_version(str(workers.get(address, address)), theirs, ours))


def _other_version(worker: str, theirs: object, ours: str) -> str:
    if isinstance(theirs, PackageNotFoundError):
        return f"the worker {worker} has no edgecnn: install edgecnn {ours} on its device, and start it again"
    if isinstance(theirs, Exception):
        return f"the worker {worker} does not answer ({theirs or type(theirs).__name__}): end it, or start it again"
    return (
        f"the worker {worker} has edgecnn {theirs}, and this is edgecnn {ours}: install the same version on both, "
        "and start the worker again"
    )
