"""Compare `edgecnn serve` with a bare route of the same server: [--seconds S] [--requests N] [--model NAME] [--keep]

By turns: a Starlette route that returns a constant, one image through the Open Inference Protocol as bytes, the same
as JSON, and a PNG through /v1/classify, each with 1, 8 and 64 connections; and onnxruntime alone in a loop. Then the
memory after many requests; what half of the highest rate and twice of it do; the service beside one that joins
requests to batches; and a request while 10,000 connections are idle. Writes benchmarks/results/serve.json, unless
`--keep` is given. Takes 5 minutes. Close other programs first.
"""

import argparse
import json
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
from PIL import Image

from benchmarks.lib import load, markdown, paths
from benchmarks.lib.load import Load, post
from benchmarks.lib.results import Row, read_result, update_result
from edgecnn.data import load as load_data
from edgecnn.host.machine import this_host
from edgecnn.runtime.classifier import Classifier

RESULTS = paths.RESULTS / "serve.json"
CONNECTIONS = (1, 8, 64)
ROUNDS = 5
WINDOW = 500  # microseconds for which requests are waited for, to be one batch
IDLE = 10_000  # connections that ask nothing
MANY = 256  # connections of the load at a fixed rate
WARM_UP = 2000  # requests before memory is read
BARE = """\
import socket, sys
import uvicorn, uvloop
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
async def constant(request):
    await request.body()
    return Response(b"x" * 40, media_type="application/octet-stream")
listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
print(f"at http://127.0.0.1:{listening.getsockname()[1]} ", file=sys.stderr, flush=True)
app = Starlette(routes=[Route("/", constant, methods=["POST"])])
config = uvicorn.Config(app, http="httptools", loop="uvloop", log_config=None, access_log=False, lifespan="off")
uvloop.run(uvicorn.Server(config).serve([listening]))
"""


def main(arguments: Sequence[str]) -> None:
    told = _parse(arguments)
    requests = _requests(told.model)
    with ExitStack() as stack:
        bare, _ = stack.enter_context(_started([sys.executable, "-c", BARE]))
        serve = [sys.executable, "-m", "edgecnn", "serve", told.model, "--port", "0"]
        # A connection's next request may come before its last one is counted as done: there is room for twice as many.
        port, process = stack.enter_context(_started([*serve, "--queue", str(2 * max(CONNECTIONS))]))
        ports = {"bare": bare, **dict.fromkeys(requests, port)}
        requests["bare"] = post("/", requests["v2 bytes"].partition(load.HEAD_END)[2], {})
        loads = _interleaved(ports, requests, told.seconds)
        alone = _alone(told.model, told.seconds)
        memory = _memory(port, process, requests["v2 bytes"], told.requests)
    with _started(serve) as (port, _):  # with as long a queue as users have
        over = _overload(port, requests["v2 bytes"], told.seconds)
        idle = _idle(port, requests["v2 bytes"], told.seconds)
    batches = _batches(serve, requests["v2 bytes"], told.seconds)
    measured = {"loads": loads, "onnxruntime_alone_us": alone, "memory": memory, "overload": over}
    _store(told, {**measured, "idle": idle, "batches": batches})


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks serve", description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each measurement")
    parser.add_argument("--requests", type=int, default=100_000, help="between two readings of memory")
    parser.add_argument("--model", default="edge")
    parser.add_argument("--keep", action="store_true", help="print, and write nothing")
    return parser.parse_args(arguments)


