"""Which parts of a graph run in int8 so that the whole is fastest: a minimum cut. Pure: costs in, an assignment out."""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

NEVER = float("inf")  # the cost of a precision that a unit does not have
SLACK = 1e-9  # below it a capacity is used up: sums of floating-point numbers do not come out even


@dataclass(frozen=True)
class Costs:
    """Microseconds. `units` maps each unit to its cost in float32 and in int8, NEVER where it cannot run so.

    `borders` maps a pair of units, the first feeding the second, to the cost of a Quantize or Dequantize between them.
    """

    units: Mapping[str, tuple[float, float]]
    borders: Mapping[tuple[str, str], float]

    def total(self, in_int8: frozenset[str]) -> float:
        """What an assignment costs."""
        units = sum(int8 if unit in in_int8 else float32 for unit, (float32, int8) in self.units.items())
        crossed = sum(cost for (a, b), cost in self.borders.items() if (a in in_int8) != (b in in_int8))
        return units + crossed


def cheapest(costs: Costs) -> frozenset[str]:
    """The units to run in int8 so that `Costs.total` is smallest.

    A cut that parts int8 units (the source's side) from float32 units (the sink's) pays each unit's own cost and each
    border it severs: the smallest cut is the cheapest assignment (Greig, Porteous and Seheult, JRSS B 51, 1989).
    """
    capacity: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for unit, (float32, int8) in costs.units.items():
        capacity["source"][f"unit {unit}"] += float32  # cut where the unit is on the sink's side
        capacity[f"unit {unit}"]["sink"] += int8
    for (first, second), cost in costs.borders.items():
        capacity[f"unit {first}"][f"unit {second}"] += cost
        capacity[f"unit {second}"][f"unit {first}"] += cost
    while path := _augmenting_path(capacity):
        _push(capacity, path)
    reached = _reached(capacity)
    return frozenset(unit for unit in costs.units if f"unit {unit}" in reached)


def _augmenting_path(capacity: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The shortest way from source to sink that has capacity left (Edmonds and Karp, JACM 19, 1972), or []."""
    came_from = _reached(capacity)
    path = ["sink"] if "sink" in came_from else []
    while path and path[-1] != "source":
        path.append(came_from[path[-1]])
    return path[::-1]


def _reached(capacity: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """Every vertex that can be reached from the source, and from where."""
    came_from, queue = {"source": ""}, deque(["source"])
    while queue:
        vertex = queue.popleft()
        for neighbor, left in list(capacity[vertex].items()):
            if left > SLACK and neighbor not in came_from:
                came_from[neighbor] = vertex
                queue.append(neighbor)
    return came_from


def _push(capacity: dict[str, dict[str, float]], path: Sequence[str]) -> None:
    steps = list(pairwise(path))
    flow = min(capacity[a][b] for a, b in steps)
    if flow == NEVER:
        raise ValueError(f"{path[1].removeprefix('unit ')} can run neither in float32 nor in int8")
    for a, b in steps:
        capacity[a][b] -= flow
        capacity[b][a] += flow
