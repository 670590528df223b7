"""The learning rate at every step, in plain Python."""

from math import cos, pi
from typing import Literal

WARM_UP = 0.25  # share of the steps
START = 0.04  # share of the peak


def learning_rate(schedule: Literal["constant", "one-cycle"], peak: float, step: int, steps: int) -> float:
    """The rate at `step` of `steps`: constant, or one cycle: a linear rise to `peak`, then half a cosine down to 0.

    Source: L. Smith and N. Topin, "Super-convergence", 2018, with the cosine end that is customary now.
    """
    if schedule == "constant":
        return peak
    done = step / steps
    if done < WARM_UP:
        return peak * (START + (1 - START) * done / WARM_UP)
    return peak * (1 + cos(pi * (done - WARM_UP) / (1 - WARM_UP))) / 2
