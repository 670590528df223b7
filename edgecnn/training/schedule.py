"""Computes the learning rate of every step, in plain Python."""

from math import cos, pi
from typing import Literal

WARM_UP = 0.25  # the share of the steps in which the rate rises
START = 0.04  # the first rate, as a share of the peak


def learning_rate(schedule: Literal["constant", "one-cycle"], peak: float, step: int, steps: int) -> float:
    """The learning rate at `step` (from 0) of `steps`.

    It is constant, or one cycle: a linear rise to `peak`, then half a cosine down to 0. Source: L. Smith and N. Topin,
    "Super-convergence", 2018, with the cosine end that is usual today.
    """
    if schedule == "constant":
        return peak
    done = step / steps
    if done < WARM_UP:
        return peak * (START + (1 - START) * done / WARM_UP)
    return peak * (1 + cos(pi * (done - WARM_UP) / (1 - WARM_UP))) / 2
