"""Whether networks of others are served right, or refused with a cure: [NETWORK ...] [--again | --quantize]

Each network is made by a script, trained briefly where accuracy is to mean something, and given to edgecnn as a file.
How its pixels become its input is known to its maker, and not told. The answers are compared with the network's own, on
some 1,000 test images. Where edgecnn asks or comes near only, it is then told by `--preprocess`. Each row is saved when
it is known. Without names, the networks are judged that have no row yet, or with `--again` all of them. With
`--quantize`, `export --quantize` is judged instead, for those of QUANTIZED, by a timing of our own.
"""

import json
from collections.abc import Callable, Sequence

from benchmarks.lib import paths
from benchmarks.lib.results import Row, read_result, replace_row, timed_here
from benchmarks.third_party import (
    keras_inputs,
    keras_layers,
    keras_outputs,
    keras_recurrent,
    onnx_forms,
    onnx_odd,
    tables,
)
from benchmarks.third_party.faster import judge_quantized
from benchmarks.third_party.judging import judge
from benchmarks.third_party.making import make
from benchmarks.third_party.network import Network

RESULTS = paths.RESULTS / "third_party.json"
GROUPS = {
    "Keras: what they take": keras_inputs.NETWORKS,
    "Keras: recurrent": keras_recurrent.NETWORKS,
    "Keras: what they are made of": keras_layers.NETWORKS,
    "Keras: what they return, types and files": keras_outputs.NETWORKS,
    "ONNX: forms of other tools": onnx_forms.NETWORKS,
    "ONNX: quantized, and what is unlike a classifier": onnx_odd.NETWORKS,
}
NETWORKS = {name: network for group in GROUPS.values() for name, network in group.items()}
QUANTIZED = (
    *("sequential", "quickstart", "large-color", "color-caffe", "rescaling-nested", "separable", "grouped"),
    *("batch-normalizations", "vision-transformer", "squeeze-and-excite", "residual", "inception", "densely-connected"),
    *("inverted-residuals", "global-pools", "transposed", "tf2onnx", "torch-to-tensor", "torch-imagenet"),
)


def main(arguments: Sequence[str]) -> None:
    quantized = "--quantize" in arguments
    rows, judged = ("quantized", judge_quantized) if quantized else ("networks", judge)
    every = QUANTIZED if quantized else tuple(NETWORKS)
    known = {row["name"] for row in read_result(RESULTS).get(rows, [])}
    left = [name for name in every if "--again" in arguments or name not in known]
    for name in [item for item in arguments if not item.startswith("--")] or left:
        row = row_of(NETWORKS[name], judged)
        replace_row(RESULTS, rows, timed_here(row), ["name"], _order)
        print(json.dumps(row, ensure_ascii=False), flush=True)


def _order(row: Row) -> int:
    return list(NETWORKS).index(row["name"])


def row_of(network: Network, judged: Callable[[Network], Row]) -> Row:
    """Make the network unless it exists, and judge it."""
    if not network.file.exists():
        make(network)
    return {"name": network.name, "about": network.about, "form": network.form, **judged(network)}


def table() -> str:
    """How many networks of each group come out right."""
    return tables.summary(read_result(RESULTS), GROUPS)


def refused_table() -> str:
    """What is said of the networks that are not served as they are."""
    return tables.refused(read_result(RESULTS))


def quantized_table() -> str:
    """What `export --quantize` ships for trained networks, with its speed-up and loss."""
    return tables.quantized(read_result(RESULTS))
