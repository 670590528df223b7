"""ONNX files that reach for other files, for memory, or for code."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import odd_models as odd
import onnx
from onnx import helper, numpy_helper
from payloads.catalogue import Place, digit, payload
from payloads.in_data import arrays

COMMANDS = (
    "predict seven.png --model model.onnx",
    "info model.onnx",
    "export model.onnx --quantize --out out",
)
BENCH = "bench model.onnx --duration 0.1"
OUTSIDE = "weights are in another place"
OPERATORS = "only ONNX's own operators are run"


def saved(at: Path, model: Any) -> None:
    digit(at / "seven.png")
    odd.save(model, at / "model.onnx")


def with_weights_in(at: Path, location: str) -> None:
    digit(at / "seven.png")
    odd.save_external(odd.linear(), at / "model.onnx", location)


@payload(*COMMANDS, BENCH, says=OUTSIDE)
def cve_2026_27489_weights_behind_a_linked_folder(at: Path, place: Place) -> None:
    (at / "weights").symlink_to(place.secret)
    with_weights_in(at, "weights/weights.bin")


@payload(*COMMANDS, says=OUTSIDE)
def cve_2026_34447_weights_behind_a_link(at: Path, place: Place) -> None:
    (at / "weights.bin").symlink_to(place.secret / "weights.bin")
    with_weights_in(at, "weights.bin")


@payload(*COMMANDS, says=OUTSIDE)
def cve_2026_34446_weights_under_a_second_name(at: Path, place: Place) -> None:
    os.link(place.secret / "weights.bin", at / "secret.bin")
    with_weights_in(at, "secret.bin")


@payload(*COMMANDS, says=OUTSIDE)
def cve_2026_34445_weights_with_keys_that_set_attributes(at: Path, place: Place) -> None:
    model = odd.linear()
    for key in ("__class__", "basepath", "length"):
        model.graph.initializer[0].external_data.add(key=key, value=str(10**15))
    saved(at, model)


@payload(*COMMANDS, says=OUTSIDE)
def cve_2024_27318_weights_above_by_a_detour(at: Path, place: Place) -> None:
    (at / "here").mkdir()
    with_weights_in(at, f"here/../{os.path.relpath(place.secret, at)}/weights.bin")


@payload(*COMMANDS, says=OUTSIDE)
def cve_2022_25882_weights_above(at: Path, place: Place) -> None:
    with_weights_in(at, f"{os.path.relpath(place.secret, at)}/weights.bin")


@payload(*COMMANDS, says=OUTSIDE)
def weights_by_an_absolute_path(at: Path, place: Place) -> None:
    with_weights_in(at, str(place.secret / "weights.bin"))


@payload(*COMMANDS, says=OUTSIDE)
def weights_at_an_address_in_memory(at: Path, place: Place) -> None:
    with_weights_in(at, "*/_ORT_MEM_ADDR_/*")


@payload(*COMMANDS, says=OUTSIDE)
def weights_of_a_branch_elsewhere(at: Path, place: Place) -> None:
    tensor = numpy_helper.from_array(np.zeros((2, 2), np.float32), "zeros")
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=str(place.secret / "weights.bin"))
    output = helper.make_tensor_value_info("zeros", onnx.TensorProto.FLOAT, None)
    branch = helper.make_graph([helper.make_node("Constant", [], ["zeros"], value=tensor)], "branch", [], [output])
    model = odd.linear()
    model.graph.node.append(helper.make_node("If", ["c"], ["z"], then_branch=branch, else_branch=branch))
    saved(at, model)


@payload(*COMMANDS, BENCH, says="sparse tensors")
def a_sparse_tensor_with_indices_out_of_bounds(at: Path, place: Place) -> None:
    model = odd.linear()
    values = numpy_helper.from_array(np.ones(1, np.float32), "more")
    model.graph.sparse_initializer.append(
        helper.make_sparse_tensor(values, numpy_helper.from_array(np.array([2**40]), "at"), [4])
    )
    saved(at, model)


@payload(*COMMANDS, says="defines functions")
def functions_that_call_each_other_a_billion_times(at: Path, place: Place) -> None:
    model = odd.linear()
    for level in range(30):
        calls = [helper.make_node(f"F{level + 1}", ["x"], ["x"], domain="ours") for _ in range(2)]
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ours", 1)]
        model.functions.append(helper.make_function("ours", f"F{level}", ["x"], ["x"], calls, opsets))
    saved(at, model)


def with_node(domain: str, operator: str, **attributes: Any) -> Callable[[Path, Place], None]:
    def build(at: Path, place: Place) -> None:
        model = odd.linear()
        model.graph.node.append(helper.make_node(operator, ["pixels"], ["more"], domain=domain, **attributes))
        model.opset_import.append(helper.make_opsetid(domain, 1))
        saved(at, model)

    return build


@payload(*COMMANDS, says=OPERATORS)
def an_operator_that_runs_python(at: Path, place: Place) -> None:
    with_node("ai.onnx.contrib", "PyOp", code=f"open({str(place.marker)!r}, 'w')")(at, place)


@payload(*COMMANDS, BENCH, says=OPERATORS)
def an_operator_that_opens_another_models_file(at: Path, place: Place) -> None:
    with_node("com.microsoft", "EPContext", embed_mode=0, ep_cache_context=str(place.secret / "weights.bin"))(at, place)


@payload(*COMMANDS, says=OPERATORS)
def a_tree_with_children_out_of_bounds(at: Path, place: Place) -> None:
    with_node("ai.onnx.ml", "TreeEnsembleClassifier", nodes_truenodeids=[2**40])(at, place)


@payload(*COMMANDS, says="onnxruntime's own format")
def a_file_in_onnxruntimes_own_format(at: Path, place: Place) -> None:
    digit(at / "seven.png")
    (at / "model.onnx").write_bytes(b"\x20\0\0\0ORTM" + bytes(1000))


@payload(COMMANDS[0], "info model.onnx", says="", code=0)
def settings_of_onnxruntime_that_write_a_file(at: Path, place: Place) -> None:
    """onnxruntime takes them from the file if ORT_LOAD_CONFIG_FROM_MODEL is set, as it is here."""
    options = {"enable_profiling": True, "intra_op_num_threads": 64}
    saved(at, odd.linear(metadata={"ort_config": json.dumps({"session_options": options})}))


@payload(*COMMANDS, says="training graph")
def a_training_graph_with_weights_elsewhere(at: Path, place: Place) -> None:
    model = odd.linear()
    tensor = model.training_info.add().algorithm.initializer.add(name="w", data_location=onnx.TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=str(place.secret / "weights.bin"))
    saved(at, model)


@payload(COMMANDS[0], COMMANDS[2], says="takes more memory than there is")
def a_constant_of_a_petabyte(at: Path, place: Place) -> None:
    model = odd.linear()
    shape = numpy_helper.from_array(np.array([2**24, 2**24]), "shape")
    model.graph.initializer.append(shape)
    model.graph.node.extend(
        [
            helper.make_node("ConstantOfShape", ["shape"], ["huge"]),
            helper.make_node("ReduceMax", ["huge"], ["largest"], keepdims=0),
            helper.make_node("Add", ["probabilities", "largest"], ["sum"]),
        ]
    )
    model.graph.output[0].name = "sum"
    saved(at, model)


@payload(*COMMANDS, says="")
def a_weight_that_claims_more_than_the_file_holds(at: Path, place: Place) -> None:
    model = odd.linear()
    del model.graph.initializer[0].dims[:]
    model.graph.initializer[0].dims.extend([2**31, 2**31])
    saved(at, model)


@payload("export model.onnx --quantize --out out", says="cannot be read", looks=True)
def data_of_the_model_that_is_a_secret(at: Path, place: Place) -> None:
    """A file names the data that its model was trained with. Nothing of what else lies there may be shown."""
    dataset = {"name": str(place.secret / "secret.csv"), "sha256": "0" * 64}
    saved(at, odd.linear(metadata={"edgecnn.dataset": json.dumps(dataset)}))


@payload("export model.onnx --quantize --out out --data few.npz --scheme dynamic", says="", code=0)
def a_name_that_is_a_path(at: Path, place: Place) -> None:
    np.savez(at / "few.npz", **arrays())  # type: ignore[arg-type]
    saved(at, odd.linear(metadata={"edgecnn.name": "../../../secret/weights.bin", "edgecnn.recipe": "/etc/passwd"}))
