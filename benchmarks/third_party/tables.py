"""The tables of third-party networks, in Markdown, made from the committed results."""

from collections.abc import Iterable, Mapping

from benchmarks.lib import markdown
from benchmarks.lib.results import Row
from benchmarks.third_party.network import Table
from edgecnn.quantizing.decision import MAX_DROP

# What verdicts are counted as, by how they begin, in the order of the columns.
COLUMNS = {
    "right": "right",
    "right when told": "right when told by `--preprocess`",
    "near": "nearly",
    "refused": "refused with a cure",
    "silently wrong": "silently wrong",
    "failed": "failed",
}


def column_of(verdict: str) -> str:
    """The column in which a verdict counts."""
    if verdict.endswith("right when told"):
        return "right when told"
    known = {"right": "right", "near": "near", "refused": "refused", "wrong": "silently wrong"}
    return known.get(verdict, "failed")


def summary(result: Row, groups: Mapping[str, Table]) -> str:
    """A line for each group, with the number of networks in each column and the largest difference of those right."""
    rows = {row["name"]: row for row in result["networks"]}
    lines = [_line(name, [rows[item] for item in group if item in rows]) for name, group in groups.items()]
    return markdown.table(("networks", "", *COLUMNS.values(), "largest difference"), lines)


def _line(name: str, rows: list[Row]) -> list[str]:
    columns = [column_of(row["verdict"]) for row in rows]
    return [name, str(len(rows)), *(str(columns.count(item)) for item in COLUMNS), f"{_largest(rows):.1g}"]


def _largest(rows: Iterable[Row]) -> float:
    """The largest difference of a probability where the answer is right."""
    found = [row[f"{kind}_difference"] for row in rows for kind in ("untold", "told") if row.get(kind) == "right"]
    return max(found, default=0.0)


def refused(result: Row) -> str:
    """A line for each network that edgecnn asks about or refuses, with what it says first."""
    rows = [row for row in result["networks"] if row["verdict"] != "right"]
    lines = [(row["name"], row["about"], row["untold_said"].replace("|", "\\|"), row["verdict"]) for row in rows]
    return markdown.table(("network", "what it is", "what edgecnn says", "verdict"), lines, words=4)


def quantized(result: Row) -> str:
    """A line for each network that was quantized."""
    lines = [
        (
            row["name"],
            row["ships"],
            f"{row['speedup'][0]:.2f} ({row['speedup'][1]:.2f} to {row['speedup'][2]:.2f})"
            if "speedup" in row
            else "1",
            f"{row.get('lost_points', 0):.2f}",
            f"{row.get('lost_test_points', 0):.2f}",
            row["verdict"] if "speedup" in row else row["reason"],
        )
        for row in result.get("quantized", [])
    ]
    notes = (
        "Speed-up over float32 with its 95 % interval, by a timing that `export` did not make. Points of accuracy lost "
        f"are those of the validation images, where {MAX_DROP:g} are allowed, and of the test images.",
    )
    return markdown.table(("network", "ships", "speed-up", "lost", "lost, test", "verdict"), lines, notes)
