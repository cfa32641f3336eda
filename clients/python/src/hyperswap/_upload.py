"""Sends a raw scene as blocks of rows, and goes on where an upload was cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import numpy as np

from hyperswap._channels import Channels
from hyperswap._records import Progress, progress_of
from hyperswap._sources import Labels, Source
from hyperswap.errors import (
    BusUnreachableError,
    DrainingError,
    HyperswapError,
    InternalError,
    JobsFullError,
    SceneSourcesBusyError,
    SceneSourceUnreachableError,
    ServiceError,
    ServiceUnreachableError,
    StoreUnreachableError,
)
from hyperswap.v1 import scene_pb2

block_bytes = 1024 * 1024
"""Bytes of one block of rows, at most one row more."""

_attempts = 6
_first_pause = 0.5
_may_go_on = (
    ServiceUnreachableError,
    DrainingError,
    JobsFullError,
    StoreUnreachableError,
    BusUnreachableError,
    SceneSourceUnreachableError,
    SceneSourcesBusyError,
)


async def send_scene(
    channels: Channels,
    header: scene_pb2.PrepareSceneHeader,
    source: Source,
    labels: Labels,
    report: Callable[[Progress], None],
) -> scene_pb2.Scene:
    """Send a scene, and wait until it is prepared.

    An upload that is cut off goes on at the row that the service names, as long as any rows get
    through.
    """
    stored_rows = 0
    failures = 0
    while True:
        accepted: asyncio.Future[scene_pb2.PreparationAccepted] = asyncio.get_running_loop().create_future()
        requests = _requests(header, source, labels, accepted, report)
        try:
            async for response in channels.exchange(channels.sending.prepare_scene, requests):
                event = response.WhichOneof("event")
                if event == "scene":
                    return response.scene
                if event == "progress":
                    told = progress_of(response.progress)
                    report(Progress(f"preparing, {told.stage}", told.done, told.total))
                elif event == "accepted":
                    next_rows = response.accepted.next_row + sum(response.accepted.next_label_rows.values())
                    if next_rows > stored_rows:
                        failures = 0
                    stored_rows = next_rows
                    header.resume_job = response.accepted.job
                    accepted.set_result(response.accepted)
            raise InternalError.of(reason="the preprocessing service ended without a scene")
        except HyperswapError as error:
            failures += 1
            if header.resume_job == "" or failures >= _attempts or not _can_go_on(error):
                raise
            await asyncio.sleep(_first_pause * 2.0 ** (failures - 1))
        finally:
            accepted.cancel()


def _can_go_on(error: HyperswapError) -> bool:
    # A connection that breaks in the middle of a message ends with a status of gRPC's own.
    broken = isinstance(error, ServiceError) and error.details.get("status") in ("INTERNAL", "UNKNOWN")
    return broken or isinstance(error, _may_go_on)


async def _requests(
    header: scene_pb2.PrepareSceneHeader,
    source: Source,
    labels: Labels,
    accepted: asyncio.Future[scene_pb2.PreparationAccepted],
    report: Callable[[Progress], None],
) -> AsyncIterator[scene_pb2.PrepareSceneRequest]:
    yield scene_pb2.PrepareSceneRequest(header=header)
    start = await accepted
    _, dtype = source.scene_type
    step = max(1, block_bytes // (source.width * source.bands * dtype.itemsize))
    for row in range(start.next_row, source.height, step) if source.remote == "" else ():
        last = min(row + step, source.height)
        values = await asyncio.to_thread(_bytes, source, row, last, dtype)
        yield scene_pb2.PrepareSceneRequest(pixels=scene_pb2.PixelRows(row=row, values=values))
        report(Progress("sending", last, source.height))
    step = max(1, block_bytes // source.width)
    for name, label_map in labels.maps.items():
        for row in range(start.next_label_rows.get(name, 0), source.height, step):
            block = label_map[row : row + step].tobytes()
            rows = scene_pb2.LabelRows(label_map=name, row=row, labels=block)
            yield scene_pb2.PrepareSceneRequest(labels=rows)


def _bytes(source: Source, first: int, last: int, dtype: np.dtype[np.generic]) -> bytes:
    return np.ascontiguousarray(source.read(first, last), dtype=dtype).tobytes()
