"""Measures how fast models run, side by side. This module holds the names of the runtimes and the scenarios."""

from typing import Literal, get_args

Runtime = Literal["tensorflow", "onnxruntime", "litert", "openvino", "ncnn", "mnn"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)

# The scenarios of MLPerf Inference: one query after another, throughput over large batches, Poisson arrivals.
Scenario = Literal["single-stream", "offline", "server"]
SCENARIOS: tuple[Scenario, ...] = get_args(Scenario)
