"""[onnx] Rewrites the first convolution to read blocks of pixels as channels, which int8 kernels run faster.

The results stay the same. If `by` pixels of an axis are folded into channels, a convolution of stride `s` computes
`by / s` neighboring outputs at once. Each is a group of output channels, called a *phase*. Output `phases × j + b`
reads pixels from `by × j + s × b - pad` on, which lie in block `j` and its neighbors. The kernel holds zeros for the
pixels of those blocks that the output does not read.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from edgecnn.graph.graph import TO_NCHW, TO_NHWC, Array, Graph, attributes
from edgecnn.graph.stem import Axis, Stem, read_as, set_convolution

ELEMENTWISE = ("Relu", "Clip", "LeakyRelu", "Sigmoid", "Tanh", "HardSwish")


@dataclass(frozen=True)
class Fold:
    """One axis of the image, divided into blocks of `by` pixels. An axis that is not folded has blocks of one pixel."""

    axis: Axis
    by: int

    @property
    def phases(self) -> int:
        """How many neighboring outputs are computed at once."""
        return max(self.by // self.axis.stride, 1)

    @property
    def stride(self) -> int:
        """The stride of the new convolution, in blocks."""
        return max(self.axis.stride // self.by, 1)

    @property
    def outputs(self) -> int:
        """Blocks of outputs. The last block may reach beyond the outputs of the axis."""
        return -(-self.axis.outputs // self.phases)

    @property
    def first(self) -> int:
        """The first block that output block 0 reads, counted from the image; negative for a block of padding."""
        return -self.axis.pad // self.by

    @property
    def kernel(self) -> int:
        """The size of the new kernel, in blocks."""
        last = (self.axis.stride * (self.phases - 1) - self.axis.pad + self.axis.kernel - 1) // self.by
        return last - self.first + 1

    @property
    def end(self) -> int:
        """Blocks of padding at the end of the axis."""
        return max((self.outputs - 1) * self.stride + self.first + self.kernel - self.axis.size // self.by, 0)

    @property
    def fits(self) -> bool:
        """Whether the axis can be folded: sizes and strides divide evenly, and the number of output blocks is right."""
        whole = self.axis.size % self.by == 0 and 0 in (self.by % self.axis.stride, self.axis.stride % self.by)
        room = self.axis.size // self.by - self.first + self.end - self.kernel
        return whole and room // self.stride + 1 == self.outputs

    def place(self, phase: int, step: int) -> tuple[int, int]:
        """The block of the new kernel, and the pixel in it, for position `step` of the original kernel in a phase."""
        block, pixel = divmod(self.axis.stride * phase - self.axis.pad + step, self.by)
        return block - self.first, pixel


def fold_stem(graph: Graph, stem: Stem, by_rows: int, by_columns: int) -> bool:
    """Fold blocks of `by_rows` × `by_columns` pixels into channels, in place.

    Returns False, and changes nothing, if the graph does not allow it.
    """
    rows, columns = Fold(stem.rows, by_rows), Fold(stem.columns, by_columns)
    if not (rows.fits and columns.fits):
        return False
    result = _activated(graph, stem.conv)
    if _has_computed_bias(graph, stem.conv) or (rows.phases * columns.phases > 1 and graph.is_output(result)):
        return False
    pool = _pool_of_phases(graph, result, rows, columns)
    if rows.phases > 1 and pool is None:
        return False  # without a pool, joining phases of several rows would move every value
    _read_blocks(graph, stem, rows, columns)
    _convolve_blocks(graph, stem, rows, columns)
    if pool is not None:
        _pool_phases(graph, pool, rows, columns, len(stem.weights))
    elif columns.phases > 1:
        _join_phases(graph, result, rows, columns, len(stem.weights))
    return True


def _has_computed_bias(graph: Graph, conv: Any) -> bool:
    return any(name and graph.constant(name) is None for name in conv.input[2:])


def _activated(graph: Graph, conv: Any) -> str:
    """The name of the convolution's result after its activations, which treat all channels alike."""
    node, after = conv, graph.only_consumer(conv)
    while after is not None and after.op_type in ELEMENTWISE:
        node, after = after, graph.only_consumer(after)
    return str(node.output[0])


