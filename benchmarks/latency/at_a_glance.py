"""Makes the README's table: six ways to run the default network, from the results of the program quantization."""

from benchmarks.latency import quantization, quantization_table
from benchmarks.latency.quantization_table import DYNAMIC, FLOAT32, FUNCTION, LITERT, OURS, SHOWN, STATIC, Network, told
from benchmarks.lib import markdown
from edgecnn.bench.reports.numbers import NOTHING, number
from edgecnn.metrics import Accuracy

NETWORK = "edge"
WAYS = {
    FUNCTION: "TensorFlow, `tf.function`",
    FLOAT32: "ONNX float32",
    DYNAMIC: "ONNX int8, `quantize_dynamic`",
    STATIC: "ONNX int8, `quantize_static`",
    OURS: "ONNX int8, edgecnn",
    LITERT: "LiteRT int8",
}
HEADINGS = ("", "p50 µs", "compared with ONNX float32, 95 %", "test accuracy, 95 %", "file kB")


def table() -> str:
    """A Markdown table with a row per way. Raises ValueError for an unstable run: the README needs reliable figures."""
    network = quantization_table.read(quantization.RESULTS)[NETWORK]
    if network.stability_issues:
        raise ValueError(f"the run of {NETWORK} is unstable ({network.stability_issues[0]}): measure it again")
    return markdown.table(HEADINGS, [_row(network, way) for way in WAYS], [_conditions(network)])


def _row(network: Network, way: str) -> tuple[str, ...]:
    found = network.measured(way)
    if found is None:
        return (WAYS[way], *[NOTHING] * (len(HEADINGS) - 1))
    accuracy = Accuracy("test", found.correct, found.images)
    low, high = accuracy.interval
    return (
        WAYS[way],
        number(found.p50_us) or NOTHING,
        "reference" if way == FLOAT32 else _against_float32(network, way),
        f"{accuracy.value:.2%} ({100 * low:.2f}–{100 * high:.2f})",
        f"{found.file_bytes / 1000:,.0f}",
    )


def _against_float32(network: Network, way: str) -> str:
    found = network.ratio(FLOAT32, way)
    return told(found) if found else NOTHING


def _conditions(network: Network) -> str:
    versions = ", ".join(f"{name} {network.versions[name]}" for name in SHOWN[1:] if name in network.versions)
    threads = f"{network.threads} thread{'s' * (network.threads > 1)}"
    return f"{network.host}; {versions}; batch 1, {threads}, {network.rounds} interleaved rounds"
