"""Trainings, asynchronously."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Literal

from hyperswap._channels import Channels
from hyperswap._progress import ProgressOption, display_of
from hyperswap._records import Progress, training_result_of
from hyperswap._splits import default_split, split_of
from hyperswap._training_view import TrainingView
from hyperswap._watch import watch_training
from hyperswap.errors import HyperswapError, InternalError
from hyperswap.v1 import training_pb2

Setting = str | float | bool
PatchSize = int | Literal["auto"]


class Training(TrainingView):
    """Training that runs or is done. Asynchronous twin of :class:`hyperswap.Training`."""

    def __init__(self, channels: Channels, id: str, scene: str, method: str) -> None:
        super().__init__(id, scene, method)
        self._channels = channels

    async def watch(self) -> AsyncIterator[Progress]:
        """Yield progress until the end; then ``result`` is set."""
        async for told in watch_training(self._channels, self.id):
            if isinstance(told, Progress):
                self._take(told)
                yield told
            elif told.WhichOneof("event") == "finished":
                self.result = training_result_of(told.finished)
            else:
                raise InternalError.of(reason="the training ended as a pretraining")

    async def wait(self, *, progress: ProgressOption = True) -> Training:
        """Wait for the end, and return this training. When this task is cancelled, the training goes on."""
        if self.result is not None:
            return self
        display = display_of(progress, self.method)
        try:
            async for told in self.watch():
                display(told)
        finally:
            display.close()
        return self

    async def cancel(self) -> None:
        """Cancel the training. Nothing is registered."""
        request = training_pb2.CancelTrainingRequest(training=self.id)
        await self._channels.unary(self._channels.trainings.CancelTraining, request)


async def start_training(
    channels: Channels,
    scene: str,
    *,
    method: str,
    adapter: str | None,
    split: str | None,
    preset: str | None,
    patch_size: PatchSize,
    seed: int,
    backbone: str | None,
    resume: bool,
    validate_only: bool,
    settings: dict[str, Setting],
) -> Training:
    """Start a training."""
    chosen = split if split is not None or preset is not None else default_split
    request = training_pb2.StartTrainingRequest(
        scene=scene,
        method=method,
        adapter=scene if adapter is None else adapter,
        backbone=backbone or "",
        split=None if chosen is None else split_of(chosen, seed),
        settings={_camel_case(name): _text(value) for name, value in settings.items()},
        seed=seed,
        patch_size=0 if patch_size == "auto" else patch_size,
        choose_patch_size=patch_size == "auto",
        preset=preset or "",
        resume=resume,
        validate_only=validate_only,
    )
    answer = await channels.unary(channels.trainings.StartTraining, request, idempotent=False)
    return Training(channels, answer.training, scene, method)


async def run_to_end(training: Training, progress: ProgressOption) -> Training:
    """Wait for the end. When this task is cancelled, so is the training."""
    try:
        return await training.wait(progress=progress)
    except asyncio.CancelledError:
        with contextlib.suppress(HyperswapError, asyncio.CancelledError):
            await asyncio.shield(training.cancel())
        raise


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(one[:1].upper() + one[1:] for one in others)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
