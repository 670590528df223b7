"""edgecnn serve."""

from pathlib import Path
from typing import Annotated

import typer

from edgecnn import streams
from edgecnn.commands import options as opt
from edgecnn.commands.options import DEFAULT_MODEL
from edgecnn.serve.defaults import HOST, MAX_BODY, PORT, QUEUE, TIMEOUT

Models = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[MODEL]...",
        help="Model folders, .onnx files or names of shipped models. NAME=MODEL serves one under another name. "
        + DEFAULT_MODEL,
        show_default=False,
    ),
]
Host = Annotated[str, typer.Option(metavar="ADDRESS", help="Listen on this address. 0.0.0.0: on all of them.")]
Port = Annotated[int, typer.Option(min=0, max=65_535, metavar="N", help="Listen on this port. 0: on any free one.")]
Workers = Annotated[int, typer.Option(min=1, max=64, metavar="N", help="Serve by N processes.")]
Token = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        envvar="EDGECNN_TOKEN",
        show_default=False,
        help="Answer only requests with 'Authorization: Bearer TEXT'. Other users of this machine see arguments: "
        "rather use the variable or a file.",
    ),
]
TokenFile = Annotated[
    Path | None, typer.Option(metavar="F", show_default=False, help="Read the token from the file F.")
]
MaxBody = Annotated[int, typer.Option(min=1024, max=2**30, metavar="BYTES", help="Refuse larger bodies with 413.")]
Timeout = Annotated[
    float, typer.Option(min=0.1, max=3600, metavar="S", help="Wait S seconds for headers, and for a body.")
]
Queue = Annotated[
    int, typer.Option(min=1, max=10_000, metavar="N", help="Work on N requests at once, and refuse more with 503.")
]
BatchWindow = Annotated[
    int,
    typer.Option(
        "--batch-window-us",
        min=0,
        max=1_000_000,
        metavar="US",
        help="Wait US microseconds for requests to run as one batch. It costs latency.",
    ),
]
Certificate = Annotated[
    Path | None, typer.Option(metavar="F", show_default=False, help="Speak TLS with this certificate, a PEM file.")
]
Key = Annotated[Path | None, typer.Option(metavar="F", show_default=False, help="The certificate's key, a PEM file.")]
NoLog = Annotated[bool, typer.Option("--quiet", help="Log events only, not requests.")]
PrintSystemd = Annotated[
    bool, typer.Option("--print-systemd", help="Print a systemd unit for this machine, and serve nothing.")
]


def serve(
    models: Models = None,
    host: Host = HOST,
    port: Port = PORT,
    workers: Workers = 1,
    token: Token = None,
    token_file: TokenFile = None,
    max_body: MaxBody = MAX_BODY,
    timeout: Timeout = TIMEOUT,
    queue: Queue = QUEUE,
    batch_window_us: BatchWindow = 0,
    certificate: Certificate = None,
    key: Key = None,
    quiet: NoLog = False,
    print_systemd: PrintSystemd = False,
) -> None:
    """Label pictures for others, over HTTP.

    It takes pictures, and tensors by the Open Inference Protocol. SIGHUP opens the models anew. /docs describes the
    addresses, /metrics counts.
    """
    from edgecnn.serve.command import run, token_of
    from edgecnn.serve.config import Config

    config = Config(
        tuple(models or [opt.default_model()]),
        host=host,
        port=port,
        workers=workers,
        token=token_of(token, token_file),
        max_body=max_body,
        timeout=timeout,
        queue=queue,
        batch_window_us=batch_window_us,
        certificate=certificate,
        key=key,
        log=not quiet,
    )
    if print_systemd:
        from edgecnn.serve.systemd import unit

        streams.print_data(unit(config))
        return
    run(config)
