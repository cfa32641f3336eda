"""Jobs of all kinds, asynchronously."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal

from hyperswap._channels import Channels
from hyperswap._records import Job, Progress, job_of
from hyperswap._watch import watch_preparation, watch_scene_job, watch_training
from hyperswap.errors import JobNotFoundError
from hyperswap.v1 import scene_job_pb2, scene_pb2, training_pb2

Kind = Literal["preparation", "training", "pretraining", "scene"]


class Jobs:
    """Jobs of the retention time. Asynchronous twin of :class:`hyperswap.Jobs`."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    async def list(self, kind: Kind | None = None) -> list[Job]:
        """Return preparations, trainings and classifications, the newest first."""
        found: list[Job] = []
        if kind in (None, "preparation"):
            found += [job_of(one.status, one.scene) async for one in self._preparations()]
        if kind in (None, "training", "pretraining"):
            found += [job_of(one.status, f"{one.method} on {one.scene}") async for one in self._trainings()]
        if kind in (None, "scene"):
            subjects = [(one, f"{one.scene} by {one.adapter.name}@{one.adapter.version}") async for one in self._maps()]
            found += [job_of(one.status, subject) for one, subject in subjects]
        if kind is not None:
            found = [one for one in found if one.kind == kind]
        return sorted(found, key=lambda job: job.created_at, reverse=True)

    async def get(self, job: str) -> Job:
        """Return the job of an identifier."""
        for one in await self.list():
            if one.id == job:
                return one
        raise JobNotFoundError.of(kind="job", job=job)

    async def watch(self, job: str | Job) -> AsyncIterator[Progress]:
        """Yield the progress of a job until its end; raise what it failed with."""
        found = await self.get(job) if isinstance(job, str) else job
        watches: dict[str, Any] = {"preparation": watch_preparation, "scene": watch_scene_job}
        watch = watches.get(found.kind, watch_training)
        async for told in watch(self._channels, found.id):
            if isinstance(told, Progress):
                yield told

    async def cancel(self, job: str | Job) -> None:
        """Cancel a job."""
        found = await self.get(job) if isinstance(job, str) else job
        calls = self._channels
        if found.kind == "preparation":
            await calls.unary(calls.scenes.CancelPreparation, scene_pb2.CancelPreparationRequest(job=found.id))
        elif found.kind == "scene":
            await calls.unary(calls.scene_jobs.CancelSceneJob, scene_job_pb2.CancelSceneJobRequest(job=found.id))
        else:
            await calls.unary(calls.trainings.CancelTraining, training_pb2.CancelTrainingRequest(training=found.id))

    async def _preparations(self) -> AsyncIterator[scene_pb2.Preparation]:
        method = self._channels.scenes.ListPreparations
        async for page in self._channels.pages(method, scene_pb2.ListPreparationsRequest()):
            for one in page.preparations:
                yield one

    async def _trainings(self) -> AsyncIterator[training_pb2.Training]:
        method = self._channels.trainings.ListTrainings
        async for page in self._channels.pages(method, training_pb2.ListTrainingsRequest()):
            for one in page.trainings:
                yield one

    async def _maps(self) -> AsyncIterator[scene_job_pb2.SceneJob]:
        method = self._channels.scene_jobs.ListSceneJobs
        async for page in self._channels.pages(method, scene_job_pb2.ListSceneJobsRequest()):
            for one in page.jobs:
                yield one
