"""The words a bench is asked for in; they need no package, so that the command line may know them."""

from typing import Literal, get_args

Runtime = Literal["tensorflow", "onnxruntime", "litert", "openvino"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)

# As MLPerf Inference defines them: one query after another; throughput over large batches; Poisson arrivals.
Scenario = Literal["single-stream", "offline", "server"]
SCENARIOS: tuple[Scenario, ...] = get_args(Scenario)
