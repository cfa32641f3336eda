"""Build hook: generates the stubs before files are collected."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent))
from generate_stubs import generate


class GenerateStubs(BuildHookInterface):  # type: ignore[type-arg]
    """Runs protoc where the protos are; a source distribution has its stubs already."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the stubs."""
        generate()
