"""[onnx] Merges Transposes, biases and factors into matrix products."""

import math

import numpy as np

from edgecnn.graph.elimination.shapes import is_flatten, sizes_known
from edgecnn.graph.graph import TO_NHWC, Graph, attributes


def transposed_flatten_to_gemm(graph: Graph) -> bool:
    """Remove a Transpose to NHWC before a Flatten and a matrix product, by reordering the rows of the weights.

    Returns whether there was one.
    """
    for transpose in graph.nodes:
        if transpose.op_type != "Transpose" or attributes(transpose).get("perm") != TO_NHWC:
            continue
        flatten = graph.only_consumer(transpose)
        product = flatten and is_flatten(graph, flatten) and graph.only_consumer(flatten)
        shape = sizes_known(graph.shapes(2).get(transpose.output[0], ())[1:])
        if not product or product.op_type not in ("MatMul", "Gemm") or not shape:
            continue
        weights = graph.constant(product.input[1])
        transposed = product.op_type == "Gemm" and attributes(product).get("transB")
        if weights is None or weights.ndim != 2 or transposed or weights.shape[0] != math.prod(shape):
            continue
        rows = weights.reshape(*shape, -1).transpose(2, 0, 1, 3).reshape(weights.shape)
        product.input[1] = graph.add_constant(rows)
        graph.bypass(transpose, transpose.input[0])
        return True
    return False


def matmul_to_gemm(graph: Graph) -> bool:
    """Replace a MatMul with constant 2-D weights by a Gemm, which can hold a bias. Returns whether there was one."""
    for node in graph.nodes:
        if node.op_type != "MatMul":
            continue
        weights, rank = graph.constant(node.input[1]), len(graph.shapes(2).get(node.input[0], ()))
        if weights is None or weights.ndim != 2 or rank != 2:
            continue
        graph.replace(node, "Gemm", list(node.input))
        return True
    return False


def bias_to_gemm(graph: Graph) -> bool:
    """Merge a constant added to the result of a Gemm into the Gemm as its bias. Returns whether there was one."""
    for node in graph.nodes:
        add = graph.only_consumer(node) if node.op_type == "Gemm" and len(node.input) == 2 else None
        if add is None or add.op_type != "Add":
            continue
        name = add.input[1] if add.input[0] == node.output[0] else add.input[0]
        bias, weights = graph.constant(name), graph.constant(node.input[1])
        if bias is None or weights is None or bias.size not in (1, weights.shape[-1]) or bias.size != bias.shape[-1]:
            continue
        node.input.append(graph.add_constant(np.broadcast_to(bias.reshape(-1), weights.shape[-1:])))
        graph.bypass(add, node.output[0])
        return True
    return False


def plain_gemm(graph: Graph) -> bool:
    """Merge a Gemm's factors and transposition into its constants, because onnxruntime's quantizer ignores factors.

    Returns whether there was such a Gemm.
    """
    for node in graph.nodes:
        values = attributes(node) if node.op_type == "Gemm" else {}
        alpha, beta, turned = values.get("alpha", 1.0), values.get("beta", 1.0), values.get("transB", 0)
        constants = [graph.constant(name) for name in node.input[1:]]
        if (alpha, beta, turned) == (1, 1, 0) or values.get("transA") or any(value is None for value in constants):
            continue
        weights, *bias = (value for value in constants if value is not None)
        scaled = [alpha * (weights.T if turned else weights), *(beta * value for value in bias)]
        names = [graph.add_constant(value.astype(weights.dtype)) for value in scaled]
        graph.replace(node, "Gemm", [node.input[0], *names])
        return True
    return False
