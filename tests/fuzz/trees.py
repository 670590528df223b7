"""Damages JSON: replaces, removes, renames and nests the values of its tree, and writes what no writer would."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from fuzz.mutation import BYTES, mutate

TEXTS = (
    *(
        "",
        "a",
        "0",
        "-1",
        "\x1b[2J\x1b]0;owned\x07",
        "a\nb\tc\r",
        "\ud800",
        "\u202eevil",
        "=1+1",
        "<script>alert(1)</script>",
    ),
    *("../../etc/passwd", "/dev/zero", "x" * 5000, "\x00", "é", "𝟗", "%s%n{0}", "`id`", "[red]x[/red]", "| a |"),
)
NUMBERS = (0, -1, 1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**400, 0.5, -0.0, 1e-320, 1e308)
TOKENS = (
    "1e999",
    "-1e999",
    "NaN",
    "Infinity",
    "-Infinity",
    "1" * 5000,
    "[" * 5000,
    '{"a":' * 3000,
    "tru",
    '"\\ud800"',
    "",
)
OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None], {"": None}, [0] * 2000)


def mutate_json(content: bytes, random: Random) -> bytes:
    """A text of JSON with one value changed; other bytes are changed as bytes."""
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return mutate(content, BYTES, random)
    places = list(_places(tree))
    if not places or random.random() < 0.05:
        tree = replacement(tree, random)
    else:
        _change(*random.choice(places), random)
    return write(tree)


def write(tree: Any) -> bytes:
    """The tree as JSON in which each placeholder has become its token."""
    text = json.dumps(tree, ensure_ascii=False)
    for number, token in enumerate(TOKENS):
        text = text.replace(f'"{_placeholder(number)}"', token)
    return text.encode("utf-8", "surrogatepass")


def _placeholder(number: int) -> str:
    """Stands in a tree for a token that is not JSON's, or not Python's."""
    return f"\ue000{number}"


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every list or object in the tree, with each of its positions or keys."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list | dict):
            for key in node if isinstance(node, dict) else range(len(node)):
                yield node, key
                waiting.append(node[key])


def _change(node: Any, key: Any, random: Random) -> None:
    match random.randrange(8):
        case 0:
            del node[key]
        case 1 if isinstance(node, dict):
            node[random.choice(TEXTS)] = node.pop(key)
        case 2:
            node[key] = [node[key]]
        case 3 if isinstance(node, list):
            node.extend(node[:20] * random.choice((1, 50)))
        case _:
            node[key] = replacement(node[key], random)


def replacement(value: Any, random: Random) -> Any:
    """Another value: of the same type half of the time, because what checks types only lets it through."""
    if random.random() < 0.15:
        return _placeholder(random.randrange(len(TOKENS)))
    if random.random() < 0.5:
        if isinstance(value, str):
            return random.choice(TEXTS)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return random.choice(NUMBERS)
    return random.choice((random.choice(TEXTS), random.choice(NUMBERS), random.choice(OTHERS)))
