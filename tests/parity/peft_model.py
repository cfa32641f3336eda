"""The reference model with a head, as Hugging Face's PEFT adapts it, and the weights of fixtures/model.json."""

import json
from pathlib import Path

import torch
from torch import nn

from reference import SpectralGPT

FIXTURES = Path(__file__).parent / "fixtures"


class Classifier(SpectralGPT):
    def __init__(self, width, depth, heads, classes):
        super().__init__(width, depth, heads)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        return self.head(super().forward(x)[1])


def tensor(stored):
    return torch.tensor(stored["values"], dtype=torch.float32).reshape(stored["shape"])


def load():
    """The model and its input, three images."""
    fixture = json.loads((FIXTURES / "model.json").read_text())
    head = fixture["head"]
    model = Classifier(**fixture["config"], classes=len(head["bias"]["values"]))
    state = {name: tensor(value) for name, value in fixture["parameters"].items()}
    model.load_state_dict({**state, "head.weight": tensor(head["weight"]), "head.bias": tensor(head["bias"])})
    return model, tensor(fixture["input"])
