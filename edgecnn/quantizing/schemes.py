"""The names that users give to schemes and targets, and the form of int8 that suits each processor."""

from dataclasses import dataclass, replace
from typing import Literal

from edgecnn.host.machine import architecture

Scheme = Literal["auto", "static", "dynamic", "float16"]
Target = Literal["host", "x86-64", "arm64", "any"]
Method = Literal["minmax", "percentile", "entropy"]


@dataclass(frozen=True)
class Int8:
    """A form of static int8: the types of activations and weights (U8S8 or S8S8), and how weights are scaled.

    `per_channel` gives each output channel of a weight its own scale. `reduce_range` limits weights to 7 bits. Without
    VNNI, x86-64 adds two products in 16 bits. With 8-bit weights that sum can saturate, so onnxruntime has to use a
    slower kernel there.
    """

    activations: Literal["uint8", "int8"]
    weights: Literal["int8"] = "int8"
    per_channel: bool = True
    reduce_range: bool = False

    @property
    def needs_exact_products(self) -> bool:
        """Whether x86-64 needs VNNI to run this form fast."""
        return self.activations == "uint8" and not self.reduce_range

    def __str__(self) -> str:
        name = "U8S8" if self.activations == "uint8" else "S8S8"
        return f"{name} per {'channel' if self.per_channel else 'tensor'}{', 7-bit' if self.reduce_range else ''}"


U8S8, S8S8 = Int8("uint8"), Int8("int8")
U8S8_REDUCED = replace(U8S8, reduce_range=True)


def is_here(target: Target) -> bool:
    """Whether a file for `target` can be timed on this machine. A file for "any" cannot: it must suit others too."""
    return target in ("host", architecture())


def int8_for(target: Target) -> Int8:
    """The form of int8 that every processor of the kind `target` runs fast and exactly.

    onnxruntime's kernels for ARM64 are written for S8S8, those for x86-64 for U8S8 (onnxruntime's documentation,
    "Quantize ONNX models"). VNNI is not assumed on x86-64, even if this machine has it, because a file with 7-bit
    weights is exact and fast on every x86-64 processor.
    """
    return S8S8 if target == "arm64" or (target == "host" and architecture() == "arm64") else U8S8_REDUCED
