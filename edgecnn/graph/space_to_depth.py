"""[onnx] Rewrites a stem so that its convolution reads blocks of pixels as channels: exact, and fast in int8.

With `by` pixels of an axis folded into channels, a convolution of stride `s` computes `by / s` neighboring outputs at
once, each a group of output channels, a *phase*. Output `phases × j + b` reads pixels from `by × j + s × b - pad` on,
that is, block `j` and its neighbors; zeros in the kernel where a block sticks out make the sums the same.
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
    """One axis in blocks of `by` pixels; one block is a pixel where it is not folded."""

    axis: Axis
    by: int

    @property
    def phases(self) -> int:
        return max(self.by // self.axis.stride, 1)

    @property
    def stride(self) -> int:
        """In blocks."""
        return max(self.axis.stride // self.by, 1)

    @property
    def outputs(self) -> int:
        """Blocks of outputs; the last may hold more than the axis has."""
        return -(-self.axis.outputs // self.phases)

    @property
    def first(self) -> int:
        """The first block that output block 0 reads: none, or one of padding."""
        return -self.axis.pad // self.by

    @property
    def kernel(self) -> int:
        last = (self.axis.stride * (self.phases - 1) - self.axis.pad + self.axis.kernel - 1) // self.by
        return last - self.first + 1

    @property
    def end(self) -> int:
        """Blocks of padding at the end."""
        return max((self.outputs - 1) * self.stride + self.first + self.kernel - self.axis.size // self.by, 0)

    @property
    def fits(self) -> bool:
        """Whether blocks, strides and sizes divide one another, and no block of outputs is one too many."""
        whole = self.axis.size % self.by == 0 and 0 in (self.by % self.axis.stride, self.axis.stride % self.by)
        room = self.axis.size // self.by - self.first + self.end - self.kernel
        return whole and room // self.stride + 1 == self.outputs

    def place(self, phase: int, step: int) -> tuple[int, int]:
        """The kernel's block, and the pixel in it, that position `step` of the original kernel comes to in a phase."""
        block, pixel = divmod(self.axis.stride * phase - self.axis.pad + step, self.by)
        return block - self.first, pixel


def fold_stem(graph: Graph, stem: Stem, by_rows: int, by_columns: int) -> bool:
    """Fold `by_rows` × `by_columns` pixels into channels, in place; False, and nothing done, where that cannot be."""
    rows, columns = Fold(stem.rows, by_rows), Fold(stem.columns, by_columns)
    if not (rows.fits and columns.fits):
        return False
    result = _activated(graph, stem.conv)
    if _has_computed_bias(graph, stem.conv) or (rows.phases * columns.phases > 1 and graph.is_output(result)):
        return False
    pool = _pool_of_phases(graph, result, rows, columns)
    if rows.phases > 1 and pool is None:
        return False  # putting rows of phases back in their place would move every value
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
    """The convolution's result after its activation, which treats all channels alike."""
    node, after = conv, graph.only_consumer(conv)
    while after is not None and after.op_type in ELEMENTWISE:
        node, after = after, graph.only_consumer(after)
    return str(node.output[0])


def _pool_of_phases(graph: Graph, result: str, rows: Fold, columns: Fold) -> Any | None:
    """The 2×2 max pool of a result computed in 2×2 phases, whose windows are just the phases, or None."""
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
    if rows.by > 1:  # else the blocks lie in memory as they are
        split = np.array([-1, high, rows.by, wide, columns.by * stem.channels], np.int64)
        pixels = graph.insert_before(stem.conv, "Reshape", [pixels, graph.add_constant(split)])
        pixels = graph.insert_before(stem.conv, "Transpose", [pixels], perm=[0, 1, 3, 2, 4])
    read_as(graph, stem, pixels, shape)


def _convolve_blocks(graph: Graph, stem: Stem, rows: Fold, columns: Fold) -> None:
    phases = rows.phases * columns.phases
    conv = stem.conv
    bias = graph.constant(conv.input[2]) if len(conv.input) > 2 else None
    if bias is not None:
        conv.input[2] = graph.add_constant(np.tile(bias, phases))
    pads = (-rows.first, -columns.first, rows.end, columns.end)
    set_convolution(graph, conv, folded_kernel(stem, rows, columns), (rows.stride, columns.stride), pads)


def folded_kernel(stem: Stem, rows: Fold, columns: Fold) -> Array:
    """[phases × filters, pixels of a block × channels, blocks, blocks], the phases of a row side by side."""
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
    """Lay each block's four phases side by side and take the maximum of every four: the pool, without its moves."""
    shape = (rows.outputs, columns.outputs * 4, filters)
    source = _reshape_channels_last(graph, pool, pool.input[0], shape)
    graph.replace(pool, "MaxPool", [source], kernel_shape=[1, 4], strides=[1, 4])


def _join_phases(graph: Graph, result: str, rows: Fold, columns: Fold, filters: int) -> None:
    """Put a row's phases one after another, which is how they lie in memory, and cut off those beyond the axis."""
    users = graph.consumers(result)
    shape = (rows.outputs, columns.outputs * columns.phases, filters)
    joined = _reshape_channels_last(graph, users[0], result, shape, width=columns.axis.outputs)
    for user in users:
        user.input[:] = [joined if name == result else name for name in user.input]


def _reshape_channels_last(
    graph: Graph, before: Any, source: str, shape: tuple[int, int, int], width: int | None = None
) -> str:
    """`source`, channels-first, as channels-last values of `shape` cut to `width`, channels-first again."""
    name = graph.insert_before(before, "Transpose", [source], perm=TO_NHWC)
    name = graph.insert_before(before, "Reshape", [name, graph.add_constant(np.array([-1, *shape], np.int64))])
    if width not in (None, shape[1]):
        bounds = [graph.add_constant(np.array([value], np.int64)) for value in (0, width, 2)]
        name = graph.insert_before(before, "Slice", [name, *bounds])
    return graph.insert_before(before, "Transpose", [name], perm=TO_NCHW)
