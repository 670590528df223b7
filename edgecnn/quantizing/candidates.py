"""What is tried: ways to make a float32 graph int8, each with a name and a reason. Pure data."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from edgecnn.quantizing.schemes import Int8, Method

AS_EXPORTED = "as exported"

Nodes = tuple[str, ...]


@dataclass(frozen=True)
class Candidate:
    """One way to quantize. `rewriting` is a name in REWRITINGS, or AS_EXPORTED; `kept_float` names nodes.

    Of dynamic int8 and of float16 there is one way only.

    `variant` says in a few words how it differs from the plain one of its rewriting; `why`, for what reason.
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
    AS_EXPORTED: "the graph as it is, all in int8",
    "channels-last": "int8 kernels work channels-last: no Transpose is left",
    "space-to-depth 1×4": "four columns as channels: the first convolution reaches the fast kernel, nothing moves",
    "space-to-depth 2×2": "2×2 pixels as channels: the same, with a pool as the maximum of four groups",
}


def named(scheme: Literal["static", "dynamic", "float16"], form: Int8) -> Candidate:
    """What a scheme means where it is asked for by name."""
    return Candidate(AS_EXPORTED, form, "asked for by name", scheme=scheme)


def plain(rewriting: str, form: Int8) -> Candidate:
    return Candidate(rewriting, form, WHY_REWRITTEN.get(rewriting, "an exact rewriting"))


def mixed(
    best: Candidate, first: tuple[str, ...], last: tuple[str, ...], by_cost: tuple[str, ...]
) -> Iterator[Candidate]:
    """`best` with parts left in float32: the first convolution, the tail, and what the measured costs propose."""
    ways = {
        "float32 by cost": (by_cost, "left in float32 where the profile says that int8 costs more"),
        "float32 stem": (first, "one input channel suits int8 kernels badly"),
        "float32 tail": (last, "a small matrix product may not pay for being quantized"),
    }
    seen: set[frozenset[str]] = {frozenset(best.kept_float)}
    for variant, (nodes, why) in ways.items():
        if frozenset(nodes) not in seen:
            seen.add(frozenset(nodes))
            yield replace(best, kept_float=nodes, variant=variant, why=why)


def calibrated(best: Candidate) -> Iterator[Candidate]:
    """`best` with other scales: they change what it answers, hardly how fast."""
    ways: tuple[tuple[str, dict[str, object], str], ...] = (
        ("per tensor", {"form": replace(best.form, per_channel=False)}, "one scale a weight: smaller, less exact"),
        ("percentile", {"method": "percentile"}, "ranges without the rarest 0.001 %: finer steps for the rest"),
        ("entropy", {"method": "entropy"}, "ranges that lose the least information"),
    )
    for variant, changes, why in ways:
        yield _varied(best, variant, why, **changes)


def full_range(best: Candidate) -> Candidate:
    """`best` with weights of all 8 bits: more exact, but fast on processors with VNNI only."""
    why = "8-bit weights: finer steps, for processors with VNNI"
    return _varied(best, "8-bit weights", why, form=replace(best.form, reduce_range=False))


def _varied(best: Candidate, variant: str, why: str, **changes: object) -> Candidate:
    name = ", ".join(part for part in (best.variant, variant) if part)
    return replace(best, variant=name, why=why, **changes)  # type: ignore[arg-type]
