"""The ways to quantise, by the names users give them."""

from dataclasses import dataclass
from typing import Literal

Scheme = Literal["auto", "static", "dynamic", "float16"]
Target = Literal["host", "x86-64", "arm64", "any"]


@dataclass(frozen=True)
class Int8:
    """How static int8 is stored.

    `reduce_range` keeps weights to 7 bits: without VNNI, x86-64 adds two products in 16 bits, which 8 bits overflow.
    """

    activations: Literal["uint8", "int8"]
    weights: Literal["int8"]
    reduce_range: bool


U8S8 = Int8("uint8", "int8", reduce_range=False)
U8S8_REDUCED = Int8("uint8", "int8", reduce_range=True)
S8S8 = Int8("int8", "int8", reduce_range=False)
