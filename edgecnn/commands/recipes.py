"""edgecnn recipes."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from edgecnn import streams
from edgecnn.commands import options as opt
from edgecnn.streams import put

if TYPE_CHECKING:
    from edgecnn.recipes import Recipe


def recipes(as_json: opt.Json = False) -> None:
    """List what can be trained, and how accurate it becomes."""
    from edgecnn.recipes import RECIPES, reproduced

    measured = reproduced()
    if as_json:
        rows = [{**asdict(recipe), "reproduced": measured.get(recipe.name)} for recipe in RECIPES.values()]
        streams.print_json(rows)
        return
    for recipe in RECIPES.values():
        _print(recipe, measured.get(recipe.name))


def _print(recipe: "Recipe", measured: "dict[str, Any] | None") -> None:
    count = measured["seeds"] if measured and "seeds" in measured else 0
    seeds = f" with --long, {'one seed' if count == 1 else f'the mean of {count} seeds'}" if count else ""
    reached = f"{measured['test']['value']:.2%} in {measured['seconds']:.0f} s{seeds}" if measured else "not measured"
    stated = ", ".join(f"{item.accuracy:.2%} ({item.citation})" for item in recipe.published)
    for line in (recipe.name, f"  {recipe.summary}", f"  test accuracy {reached}"):
        put(line)
    if not recipe.ours:
        put(f"  its source states {stated or 'none'}")
