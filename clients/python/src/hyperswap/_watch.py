"""Follows long work to its end. The end of a connection, which pods and balancers cut off, is not its end."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import TypeVar

from hyperswap._channels import Channels, is_cut_off
from hyperswap._records import Progress, progress_of
from hyperswap.errors import HyperswapError, InternalError
from hyperswap.v1 import scene_job_pb2, scene_pb2, training_pb2

Event = TypeVar("Event")
Result = TypeVar("Result")
Report = Callable[[Progress], None]

_patience = 120.0
"""Seconds without an answer after which watching ends."""


async def keep_watching(watch: Callable[[], AsyncIterator[Event]]) -> AsyncIterator[Event]:
    """Yield events, anew whenever the connection is cut off, from whatever process answers then."""
    heard = time.monotonic()
    pause = 0.2
    while True:
        start = time.monotonic()
        try:
            async for event in watch():
                heard = time.monotonic()
                pause = 0.2
                yield event
            return
        except HyperswapError as error:
            now = time.monotonic()
            # A watch that lasted longer than the timeout was connected, even without a message.
            if now - start > _patience:
                heard = now
            if not is_cut_off(error) or now - heard > _patience:
                raise
            await asyncio.sleep(pause * (1 + random.random()))
            pause = min(5.0, 2 * pause)


async def watch_training(
    channels: Channels, training: str
) -> AsyncIterator[Progress | training_pb2.WatchTrainingResponse]:
    """Yield the progress of a training or pretraining, and at last the message with its result."""
    request = training_pb2.WatchTrainingRequest(training=training)

    def read(response: training_pb2.WatchTrainingResponse) -> Progress | training_pb2.WatchTrainingResponse:
        if response.WhichOneof("event") != "progress":
            return response
        told = response.progress
        stage = told.progress
        loss = told.loss if told.HasField("loss") else None
        return Progress(stage.stage, stage.done, stage.total, loss, told.epoch)

    watch = keep_watching(lambda: channels.read(channels.trainings.WatchTraining, request))
    async for told in _to_the_end(watch, read, "the training ended without a result"):
        yield told


async def watch_preparation(channels: Channels, job: str) -> AsyncIterator[Progress | scene_pb2.Scene]:
    """Yield the progress of a preparation, and at last the scene."""
    request = scene_pb2.WatchPreparationRequest(job=job)

    def read(response: scene_pb2.WatchPreparationResponse) -> Progress | scene_pb2.Scene:
        return response.scene if response.WhichOneof("event") == "scene" else progress_of(response.progress)

    watch = keep_watching(lambda: channels.read(channels.scenes.WatchPreparation, request))
    async for told in _to_the_end(watch, read, "the preparation ended without a scene"):
        yield told


async def watch_scene_job(channels: Channels, job: str) -> AsyncIterator[Progress | scene_job_pb2.SceneJob]:
    """Yield the progress of a classification, and at last the job that is done."""
    request = scene_job_pb2.WatchSceneJobRequest(job=job)

    def read(response: scene_job_pb2.WatchSceneJobResponse) -> Progress | scene_job_pb2.SceneJob:
        if response.WhichOneof("event") == "done":
            return response.done
        return classifying(response.progress.done, response.progress.total)

    watch = keep_watching(lambda: channels.read(channels.scene_jobs.WatchSceneJob, request))
    async for told in _to_the_end(watch, read, "the scene job ended without a map"):
        yield told


async def _to_the_end(
    events: AsyncIterator[Event], read: Callable[[Event], Progress | Result], missing: str
) -> AsyncIterator[Progress | Result]:
    """Yield progress, and at last the result.

    The last stage ends complete: services leave out reports that follow each other quickly.
    """
    last: Progress | None = None
    async for event in events:
        told = read(event)
        if isinstance(told, Progress):
            last = told
            yield told
            continue
        if last is not None and last.done < last.total:
            yield replace(last, done=last.total)
        yield told
        return
    raise InternalError.of(reason=missing)


def classifying(done: int, total: int) -> Progress:
    """Return the progress of a classification, which its service counts in chunks."""
    return Progress("classifying", done, total)


async def run_scene_job(
    channels: Channels, request: scene_job_pb2.ClassifySceneRequest, report: Report
) -> scene_job_pb2.SceneJob:
    """Run a classification to its end. When this task is cancelled, so is the job."""
    job = ""
    try:
        async for response in channels.read(channels.scene_jobs.ClassifyScene, request):
            event = response.WhichOneof("event")
            if event == "accepted":
                job = response.accepted.status.job
            elif event == "progress":
                report(classifying(response.progress.done, response.progress.total))
            elif event == "done":
                report(classifying(1, 1))
                return response.done
        raise InternalError.of(reason="the scene job ended without a map")
    except HyperswapError as error:
        # The job goes on without the process that was asked.
        if job == "" or not is_cut_off(error):
            raise
    async for told in watch_scene_job(channels, job):
        if not isinstance(told, Progress):
            return told
        report(told)
    raise InternalError.of(reason="the scene job ended without a map")
