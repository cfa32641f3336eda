"""One measurement of another engine: `peer_case.py JSON`, prints `{seconds, peakBytes}`.

The model is base's 12 blocks over 64 tokens, without embedding and head: [batch, 64, 768] to the same shape. `engine` is one of torch,
torch-compile, onnxruntime, openvino; `precision` is float32, bfloat16 or int8 (dynamic quantisation of the linear layers).
"""

import json
import os
import resource
import sys
import time
from pathlib import Path

THREADS = 2
os.environ.setdefault("OMP_NUM_THREADS", str(THREADS))

import numpy as np  # noqa: E402

TOKENS, WIDTH, HEADS = 64, 768, 12


def blocks():
    """Pre-norm blocks as a PyTorch user writes them, with PyTorch's own fused attention."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(WIDTH, eps=1e-6), nn.LayerNorm(WIDTH, eps=1e-6)
            self.q, self.k, self.v, self.proj = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
            self.fc1, self.fc2 = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

        def forward(self, x):
            rows = self.norm1(x)
            q, k, v = (layer(rows).unflatten(-1, (HEADS, -1)).transpose(1, 2) for layer in (self.q, self.k, self.v))
            x = x + self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
            return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))

    torch.manual_seed(0)
    torch.set_num_threads(THREADS)
    return nn.Sequential(*[Block() for _ in range(12)]).eval()


def torch_run(given):
    import torch

    model, dtype = blocks(), torch.float32
    if given["precision"] == "bfloat16":
        dtype = torch.bfloat16
        model = model.to(dtype)
    if given["precision"] == "int8":
        model = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
    if given["engine"] == "torch-compile":
        import torch._inductor.config as inductor

        inductor.freezing = True
        model = torch.compile(model)
    x = torch.randn(given["batch"], TOKENS, WIDTH, dtype=dtype)

    def run():
        with torch.inference_mode():
            model(x)

    return run


def onnx_file(folder, precision):
    """The exported model, made once a folder."""
    exact = Path(folder) / "blocks.onnx"
    if not exact.exists():
        import torch

        rows = torch.export.Dim("patches", min=2, max=512)
        torch.onnx.export(
            blocks(),
            (torch.randn(8, TOKENS, WIDTH),),
            str(exact),
            input_names=["x"],
            output_names=["y"],
            dynamo=True,
            external_data=False,
            dynamic_shapes=({0: rows},),
        )
    if precision != "int8":
        return exact
    quantised = Path(folder) / "blocks-int8.onnx"
    if not quantised.exists():
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(exact, quantised, weight_type=QuantType.QInt8, per_channel=True)
    return quantised


def onnxruntime_run(given):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    file = onnx_file(given["folder"], given["precision"])
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    x = np.random.randn(given["batch"], TOKENS, WIDTH).astype(np.float32)
    return lambda: session.run(None, {"x": x})


def openvino_run(given):
    """int8: the model that ONNX Runtime quantised."""
    import openvino

    core = openvino.Core()
    model = core.read_model(str(onnx_file(given["folder"], given["precision"])))
    model.reshape([given["batch"], TOKENS, WIDTH])
    settings = {
        "INFERENCE_NUM_THREADS": THREADS,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "bf16" if given["precision"] == "bfloat16" else "f32",
    }
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    x = np.random.randn(given["batch"], TOKENS, WIDTH).astype(np.float32)
    return lambda: request.infer({0: x})


RUNS = {
    "torch": torch_run,
    "torch-compile": torch_run,
    "onnxruntime": onnxruntime_run,
    "openvino": openvino_run,
}


def main():
    given = json.loads(sys.argv[1])
    run = RUNS[given["engine"]](given)
    seconds = []
    # The first two runs are warm-up and left out, as on our side.
    for _ in range(given["repetitions"] + 2):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds[2:], "peakBytes": peak}))


main()
