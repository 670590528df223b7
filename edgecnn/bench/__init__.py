"""Measures what a model costs, side by side with others. The words that a bench is asked for in stand here."""

from typing import Literal, get_args

Runtime = Literal["tensorflow", "onnxruntime", "litert", "openvino"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)

# As MLPerf Inference defines them: one query after another; throughput over large batches; Poisson arrivals.
Scenario = Literal["single-stream", "offline", "server"]
SCENARIOS: tuple[Scenario, ...] = get_args(Scenario)
