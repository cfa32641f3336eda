"""PyTorch with Hugging Face's PEFT on the tiles of `peft.ts`: `peft_case.py JSON`, prints one JSON object.

The model is tests/parity/reference.py's, with PyTorch's fused attention. It classifies in this process: no network, no queue, no copies of requests.
`mode` is `set` (one tile at a time, `set_adapter` before each) or `mixed` (several tiles in a batch, `adapter_names` for each patch).
"""

import gc
import json
import os
import statistics
import sys
import time
from pathlib import Path

given = json.loads(sys.argv[1])
os.environ.setdefault("OMP_NUM_THREADS", str(given["threads"]))

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from peft import PeftModel  # noqa: E402
from peft.tuners.lora import LoraLayer  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from torch import nn  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "parity"))
from reference import Attention, SpectralGPT  # noqa: E402

DTYPE = getattr(torch, given["precision"])
FOLDER = Path(given["folder"])
SIDE, HALO, PATCH, COMPONENTS = given["side"], given["halo"], given["patchSize"], 12
PIXELS = SIDE * SIDE
IMAGE = 32


class FusedAttention(Attention):
    def forward(self, x):
        q, k, v = (layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for layer in (self.q, self.k, self.v))
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Classifier(SpectralGPT):
    def __init__(self, config, classes):
        super().__init__(config["width"], config["depth"], config["heads"])
        for block in self.blocks:
            block.attn = FusedAttention(config["width"], config["heads"])
        self.first = 1 if config["pooling"] == "skip-first" else 0
        self.head = nn.Linear(config["width"], classes)

    def forward(self, x):
        x = self.patch_embed(x) + self.pos_embed_spatial.repeat(1, 4, 1) + self.pos_embed_temporal.repeat_interleave(16, dim=1)
        for block in self.blocks:
            x = x + block.attn(block.norm1(x))
            x = x + block.mlp(block.norm2(x))
        return self.head(self.norm(x[:, self.first :, :].mean(1)))


def new_model():
    folder = Path(given["backbone"])
    model = Classifier(json.loads((folder / "config.json").read_text()), given["classes"])
    missing, unexpected = model.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
    assert set(missing) == {"head.weight", "head.bias"} and not unexpected, (missing, unexpected)
    return model.eval().to(DTYPE)


def load(model, name):
    """Loads an adapter from its two files. Its factors keep the precision of the model, which is the fastest."""
    folder = str(FOLDER / name)
    if isinstance(model, PeftModel):
        model.load_adapter(folder, name, autocast_adapter_dtype=False)
        return model
    return PeftModel.from_pretrained(model, folder, adapter_name=name, autocast_adapter_dtype=False).eval()


TILES = torch.from_numpy(
    np.fromfile(FOLDER / "tiles.f32", np.float32).reshape(-1, SIDE + 2 * HALO, SIDE + 2 * HALO, COMPONENTS)
)


def patches(tile):
    """A tile of scores as images of the backbone, `[pixels, components, 32, 32]`."""
    scores = (TILES[tile % len(TILES)] / given["deviation"]).permute(2, 0, 1)
    cut = scores.unfold(1, PATCH, 1).unfold(2, PATCH, 1).permute(1, 2, 0, 3, 4).reshape(PIXELS, COMPONENTS, PATCH, PATCH)
    return F.interpolate(cut, size=IMAGE, mode="bilinear", align_corners=False).to(DTYPE)


def labels_of(logits):
    return (logits.argmax(1) + 1).tolist()


def classify(model, tile, name=None):
    """Switches to an adapter if one is named, and classifies a tile. Returns its labels, seconds of both, and of `set_adapter`."""
    start = time.perf_counter()
    if name is not None:
        model.set_adapter(name, inference_mode=True)
    switched = time.perf_counter()
    labels = labels_of(model(patches(tile)))
    return labels, time.perf_counter() - start, switched - start


def classify_mixed(model, tiles, names):
    batch = torch.cat([patches(tile) for tile in tiles])
    return labels_of(model(batch, adapter_names=[name for name in names for _ in range(PIXELS)]))


def resident():
    gc.collect()
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) * 1024


def memory():
    """Bytes of each adapter after the first, before any tile leaves memory that hides them."""
    counts = given["counts"]
    if counts[-1] == 1:
        return None
    model = load(new_model(), "a0")
    before = resident()
    for i in range(1, counts[-1]):
        load(model, f"a{i}")
    return (resident() - before) / (counts[-1] - 1)


def parameter_bytes(model):
    """Bytes of the tensors of adapter a0."""
    return sum(p.numel() * p.element_size() for name, p in model.named_parameters() if ".a0." in name)


def median_milliseconds(seconds):
    return 1000 * statistics.median(seconds)


def switch_off(model, names):
    """Leaves adapters their heads only."""
    for module in model.modules():
        if isinstance(module, LoraLayer):
            for name in names:
                module.set_scale(name, 0)


def in_turns(model, count):
    """Tiles per second of `tiles` tiles with `count` adapters in turns."""
    order = range(given["first"], given["first"] + given["tiles"])
    start = time.perf_counter()
    if given["mode"] == "mixed":
        for at in range(0, len(order), given["mixed"]):
            tiles = order[at : at + given["mixed"]]
            classify_mixed(model, tiles, [f"a{tile % count}" for tile in tiles])
    else:
        for tile in order:
            classify(model, tile, f"a{tile % count}")
    return len(order) / (time.perf_counter() - start)


def swaps(model, count):
    """Milliseconds over a usual tile: of a tile after a switch to a loaded adapter, and of the first tile of one read from its files."""
    switched, usual, published = [], [], []
    for i in range(given["swaps"]):
        switched.append(classify(model, i, f"a{(i + 1) % count}"))
        usual.append(classify(model, i)[1])
    for i in range(given["versions"]):
        start = time.perf_counter()
        load(model, f"p{i}")
        classify(model, i, f"p{i}")
        published.append(time.perf_counter() - start)
    return {
        "usual": median_milliseconds(usual),
        "swap": median_milliseconds([seconds for _, seconds, _ in switched]) - median_milliseconds(usual),
        "setAdapter": median_milliseconds([seconds for _, _, seconds in switched]),
        "published": median_milliseconds(published) - median_milliseconds(usual),
    }


def main():
    torch.set_num_threads(given["threads"])
    result = {"residentBytes": memory() if given["memory"] else None, "rates": []}
    model, loaded = new_model(), 0
    with torch.inference_mode():
        for count in given["counts"]:
            for i in range(loaded, count):
                model = load(model, f"a{i}")
            loaded = count
            if count == given["counts"][0]:
                # The first two runs are warm-up and left out, as on our side.
                for _ in range(2):
                    if given["mode"] == "mixed":
                        classify_mixed(model, range(given["mixed"]), ["a0"] * given["mixed"])
                    else:
                        classify(model, 0, "a0")
            result["rates"].append(in_turns(model, count))
        result["boundBytes"] = parameter_bytes(model)
        checked = given["checked"]
        names = [f"a{i % loaded}" for i in range(len(checked))]
        if given["mode"] == "mixed":
            result["labels"] = classify_mixed(model, checked, names)
        else:
            result.update(swaps(model, loaded))
            result["labels"] = [label for tile, name in zip(checked, names) for label in classify(model, tile, name)[0]]
            switch_off(model, set(names))
            result["headLabels"] = [label for tile, name in zip(checked, names) for label in classify(model, tile, name)[0]]
    print(json.dumps(result))


main()
