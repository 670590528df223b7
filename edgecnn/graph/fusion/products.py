"""[onnx] Merges Transposes, biases and factors into matrix products."""

import math
from typing import Any

import numpy as np

from edgecnn.graph.elimination.shapes import is_flatten, sizes_known
from edgecnn.graph.graph import TO_NHWC, Graph, attributes


def transposed_flatten_to_gemm(graph: Graph, transpose: Any) -> bool:
    """Remove a Transpose to NHWC before a Flatten and a matrix product, by reordering the rows of the weights."""
    if transpose.op_type != "Transpose" or attributes(transpose).get("perm") != TO_NHWC:
        return False
    flatten = graph.only_consumer(transpose)
    product = graph.only_consumer(flatten) if flatten is not None and is_flatten(graph, flatten) else None
    shape = sizes_known(graph.shapes(2).get(transpose.output[0], ())[1:])
    if product is None or not shape or not _multiplies_rows(graph, product, math.prod(shape)):
        return False
    weights = graph.constant(product.input[1])
    assert weights is not None
    rows = weights.reshape(*shape, -1).transpose(2, 0, 1, 3).reshape(weights.shape)
    graph.set_input(product, 1, graph.add_constant(rows))
    graph.bypass(transpose, transpose.input[0])
    return True


def _multiplies_rows(graph: Graph, product: Any, rows: int) -> bool:
    """Whether a node multiplies its first input by constant weights of so many rows."""
    if product.op_type not in ("MatMul", "Gemm"):
        return False
    dims, values = graph.dims(product.input[1]), attributes(product)
    turned = values.get("transA") or values.get("transB")
    return dims is not None and len(dims) == 2 and dims[0] == rows and not turned


def matmul_to_gemm(graph: Graph, node: Any) -> bool:
    """Replace a MatMul with constant 2-D weights by a Gemm, which can hold a bias."""
    if node.op_type != "MatMul" or len(graph.dims(node.input[1]) or ()) != 2:
        return False
    if len(graph.shapes(2).get(node.input[0], ())) != 2:
        return False
    graph.replace(node, "Gemm", list(node.input))
    return True


def bias_to_gemm(graph: Graph, node: Any) -> bool:
    """Merge a constant added to the result of a Gemm into the Gemm as its bias."""
    add = graph.only_consumer(node) if node.op_type == "Gemm" and len(node.input) == 2 else None
    if add is None or add.op_type != "Add":
        return False
    name = add.input[1] if add.input[0] == node.output[0] else add.input[0]
    bias, dims = graph.constant(name), graph.dims(node.input[1])
    if bias is None or dims is None or bias.size not in (1, dims[-1]) or bias.size != bias.shape[-1]:
        return False
    graph.set_input(node, 2, graph.add_constant(np.broadcast_to(bias.reshape(-1), dims[-1:])))
    graph.bypass(add, node.output[0])
    return True


def plain_gemm(graph: Graph, node: Any) -> bool:
    """Merge a Gemm's factors and transposition into its constants, because onnxruntime's quantizer ignores factors."""
    values = attributes(node) if node.op_type == "Gemm" else {}
    alpha, beta, turned = values.get("alpha", 1.0), values.get("beta", 1.0), values.get("transB", 0)
    if (alpha, beta, turned) == (1, 1, 0) or values.get("transA"):
        return False
    constants = [graph.constant(name) for name in node.input[1:]]
    if any(value is None for value in constants):
        return False
    weights, *bias = (value for value in constants if value is not None)
    scaled = [alpha * (weights.T if turned else weights), *(beta * value for value in bias)]
    names = [graph.add_constant(value.astype(weights.dtype)) for value in scaled]
    graph.replace(node, "Gemm", [node.input[0], *names])
    return True
