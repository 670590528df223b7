"""[onnx] Cleans a converted graph: applies elimination and fusion patterns until none of them changes anything."""

from typing import Any

from edgecnn.graph.elimination.constants import constants_to_initializers, drop_neutral
from edgecnn.graph.elimination.folding import fold_constants, fold_shape_parts
from edgecnn.graph.elimination.reshapes import drop_same_shape, join_reshapes
from edgecnn.graph.elimination.shapes import fix_shapes, reshape_to_flatten, singleton_transpose_to_reshape
from edgecnn.graph.fusion.convolutions import affine_into_conv, nhwc_input_into_conv, scale_into_weights
from edgecnn.graph.fusion.gelu import complement_to_gelu
from edgecnn.graph.fusion.pads import pad_into_conv
from edgecnn.graph.fusion.products import bias_to_gemm, matmul_to_gemm, transposed_flatten_to_gemm
from edgecnn.graph.graph import BATCH, Graph, onnx_module, use_oldest_format
from edgecnn.graph.naming import rename
from edgecnn.graph.order import sort
from edgecnn.graph.patterns import Pattern, apply

PATTERNS: tuple[Pattern, ...] = (
    constants_to_initializers,
    drop_neutral,
    fix_shapes,
    fold_shape_parts,
    fold_constants,
    drop_same_shape,
    join_reshapes,
    complement_to_gelu,
    transposed_flatten_to_gemm,
    matmul_to_gemm,
    bias_to_gemm,
    affine_into_conv,
    scale_into_weights,
    pad_into_conv,
    reshape_to_flatten,
    singleton_transpose_to_reshape,
    nhwc_input_into_conv,
)


def clean(model: Any, input_name: str, output_name: str) -> None:
    """Apply PATTERNS to a converted ModelProto, in place, until none changes anything; then name its tensors."""
    graph = Graph(model)
    apply(graph, PATTERNS)
    graph.write()
    sort(model.graph)
    rename(model.graph, input_name, output_name)


def finish(model: Any, classes: int, opset: int) -> None:
    """Give a clean ModelProto the input and output of a classifier, set the oldest IR version that works, and check it.

    The batch dimension stays open; the output becomes [batch, classes]. The converter's traces are removed: its name,
    and numbers that depend on what it converted before. Raises onnx.checker.ValidationError for an invalid model.
    """
    for value in (*model.graph.input, *model.graph.output):
        _name_open_dimensions(value)
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = classes
    model.graph.name, model.producer_name, model.doc_string, model.graph.doc_string = "edgecnn", "edgecnn", "", ""
    del model.opset_import[:]
    model.opset_import.append(onnx_module().helper.make_opsetid("", opset))
    use_oldest_format(model)
    onnx_module().checker.check_model(model, full_check=True)


def _name_open_dimensions(value: Any) -> None:
    first, *others = value.type.tensor_type.shape.dim
    first.dim_param = BATCH
    for at, dim in enumerate(others, 1):
        if dim.dim_param:
            dim.dim_param = f"{value.name}_{at}"
