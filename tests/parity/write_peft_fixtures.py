"""Writes fixtures/peft: adapters as Hugging Face's PEFT saves them, and the logits they give. Run it with `make peft-fixtures`."""

import json
import shutil

import torch
from peft import LoKrConfig, LoraConfig, get_peft_model

from peft_model import FIXTURES, load

COMMON = {"target_modules": ["q", "v"], "modules_to_save": ["head"]}
CASES = {
    "lora": LoraConfig(r=3, lora_alpha=6, **COMMON),
    "lora-patterns": LoraConfig(
        r=2, lora_alpha=5, rank_pattern={"blocks.1.attn.v": 4, "0.attn.q": 1}, alpha_pattern={r"blocks\.\d\.attn\.v": 3}, **COMMON
    ),
    "lora-rank-stabilised": LoraConfig(r=4, lora_alpha=3, use_rslora=True, **COMMON),
    "lora-queries": LoraConfig(r=2, lora_alpha=2, target_modules=["q"], modules_to_save=["head"]),
    "lokr": LoKrConfig(r=2, alpha=6, decompose_factor=4, **COMMON),
    "lokr-both": LoKrConfig(r=1, alpha=2, decompose_factor=4, decompose_both=True, **COMMON),
    "lokr-full": LoKrConfig(r=8, alpha=4, decompose_factor=4, **COMMON),
}

torch.manual_seed(0)
logits = {}
for name, config in CASES.items():
    model, images = load()
    adapted = get_peft_model(model, config)
    with torch.no_grad():
        for key, parameter in adapted.named_parameters():
            if parameter.requires_grad:
                parameter.copy_(torch.randn_like(parameter) * 0.3)
        output = adapted.eval()(images)
    directory = FIXTURES / "peft" / name
    shutil.rmtree(directory, ignore_errors=True)
    adapted.save_pretrained(directory)
    (directory / "README.md").unlink(missing_ok=True)
    logits[name] = {"shape": list(output.shape), "values": [float(v) for v in output.ravel()]}
(FIXTURES / "peft" / "logits.json").write_text(json.dumps(logits, separators=(",", ":")) + "\n")
