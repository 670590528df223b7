"""How figures are written, the same in every format for people."""

from edgecnn.bench.stats import Estimate, inverse

NOTHING = "–"
# What a figure becomes when it grows, and when it shrinks, by the end of its name.
GROWN = {
    "_us": ("slower", "faster"),
    "_ms": ("slower", "faster"),
    "_mib": ("larger", "smaller"),
    "_bytes": ("larger", "smaller"),
}
OTHERWISE = ("higher", "lower")


def number(value: float | None) -> str | None:
    """Three digits are what a measurement here is worth."""
    if value is None:
        return None
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def whole(value: float | None) -> str | None:
    return None if value is None else f"{value:,.0f}"


def percent(value: float | None) -> str | None:
    return None if value is None else f"{value:.2%}"


def share(low: float | None, value: float | None, high: float | None) -> str | None:
    """A share with its interval: "99.12% (98.94–99.27)"."""
    if value is None or low is None or high is None:
        return None
    return f"{value:.2%} ({100 * low:.2f}–{100 * high:.2f})"


def factor(value: float) -> str:
    """Three digits, or all before the point."""
    return (f"{value:#.3g}" if value < 100 else f"{value:,.0f}").rstrip(".")


def speedup(estimate: Estimate) -> str:
    """A speed-up with its interval, "13.1× (12.9–13.3)"; a slow-down the other way up, "116× slower (115–118)"."""
    return times(estimate) if estimate.value >= 1 else times(inverse(estimate), " slower")


def change(figure: str, estimate: Estimate) -> str:
    """How a figure changed, from now over then: "2.00× slower (1.97–2.03)"."""
    grown, shrunk = next((words for end, words in GROWN.items() if figure.endswith(end)), OTHERWISE)
    if estimate.value == 1:
        return times(estimate)
    return times(estimate, f" {grown}") if estimate.value > 1 else times(inverse(estimate), f" {shrunk}")


def times(estimate: Estimate, word: str = "") -> str:
    """A factor, what it is a factor of, and its interval where there is one."""
    found = f"{factor(estimate.value)}×{word}"
    if estimate.low is None or estimate.high is None:
        return found
    return f"{found} ({factor(estimate.low)}–{factor(estimate.high)})"
