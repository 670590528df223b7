"""The ways to quantize, by the names users give them, and which forms of int8 suit which processor."""

from dataclasses import dataclass, replace
from typing import Literal

from edgecnn.host.machine import architecture

Scheme = Literal["auto", "static", "dynamic", "float16"]
Target = Literal["host", "x86-64", "arm64", "any"]
Method = Literal["minmax", "percentile", "entropy"]


@dataclass(frozen=True)
class Int8:
    """How static int8 is stored: the types of activations and weights, and how finely weights are scaled.

    `per_channel` gives each output channel of a weight its own scale. `reduce_range` keeps weights to 7 bits: without
    VNNI, x86-64 adds two products in 16 bits, where those of 8-bit weights saturate, and onnxruntime then has to take
    a slower way.
    """

    activations: Literal["uint8", "int8"]
    weights: Literal["int8"] = "int8"
    per_channel: bool = True
    reduce_range: bool = False

    @property
    def needs_exact_products(self) -> bool:
        """Whether x86-64 runs it fast only with VNNI."""
        return self.activations == "uint8" and not self.reduce_range

    def __str__(self) -> str:
        name = "U8S8" if self.activations == "uint8" else "S8S8"
        return f"{name} per {'channel' if self.per_channel else 'tensor'}{', 7-bit' if self.reduce_range else ''}"


U8S8, S8S8 = Int8("uint8"), Int8("int8")
U8S8_REDUCED = replace(U8S8, reduce_range=True)


def is_here(target: Target) -> bool:
    """Whether a file for `target` can be timed on this machine: "any" is more than this one."""
    return target in ("host", architecture())


def int8_for(target: Target) -> Int8:
    """The form of int8 that `target` runs fast and exactly, whichever processor of its kind it is.

    ARM64's kernels are written for S8S8, x86-64's for U8S8 (onnxruntime's documentation, "Quantize ONNX models"). Of
    x86-64 no VNNI is assumed, whatever this machine has: a file with 7-bit weights is right and fast wherever it goes.
    """
    return S8S8 if target == "arm64" or (target == "host" and architecture() == "arm64") else U8S8_REDUCED