def _requests(model: str) -> dict[str, bytes]:
    image = load_data().test.images[:1]
    name = Classifier(model).input_name
    tensor: dict[str, Any] = {"name": name, "shape": [1, 28, 28], "datatype": "UINT8"}
    sized = {**tensor, "parameters": {"binary_data_size": image.nbytes}}
    head = json.dumps({"inputs": [sized], "parameters": {"binary_data_output": True}}).encode()
    listed = json.dumps({"inputs": [{**tensor, "data": image.ravel().tolist()}]}).encode()
    png = BytesIO()
    Image.fromarray(image[0]).save(png, "PNG")
    infer, length = f"/v2/models/{model}/infer", {"Inference-Header-Content-Length": str(len(head))}
    return {
        "v2 bytes": post(infer, head + image.tobytes(), length),
        "v2 JSON": post(infer, listed, {"Content-Type": "application/json"}),
        "PNG": post("/v1/classify", png.getvalue(), {"Content-Type": "image/png"}),
    }


@contextmanager
def _started(command: list[str]) -> Iterator[tuple[int, psutil.Process]]:
    """The port and the process of a service, whose log is written as it would be, to a file."""
    with tempfile.NamedTemporaryFile("w+") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            yield _port(Path(log.name), process), psutil.Process(process.pid)
        finally:
            process.kill()


def _port(log: Path, process: subprocess.Popen[bytes]) -> int:
    while process.poll() is None:
        if found := re.search(r"at http://127\.0\.0\.1:(\d+) ", log.read_text()):
            return int(found[1])
        time.sleep(0.02)
    raise SystemExit(f"the service did not start: {log.read_text()}")


def _interleaved(ports: dict[str, int], requests: dict[str, bytes], seconds: float) -> list[dict[str, Any]]:
    """A row for each way and number of connections; its figures are medians of rounds, as ratios are."""
    rows = []
    for connections in CONNECTIONS:
        rounds = [
            {name: load.closed(ports[name], requests[name], connections, seconds) for name in ports}
            for _ in range(ROUNDS)
        ]
        whole = [found for found in rounds if all(one.accepted for one in found.values())]  # a busy machine may stall
        rows += [_row(name, connections, whole) for name in ports]
    return rows


def _row(name: str, connections: int, rounds: list[dict[str, Load]]) -> dict[str, Any]:
    own = [found[name] for found in rounds]
    bare = [found["bare"] for found in rounds]
    assert all(list(found.seconds) == [200] for found in own), [list(found.seconds) for found in own]
    p50 = [median(found.accepted) for found in own]
    return {
        "name": name,
        "connections": connections,
        "rate": median(found.rate for found in own),
        "p50_us": 1e6 * median(p50),
        "p99_us": 1e6 * median(_p99(found.accepted) for found in own),
        "p50_over_bare": median(ours / median(theirs.accepted) for ours, theirs in zip(p50, bare, strict=True)),
        "rate_over_bare": median(ours.rate / theirs.rate for ours, theirs in zip(own, bare, strict=True)),
    }


def _p99(seconds: list[float]) -> float:
    return float(np.percentile(seconds, 99))


def _alone(model: str, seconds: float) -> float:
    classifier = Classifier(model)
    batch = classifier.input.prepare(np.zeros((1, 28, 28), np.uint8))
    times = []
    end = time.perf_counter() + seconds
    while (started := time.perf_counter()) < end:
        classifier.run(batch)
        times.append(time.perf_counter() - started)
    return 1e6 * median(times)


def _memory(port: int, process: psutil.Process, request: bytes, requests: int) -> dict[str, float]:
    """Resident memory in MiB after a warm-up, and what more it is after many requests."""

    def after(number: int) -> float:
        while number > 0:
            number -= len(load.closed(port, request, 8, 1.0).accepted)
        return float(process.memory_info().rss) / 2**20

    first = after(WARM_UP)
    return {"mib": first, "requests": requests, "growth_mib": after(requests) - first}


