"""Loads adapters that hyperswap exported with Hugging Face's PEFT, and compares logits. Run it with `make parity-peft`.

The folder has one folder a method, with the two files of PEFT and logits.json.
"""

import json
import sys
from pathlib import Path

import torch
from peft import PeftModel

from peft_model import load, tensor

worst = 0.0
for directory in sorted(path for path in Path(sys.argv[1]).iterdir() if path.is_dir()):
    model, images = load()
    with torch.no_grad():
        logits = PeftModel.from_pretrained(model, str(directory)).eval()(images)
        plain = load()[0](images)
    wanted = tensor(json.loads((directory / "logits.json").read_text()))
    difference = (logits - wanted).abs().max().item()
    worst = max(worst, difference)
    print(f"{directory.name}: largest difference {difference:.1e} (the adapter moves logits by {(plain - wanted).abs().max():.2f})")
assert worst < 1e-4, "exported adapters compute something else in PEFT"
