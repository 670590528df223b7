"""The cheapest assignment, against trying them all."""

from itertools import combinations

import numpy as np
import pytest

from edgecnn.quantizing.min_cut import NEVER, Costs, cheapest


def every_subset(units: list[str]) -> list[frozenset[str]]:
    return [frozenset(some) for count in range(len(units) + 1) for some in combinations(units, count)]


def test_a_slow_border_keeps_a_cheap_detour_away() -> None:
    units = {"conv1": (9.0, 29.0), "conv2": (60.0, 20.0)}
    near = Costs(units, {("conv1", "conv2"): 5.0})
    far = Costs(units, {("conv1", "conv2"): 25.0})
    assert cheapest(near) == {"conv2"}
    assert cheapest(far) == {"conv1", "conv2"}
    assert (near.total(cheapest(near)), far.total(cheapest(far))) == (34, 49)


def test_what_has_no_int8_form_stays_float() -> None:
    assert cheapest(Costs({"softmax": (3.0, NEVER), "gemm": (5.0, 1.0)}, {("gemm", "softmax"): 0.5})) == {"gemm"}
    with pytest.raises(ValueError, match="gelu can run neither"):
        cheapest(Costs({"gelu": (NEVER, NEVER)}, {}))


@pytest.mark.parametrize("seed", range(40))
def test_no_assignment_is_cheaper(seed: int) -> None:
    rng = np.random.default_rng(seed)
    units = [f"n{number}" for number in range(8)]
    int8 = [NEVER if rng.random() < 0.2 else float(rng.uniform(0, 9)) for _ in units]
    costs = Costs(
        {unit: (float(rng.uniform(0, 9)), cost) for unit, cost in zip(units, int8, strict=True)},
        {(a, b): float(rng.uniform(0, 5)) for a, b in combinations(units, 2) if rng.random() < 0.3},
    )
    best = min(costs.total(subset) for subset in every_subset(units))
    assert costs.total(cheapest(costs)) == pytest.approx(best)