def _idle(port: int, request: bytes, seconds: float) -> dict[str, float]:
    """The median time of a request without and with idle connections, in microseconds, by turns."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    p50 = {"without": 0.0, "with": 0.0}
    with ExitStack() as stack:
        for name in p50:
            p50[name] = 1e6 * median(load.closed(port, request, 1, seconds).accepted)
            for _ in range(IDLE if name == "without" else 0):
                stack.enter_context(socket.create_connection(("127.0.0.1", port)))
    return {"connections": IDLE, **{f"{name}_p50_us": value for name, value in p50.items()}}


def _batches(serve: list[str], request: bytes, seconds: float) -> list[dict[str, float]]:
    """How many times as many requests are answered a second where they are joined to batches, by connections."""
    with _started([*serve, "--queue", "128"]) as (alone, _), ExitStack() as stack:
        joined, _ = stack.enter_context(_started([*serve, "--queue", "128", "--batch-window-us", str(WINDOW)]))
        rows = []
        for connections in CONNECTIONS:
            rates = [[load.closed(port, request, connections, seconds).rate for port in (alone, joined)] for _ in "123"]
            gain = median(with_batches / without for without, with_batches in rates)
            rows.append({"connections": connections, "window_us": WINDOW, "rate_over_alone": gain})
    return rows


def _overload(port: int, request: bytes, seconds: float) -> dict[str, Any]:
    """Half of the highest rate, twice of it, and half again."""
    highest = load.closed(port, request, 8, seconds).rate
    found = {
        name: load.at_rate(port, request, factor * highest, MANY, 2 * seconds)
        for name, factor in (("half", 0.5), ("twice", 2.0), ("half again", 0.5))
    }
    return {"highest_rate": highest, **{name: _summary(result) for name, result in found.items()}}


def _summary(found: Load) -> dict[str, Any]:
    everything = [seconds for answers in found.seconds.values() for seconds in answers]
    return {
        "answers": {str(status): len(answers) for status, answers in found.seconds.items()},
        "unanswered": found.unanswered,
        "accepted_p50_us": 1e6 * median(found.accepted),
        "accepted_p99_us": 1e6 * _p99(found.accepted),
        "longest_s": max(everything),
    }


def _store(told: argparse.Namespace, measured: dict[str, Any]) -> None:
    host = this_host()
    print(json.dumps(measured, indent=2))
    if not told.keep:
        update_result(
            RESULTS, host=str(host), versions=host.versions, model=told.model, seconds=told.seconds, **measured
        )


def table() -> str:
    """The results in `serve.json`, as a Markdown table."""
    found = read_result(RESULTS)
    headings = ["request, connections", "a second", "p50 µs", "p99 µs", "p50 ÷ bare", "rate ÷ bare"]
    return markdown.table(headings, map(_cells, found["loads"]), _notes(found))


def _cells(row: Row) -> list[str]:
    whole = [f"{row[key]:,.0f}" for key in ("rate", "p50_us", "p99_us")]
    ratios = [f"{row[key]:.2f}" for key in ("p50_over_bare", "rate_over_bare")]
    return [f"{row['name']}, {row['connections']}", *whole, *ratios]


def _notes(found: Row) -> Iterator[str]:
    twice, memory, idle = found["overload"]["twice"], found["memory"], found["idle"]
    answered, alone = sum(twice["answers"].values()), found["onnxruntime_alone_us"]
    yield f"{found['host']}, which runs the load as well; `{found['model']}` alone takes {alone:.0f} µs"
    yield f"at twice the highest rate, {answered:,} requests are answered or refused, {twice['unanswered']} are not"
    yield f"the last of these is answered after {twice['longest_s']:.2f} s"
    yield f"memory grows by {memory['growth_mib']:.1f} MiB over {memory['requests']:,} requests"
    with_idle, without = f"{idle['with_p50_us']:.0f}", f"{idle['without_p50_us']:.0f}"
    yield f"p50 is {with_idle} µs beside {idle['connections']:,} idle connections, and {without} µs without them"
    gains = ", ".join(f"{row['rate_over_alone']:.2f} with {row['connections']}" for row in found["batches"])
    yield f"rate with `--batch-window-us {WINDOW}` ÷ rate without it: {gains} connections"
