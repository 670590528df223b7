"""Asks a service as somebody else's client does: ask_as_clients.py triton|kserve ADDRESS IMAGES.npy MODEL

It runs in build/clients. It prints the probabilities that the client got, with binary data and without, as JSON.
"""

import asyncio
import json
import sys
from contextlib import suppress
from typing import Any

import numpy as np


def by_triton(address: str, images: Any, model: str, *, binary: bool) -> Any:
    from tritonclient import http as triton

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


def by_kserve(address: str, images: Any, model: str, *, binary: bool) -> Any:
    return asyncio.run(_by_kserve(address, images, model, binary=binary))


async def _by_kserve(address: str, images: Any, model: str, *, binary: bool) -> Any:
    from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

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


CLIENTS = {"triton": by_triton, "kserve": by_kserve}


def main() -> None:
    _, client, address, path, model = sys.argv
    answers = [CLIENTS[client](address, np.load(path), model, binary=binary) for binary in (True, False)]
    sys.stdout.write(json.dumps([np.asarray(values, np.float32).tolist() for values in answers]) + "\n")


if __name__ == "__main__":
    main()
