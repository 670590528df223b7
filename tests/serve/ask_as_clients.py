"""Asks a service as other people's clients do; it runs in build/clients: ask_as_clients.py ADDRESS IMAGES.npy MODEL

Prints the probabilities that each client got, by its name, as JSON.
"""

import asyncio
import json
import sys
from contextlib import suppress
from typing import Any

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from tritonclient import http as triton


def by_triton(address: str, images: Any, model: str, *, binary: bool) -> Any:
    client = triton.InferenceServerClient(address.removeprefix("http://"))
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(model)
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    (version,) = client.get_model_metadata(model)["versions"]
    tensor = triton.InferInput("image", list(images.shape), "UINT8")
    tensor.set_data_from_numpy(images, binary_data=binary)
    wanted = [triton.InferRequestedOutput("probabilities", binary_data=binary)]
    answer = client.infer(model, [tensor], model_version=version, outputs=wanted, request_id="7")
    assert answer.get_response()["id"] == "7"
    with suppress(triton.InferenceServerException):  # its words for our error
        client.infer("nothing", [tensor])
        raise AssertionError("a model that is not there answered")
    return answer.as_numpy("probabilities")


async def by_kserve(address: str, images: Any, model: str, *, binary: bool) -> Any:
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    assert await client.is_server_live(address)
    assert await client.is_server_ready(address)
    assert await client.is_model_ready(address, model)
    tensor = InferInput("image", list(images.shape), "UINT8")
    tensor.set_data_from_numpy(images, binary_data=binary)
    asked = InferRequest(model, [tensor], request_id="7", parameters={"binary_data_output": binary})
    answer = await client.infer(address, asked, model_name=model)
    assert answer.id == "7"
    return answer.outputs[0].as_numpy()


def main() -> None:
    _, address, path, model = sys.argv
    images = np.load(path)
    found = {}
    for binary in (True, False):
        found[f"triton {binary}"] = by_triton(address, images, model, binary=binary)
        found[f"kserve {binary}"] = asyncio.run(by_kserve(address, images, model, binary=binary))
    lists = {name: np.asarray(values, np.float32).tolist() for name, values in found.items()}
    sys.stdout.write(json.dumps(lists) + "\n")


if __name__ == "__main__":
    main()
