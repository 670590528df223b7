"""edgecnn info."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgecnn import console, streams
from edgecnn.commands import options as opt
from edgecnn.streams import put

if TYPE_CHECKING:
    from edgecnn.graph.coverage import Coverage
    from edgecnn.graph.fast_paths import Judged
    from edgecnn.info import ModelInfo

FastPaths = Annotated[
    bool,
    typer.Option(
        "--fast-paths", help="Say which convolutions have a fast int8 path in onnxruntime, on x86-64 and on arm64."
    ),
]


def info(model: opt.Model, fast_paths: FastPaths = False, as_json: opt.Json = False) -> None:
    """Describe a model: input, operators, size, precision.

    Of a quantized file, it also says what runs in int8 on this machine.
    """
    from edgecnn.info import inspect

    described = inspect(model, fast_paths=fast_paths)
    if as_json:
        streams.print_json([{**asdict(item), "path": str(item.path)} for item in described])
        return
    for item in described:
        _print(item)


def _print(item: "ModelInfo") -> None:
    graph = item.graph
    macs = f"{graph['macs']:,} multiply-accumulates an image" if graph["macs"] is not None else "open shapes"
    put(f"{item.path}: {item.precision}, {item.bytes:,} bytes")
    if item.chosen:
        put(f"  runs here       {item.chosen}")
    put(f"  input           {item.input}")
    put(f"  pixels          {item.pixels}")
    put(f"  output          {item.output}")
    put(f"  labels          {', '.join(item.labels[:20])}{', …' if len(item.labels) > 20 else ''}")
    put(f"  format          opset {graph['opset']}, IR version {graph['ir_version']}")
    put(f"  operators       {', '.join(f'{count} {op}' for op, count in graph['operators'].items())}")
    put(f"  size            {graph['parameters']:,} parameters, {macs}")
    decision = item.metadata.get("decision")
    if isinstance(decision, dict):
        tried = f"{decision['chosen']}, of {len(decision['candidates'])} candidates and float32: {decision['reason']}"
        put(f"  {'decision':<16}{tried}")
    if "outliers" in item.metadata:
        limit = item.metadata["outliers"]["limit"]
        put(f"  {'outliers':<16}what is farther than {limit:.2f} from the training images of its label")
    for key, value in item.metadata.items():
        if key not in ("labels", "decision", "preprocessing", "outliers"):
            put(f"  {key.replace('_', ' '):<16}{_plainly(value)}")
    console.say_notes(item.notes)
    if item.coverage:
        _print_coverage(item.coverage)
    elif item.precision != "float32":
        put("  coverage        needs the onnx package: pip install 'edgecnn[quantize]'")
    _print_fast_paths(item)


def _print_fast_paths(item: "ModelInfo") -> None:
    """All that was asked for; else what an int8 file misses on this machine."""
    from edgecnn.graph.fast_paths import explain
    from edgecnn.host.machine import architecture

    if item.fast_paths is not None:
        lines = [line for judged in item.fast_paths for line in _fast_paths(judged)]
    else:
        found = item.coverage.convolutions if item.coverage else ()
        lines = [line for judged in found for line in explain(judged.on(architecture()))]
    is_int8 = item.coverage and item.coverage.convolutions
    for line in lines:
        put(f"  {'fast path' if is_int8 else 'in int8':<16}{line}")


def _fast_paths(judged: "Judged") -> list[str]:
    from edgecnn.graph.fast_paths import explain

    fast = " and ".join(verdict.architecture for verdict in judged.verdicts if verdict.fast)
    return [*([f"{judged.convolution} takes the fast path on {fast}"] if fast else []), *explain(judged)]


def _print_coverage(coverage: "Coverage") -> None:
    share = "an unknown share" if coverage.int8_macs is None else f"{coverage.int8_macs:.0%}"
    put(
        f"  coverage        {share} of the multiply-accumulates in int8, "
        f"as onnxruntime {coverage.onnxruntime} optimizes it for {coverage.machine}"
    )
    widest = max((len(node.name) for node in coverage.nodes), default=0)
    for node in coverage.nodes:
        put(f"  {'':<16}{node.name:<{widest}}  {node.operator:<21}  {node.precision}")
    for left in coverage.leftovers:
        put(f"  left over       {left.name} ({left.operator}) between {left.after} and {', '.join(left.before)}")


def _plainly(value: Any) -> str:
    """A tree of plain values as one line."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plainly(item)}" for key, item in value.items())
    return ", ".join(map(_plainly, value)) if isinstance(value, list | tuple) else str(value)
