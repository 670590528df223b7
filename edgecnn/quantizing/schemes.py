"""The ways to quantise, by the names users give them, and which forms of int8 suit which processor."""

from dataclasses import dataclass, replace
from typing import Literal

from edgecnn.host import architecture, cpu_flags

Scheme = Literal["auto", "static", "dynamic", "float16"]
Target = Literal["host", "x86-64", "arm64", "any"]
Method = Literal["minmax", "percentile", "entropy"]

VNNI = ("avx512_vnni", "avx_vnni")


@dataclass(frozen=True)
class Int8:
    """How static int8 is stored: the types of activations and weights, and how finely weights are scaled.

    `per_channel` gives each output channel of a weight its own scale. `reduce_range` keeps weights to 7 bits: without
    VNNI, x86-64 adds two products in 16 bits, which 8 bits overflow.
    """

    activations: Literal["uint8", "int8"]
    weights: Literal["int8"] = "int8"
    per_channel: bool = True
    reduce_range: bool = False

    def __str__(self) -> str:
        name = "U8S8" if self.activations == "uint8" else "S8S8"
        return f"{name} per {'channel' if self.per_channel else 'tensor'}{', 7-bit' if self.reduce_range else ''}"


U8S8, S8S8 = Int8("uint8"), Int8("int8")
U8S8_REDUCED = replace(U8S8, reduce_range=True)


def is_here(target: Target) -> bool:
    """Whether a file for `target` can be timed on this machine: "any" is more than this one."""
    return target in ("host", architecture())


def int8_for(target: Target) -> Int8:
    """The form of int8 that `target` runs fast and exactly.

    ARM64's kernels are written for S8S8, x86-64's for U8S8 (onnxruntime's documentation, quantisation). Of "x86-64" and
    "any" no VNNI is assumed, whatever this machine has.
    """
    if target == "arm64" or (target == "host" and architecture() == "arm64"):
        return S8S8
    return U8S8 if target == "host" and has_vnni() else U8S8_REDUCED


def has_vnni() -> bool:
    """Whether this CPU says that it multiplies 8-bit values exactly; False where the system does not say."""
    return not cpu_flags().isdisjoint(VNNI)