def _pool_of_phases(graph: Graph, result: str, rows: Fold, columns: Fold) -> Any | None:
    """The 2×2 max pool that reads a result computed in 2×2 phases, or None.

    Each of its windows then holds one value of each phase.
    """
    users = graph.consumers(result)
    pool = users[0] if len(users) == 1 and users[0].op_type == "MaxPool" else None
    if pool is None or (rows.phases, columns.phases) != (2, 2):
        return None
    values = attributes(pool)
    windows = (values["kernel_shape"], values.get("strides", [1, 1])) == ([2, 2], [2, 2])
    plain = values.get("dilations", [1, 1]) == [1, 1] and len(pool.output) == 1
    even = rows.axis.outputs % 2 == 0 and columns.axis.outputs % 2 == 0
    return pool if windows and plain and even and not any(values.get("pads", [0])) else None


def _read_blocks(graph: Graph, stem: Stem, rows: Fold, columns: Fold) -> None:
    high, wide = rows.axis.size // rows.by, columns.axis.size // columns.by
    shape, pixels = (high, wide, rows.by * columns.by * stem.channels), stem.pixels
    if rows.by > 1:  # otherwise each block is already contiguous in memory
        split = np.array([-1, high, rows.by, wide, columns.by * stem.channels], np.int64)
        pixels = graph.add("Reshape", [pixels, graph.add_constant(split)])
        pixels = graph.add("Transpose", [pixels], perm=[0, 1, 3, 2, 4])
    read_as(graph, stem, pixels, shape)


def _convolve_blocks(graph: Graph, stem: Stem, rows: Fold, columns: Fold) -> None:
    phases = rows.phases * columns.phases
    conv = stem.conv
    bias = graph.constant(conv.input[2]) if len(conv.input) > 2 else None
    if bias is not None:
        graph.set_input(conv, 2, graph.add_constant(np.tile(bias, phases)))
    pads = (-rows.first, -columns.first, rows.end, columns.end)
    set_convolution(graph, conv, folded_kernel(stem, rows, columns), (rows.stride, columns.stride), pads)


def folded_kernel(stem: Stem, rows: Fold, columns: Fold) -> Array:
    """The new kernel, float32 [phases × filters, pixels of a block × channels, blocks, blocks].

    The phases of a row are next to each other.
    """
    filters, channels, height, width = stem.weights.shape
    kernel = np.zeros(
        (rows.phases, columns.phases, filters, rows.by, columns.by, channels, rows.kernel, columns.kernel), np.float32
    )
    for down, along in product(range(rows.phases), range(columns.phases)):
        for y, x in product(range(height), range(width)):
            (block_y, pixel_y), (block_x, pixel_x) = rows.place(down, y), columns.place(along, x)
            kernel[down, along, :, pixel_y, pixel_x, :, block_y, block_x] = stem.weights[:, :, y, x]
    inputs = rows.by * columns.by * channels
    return kernel.reshape(rows.phases * columns.phases * filters, inputs, rows.kernel, columns.kernel)


def _pool_phases(graph: Graph, pool: Any, rows: Fold, columns: Fold, filters: int) -> None:
    """Replace the pool by the maximum of each block's four phases, which are put next to each other."""
    shape = (rows.outputs, columns.outputs * 4, filters)
    source = _reshape_channels_last(graph, pool.input[0], shape)
    graph.replace(pool, "MaxPool", [source], kernel_shape=[1, 4], strides=[1, 4])


def _join_phases(graph: Graph, result: str, rows: Fold, columns: Fold, filters: int) -> None:
    """Join the phases of each row in their order in memory, and cut off outputs beyond the end of the axis."""
    users = graph.consumers(result)  # before the Transpose that is added below
    shape = (rows.outputs, columns.outputs * columns.phases, filters)
    joined = _reshape_channels_last(graph, result, shape, width=columns.axis.outputs)
    for user in users:
        for at in [at for at, name in enumerate(user.input) if name == result]:
            graph.set_input(user, at, joined)


def _reshape_channels_last(graph: Graph, source: str, shape: tuple[int, int, int], width: int | None = None) -> str:
    """Transpose `source` to channels-last, reshape it to `shape`, cut it to `width`, and transpose it back.

    Returns the name of the result, which is channels-first as `source` is.
    """
    name = graph.add("Transpose", [source], perm=TO_NHWC)
    name = graph.add("Reshape", [name, graph.add_constant(np.array([-1, *shape], np.int64))])
    if width not in (None, shape[1]):
        bounds = [graph.add_constant(np.array([value], np.int64)) for value in (0, width, 2)]
        name = graph.add("Slice", [name, *bounds])
    return graph.add("Transpose", [name], perm=TO_NCHW)
