"""Candidates: the ways to quantize a float32 graph that are tried, each with a name and a reason. Pure data."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from edgecnn.quantizing.schemes import Int8, Method

AS_EXPORTED = "as exported"

Nodes = tuple[str, ...]


@dataclass(frozen=True)
class Candidate:
    """One way to quantize a graph.

    `rewriting` is a name in REWRITINGS, or AS_EXPORTED. `kept_float` names the nodes that stay in float32. `variant`
    tells in a few words how the candidate differs from the plain one of the same rewriting, and `why` tells the reason
    to try it. There is only one candidate for dynamic int8 and one for float16.
    """

    rewriting: str
    form: Int8
    why: str
    method: Method = "minmax"
    kept_float: Nodes = ()
    variant: str = ""
    scheme: Literal["static", "dynamic", "float16"] = "static"

    @property
    def name(self) -> str:
        parts = (self.rewriting, self.variant) if self.scheme == "static" else (self.scheme,)
        return ", ".join(part for part in parts if part)


WHY_REWRITTEN = {
    AS_EXPORTED: "the graph as it was exported, in int8 wherever possible",
    "channels-last": "int8 kernels are channels-last, so that no Transpose is left",
    "space-to-depth 1×4": "four columns become channels: the first convolution reaches the fast kernel, no value moves",
    "space-to-depth 2×2": "2×2 pixels become channels, and a following pool the maximum of four groups of channels",
}


def named(scheme: Literal["static", "dynamic", "float16"], form: Int8) -> Candidate:
    """The candidate for a scheme that the user asked for by name."""
    return Candidate(AS_EXPORTED, form, "asked for by name", scheme=scheme)


def plain(rewriting: str, form: Int8) -> Candidate:
    """The candidate that quantizes a rewritten graph with no further changes."""
    return Candidate(rewriting, form, WHY_REWRITTEN.get(rewriting, "a rewriting that does not change the results"))


def mixed(
    best: Candidate, first: tuple[str, ...], last: tuple[str, ...], by_cost: tuple[str, ...]
) -> Iterator[Candidate]:
    """Variants of `best` with parts in float32: the first convolution, the last product, or what costs more in int8.

    `first`, `last` and `by_cost` name the nodes of those parts. No variant appears twice.
    """
    ways = {
        "float32 by cost": (by_cost, "parts stay in float32 where the profile shows that int8 costs more"),
        "float32 stem": (first, "the first convolution has few input channels, which int8 kernels run slowly"),
        "float32 tail": (last, "the last matrix product may be too small to gain from int8"),
    }
    seen: set[frozenset[str]] = {frozenset(best.kept_float)}
    for variant, (nodes, why) in ways.items():
        if frozenset(nodes) not in seen:
            seen.add(frozenset(nodes))
            yield replace(best, kept_float=nodes, variant=variant, why=why)


def calibrated(best: Candidate) -> Iterator[Candidate]:
    """Variants of `best` with other scales, which change its answers but hardly its speed."""
    ways: tuple[tuple[str, dict[str, object], str], ...] = (
        (
            "per tensor",
            {"form": replace(best.form, per_channel=False)},
            "one scale for each weight tensor: smaller, but less exact",
        ),
        (
            "percentile",
            {"method": "percentile"},
            "ranges without the rarest 0.001 % of values: finer steps for the others",
        ),
        ("entropy", {"method": "entropy"}, "ranges that lose the least information"),
    )
    for variant, changes, why in ways:
        yield _varied(best, variant, why, **changes)


def full_range(best: Candidate) -> Candidate:
    """The variant of `best` with 8-bit weights, which are more exact but fast on processors with VNNI only."""
    why = "finer steps than 7-bit weights, but fast on processors with VNNI only"
    return _varied(best, "8-bit weights", why, form=replace(best.form, reduce_range=False))


def _varied(best: Candidate, variant: str, why: str, **changes: object) -> Candidate:
    """`best` with these fields changed, and the variant added to its name."""
    name = ", ".join(part for part in (best.variant, variant) if part)
    return replace(best, variant=name, why=why, **changes)  # type: ignore[arg-type]
