"""A user of tritonclient: calls every method that it has for models. Reads a JSON description of the inputs, prints JSON."""

import json
import sys
import threading

import grpc
import numpy as np
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

asked = json.load(sys.stdin)
endpoint, model = asked["endpoint"], asked["model"]
tile = np.array(asked["tile"]["values"], dtype=np.uint16).reshape(asked["tile"]["shape"])
patches = np.array(asked["patches"]["values"], dtype=np.uint16).reshape(asked["patches"]["shape"])
client = triton.InferenceServerClient(endpoint)


def tensor(name, values, datatype="UINT16"):
    given = triton.InferInput(name, list(values.shape), datatype)
    given.set_data_from_numpy(values)
    return given


def outputs(*names):
    return [triton.InferRequestedOutput(name) for name in names]


def shown(result, *names):
    found = {name: result.as_numpy(name) for name in names}
    return {name: {"shape": list(v.shape), "type": str(v.dtype), "values": v.ravel().tolist()} for name, v in found.items()}


def error_of(call):
    try:
        call()
    except InferenceServerException as error:
        return {"status": error.status(), "message": error.message()}
    return None


def stream(inputs):
    """Sends several requests on one stream. Returns results or errors by the identifiers of the requests."""
    found, done = {}, threading.Semaphore(0)

    def taken(result, error):
        if error is None:
            found[result.get_response().id] = shown(result, "labels")["labels"]["values"]
        else:
            found["error"] = error.message()
        done.release()

    client.start_stream(taken)
    for name, given in inputs:
        client.async_stream_infer(model, [given], request_id=name, priority=1)
    for _ in inputs:
        assert done.acquire(timeout=60)
    client.stop_stream()
    return found


def typed():
    """A client without raw contents, as those in Go and Java that are written by hand, who asks for typed contents too."""
    stub = service_pb2_grpc.GRPCInferenceServiceStub(grpc.insecure_channel(endpoint))
    request = service_pb2.ModelInferRequest(model_name=model)
    request.parameters["binary_data_output"].bool_param = False
    given = request.inputs.add(name="tile", datatype="UINT16", shape=tile.shape)
    given.contents.uint_contents.extend(tile.ravel().tolist())
    request.outputs.add(name="labels")
    request.outputs.add(name="confidence")
    labels, confidence = stub.ModelInfer(request).outputs
    return {"labels": list(labels.contents.uint_contents), "confidence": list(confidence.contents.fp32_contents)}


def asynchronous():
    results, done = [], threading.Event()

    def taken(result, error):
        results.append(error.message() if result is None else shown(result, "labels")["labels"]["values"])
        done.set()

    client.async_infer(model, [tensor("patches", patches)], taken)
    assert done.wait(60)
    return results[0]


answer = {
    "live": client.is_server_live(),
    "ready": client.is_server_ready(),
    "server": client.get_server_metadata(as_json=True),
    "modelReady": client.is_model_ready(model),
    "unknownReady": client.is_model_ready("nobody"),
    "metadata": client.get_model_metadata(model, as_json=True),
    "config": client.get_model_config(model, as_json=True),
    "tile": shown(client.infer(model, [tensor("tile", tile)], outputs=outputs("labels", "confidence", "probabilities")), "labels", "confidence", "probabilities"),
    "batchedTile": shown(client.infer(model, [tensor("tile", tile[np.newaxis])]), "labels", "confidence"),
    "patches": shown(client.infer(model, [tensor("patches", patches)], request_id="mine", timeout=60_000_000, outputs=outputs("labels", "probabilities")), "labels", "probabilities"),
    "floats": shown(client.infer(model, [tensor("patches", patches.astype(np.float32), "FP32")], model_version="1"), "labels"),
    "typed": typed(),
    "asynchronous": asynchronous(),
    "stream": stream([("one", tensor("patches", patches)), ("two", tensor("tile", tile)), ("bad", tensor("nothing", tile))]),
    "unknownModel": error_of(lambda: client.infer("nobody", [tensor("tile", tile)])),
    "unknownVersion": error_of(lambda: client.infer(model, [tensor("tile", tile)], model_version="99")),
    "wrongShape": error_of(lambda: client.infer(model, [tensor("patches", patches[:, 1:])])),
    "wrongType": error_of(lambda: client.infer(model, [tensor("tile", tile.astype(np.int64), "INT64")])),
    "sharedMemory": error_of(lambda: client.get_system_shared_memory_status()),
    "index": client.get_model_repository_index(as_json=True),
}
client.load_model(model, config=json.dumps({"ignored": True}))
answer["loaded"] = client.is_model_ready(model)
client.unload_model(model)
answer["statistics"] = client.get_inference_statistics(model, as_json=True)
print(json.dumps(answer))
