"""Assigns int8 or float32 to each part of a graph so that the whole is fastest, by a minimum cut. Pure functions."""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

NEVER = float("inf")  # the cost of a precision in which a unit cannot run
SLACK = 1e-9  # a capacity below this counts as used up, because floating-point sums are not exact


@dataclass(frozen=True)
class Costs:
    """What the parts of a graph cost, in microseconds.

    `units` maps each unit to its costs in float32 and in int8; NEVER is the cost of a precision it cannot run in.
    `borders` maps a pair of units, of which the first feeds the second, to the cost of changing the precision in
    between.
    """

    units: Mapping[str, tuple[float, float]]
    borders: Mapping[tuple[str, str], float]

    def total(self, in_int8: frozenset[str]) -> float:
        """The total cost, in microseconds, if the units `in_int8` run in int8 and all others in float32."""
        units = sum(int8 if unit in in_int8 else float32 for unit, (float32, int8) in self.units.items())
        crossed = sum(cost for (a, b), cost in self.borders.items() if (a in in_int8) != (b in in_int8))
        return units + crossed


def cheapest(costs: Costs) -> frozenset[str]:
    """The units to run in int8 so that `Costs.total` is smallest.

    A cut separates int8 units (on the source's side) from float32 units (on the sink's side). It costs as much as the
    units in their precisions and the borders between the two sides. So the minimum cut is the cheapest assignment
    (Greig, Porteous and Seheult, JRSS B 51, 1989). Raises ValueError if a unit can run in neither precision.
    """
    capacity: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for unit, (float32, int8) in costs.units.items():
        capacity["source"][f"unit {unit}"] += float32  # this edge is cut if the unit is on the sink's side
        capacity[f"unit {unit}"]["sink"] += int8
    for (first, second), cost in costs.borders.items():
        capacity[f"unit {first}"][f"unit {second}"] += cost
        capacity[f"unit {second}"][f"unit {first}"] += cost
    while path := _augmenting_path(capacity):
        _push(capacity, path)
    reached = _reached(capacity)
    return frozenset(unit for unit in costs.units if f"unit {unit}" in reached)


def _augmenting_path(capacity: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The shortest path from source to sink with capacity left (Edmonds and Karp, JACM 19, 1972), or []."""
    came_from = _reached(capacity)
    path = ["sink"] if "sink" in came_from else []
    while path and path[-1] != "source":
        path.append(came_from[path[-1]])
    return path[::-1]


def _reached(capacity: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """Each vertex that the source can reach through capacity left, with the vertex before it."""
    came_from, queue = {"source": ""}, deque(["source"])
    while queue:
        vertex = queue.popleft()
        for neighbor, left in list(capacity[vertex].items()):
            if left > SLACK and neighbor not in came_from:
                came_from[neighbor] = vertex
                queue.append(neighbor)
    return came_from


def _push(capacity: dict[str, dict[str, float]], path: Sequence[str]) -> None:
    """Send as much flow through a path as its smallest capacity allows."""
    steps = list(pairwise(path))
    flow = min(capacity[a][b] for a, b in steps)
    if flow == NEVER:
        raise ValueError(f"{path[1].removeprefix('unit ')} can run neither in float32 nor in int8")
    for a, b in steps:
        capacity[a][b] -= flow
        capacity[b][a] += flow
