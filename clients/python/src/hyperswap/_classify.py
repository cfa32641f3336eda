"""Maps of prepared scenes, by jobs, and of raw arrays, by streams of tiles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperswap._channels import Channels
from hyperswap._maps import Agreement, MapArrays
from hyperswap._records import Adapter, SceneRecord, adapter_of, progress_of
from hyperswap._sources import Source
from hyperswap._tiles import Tile, TileStream, fractions
from hyperswap._watch import Report, classifying, run_scene_job
from hyperswap.v1 import scene_job_pb2, tile_pb2

tile_size = 64


async def classify_scene(
    channels: Channels,
    scene: SceneRecord,
    adapter: str,
    report: Report,
    *,
    probabilities: bool = False,
    smooth: int = 0,
    agreement: float | None = None,
) -> MapArrays:
    """Classify a prepared scene as a job, and read its map."""
    adaptive = agreement is not None
    request = scene_job_pb2.ClassifySceneRequest(
        scene=scene.name,
        scene_digest=scene.digest,
        adapter=adapter,
        probabilities=probabilities,
        mode=scene_job_pb2.SCENE_JOB_MODE_ADAPTIVE if adaptive else scene_job_pb2.SCENE_JOB_MODE_EXACT,
        agreement=agreement,
    )
    job = await run_scene_job(channels, request, report)
    return await read_map(channels, job, scene, report, probabilities=probabilities, smooth=smooth)


async def read_map(
    channels: Channels,
    job: scene_job_pb2.SceneJob,
    scene: SceneRecord | None,
    report: Report,
    *,
    probabilities: bool,
    smooth: int,
) -> MapArrays:
    """Read the map of a job that is done. Without a scene it has no georeference."""
    version = adapter_of(job.adapter)
    outputs = [tile_pb2.OUTPUT_LABELS, tile_pb2.OUTPUT_CONFIDENCE]
    if probabilities:
        outputs.append(tile_pb2.OUTPUT_PROBABILITIES)
    request = scene_job_pb2.ReadMapRequest(job=job.status.job, outputs=outputs, smoothing_reach=smooth)
    found = _Mosaic(job.height, job.width, version, probabilities)
    async for response in channels.read(channels.scene_jobs.ReadMap, request):
        if response.WhichOneof("event") == "progress":
            report(progress_of(response.progress))
            continue
        rows = response.rows
        window = rows.window
        found.place(
            (window.row, window.column, window.height, window.width), rows.labels, rows.confidence, rows.probabilities
        )
    crs, transform = ("", None) if scene is None else (crs_of(scene.crs_wkt, scene.epsg), scene.transform)
    return replace(found.arrays(crs, transform), agreement=measured_of(job))


def measured_of(job: scene_job_pb2.SceneJob) -> Agreement | None:
    """Return what an adaptive job measured; None for an exact one."""
    if not job.HasField("measured"):
        return None
    measured = job.measured
    classified = measured.classified / max(1, measured.pixels)
    return Agreement(job.agreement, measured.value, measured.low, measured.high, classified)


async def classify_source(
    channels: Channels,
    source: Source,
    adapter: Adapter,
    report: Report,
    *,
    probabilities: bool = False,
) -> MapArrays:
    """Classify a raw scene without preparing it: the adapter carries its PCA. Pixels without data get label 0."""
    cutter = _Cutter(source, adapter.patch_size // 2)
    stream = TileStream(
        channels,
        cutter.tiles(),
        adapter=adapter.reference,
        probabilities=probabilities,
        wavelengths=source.wavelengths,
        order="ready",
    )
    found = _Mosaic(source.height, source.width, adapter, probabilities)
    done = 0
    async for tile in stream.results():
        valid = cutter.masks.pop(tile.id)
        height, width = valid.shape
        labels = np.where(valid, tile.labels, 0).astype(np.uint8)
        assert tile.confidence is not None
        found.set(
            (tile.row, tile.column, height, width),
            labels,
            tile.confidence * valid,
            None if tile.probabilities is None else tile.probabilities * valid[:, :, None],
        )
        done += 1
        report(classifying(done, cutter.total))
    return found.arrays(crs_of(source.crs_wkt, source.epsg), source.transform)


def crs_of(wkt: str, epsg: int) -> str:
    """Return a reference system as text: WKT, ``EPSG:code``, or nothing."""
    return wkt if wkt else (f"EPSG:{epsg}" if epsg else "")


class _Mosaic:
    """Map that is assembled from windows."""

    def __init__(self, height: int, width: int, adapter: Adapter, probabilities: bool) -> None:
        self._adapter = adapter
        self._labels = np.zeros((height, width), dtype=np.uint8)
        self._confidence = np.zeros((height, width), dtype=np.float32)
        count = len(adapter.classes)
        self._probabilities = np.zeros((height, width, count), dtype=np.float32) if probabilities else None

    def place(self, window: tuple[int, int, int, int], labels: bytes, confidence: bytes, probabilities: bytes) -> None:
        shape = window[2:]
        self.set(
            window,
            np.frombuffer(labels, dtype=np.uint8).reshape(shape),
            fractions(confidence).reshape(shape),
            fractions(probabilities).reshape(*shape, -1) if self._probabilities is not None else None,
        )

    def set(
        self,
        window: tuple[int, int, int, int],
        labels: NDArray[np.uint8],
        confidence: NDArray[np.float32],
        probabilities: NDArray[np.float32] | None,
    ) -> None:
        row, column, height, width = window
        part = (slice(row, row + height), slice(column, column + width))
        self._labels[part] = labels
        self._confidence[part] = confidence
        if self._probabilities is not None and probabilities is not None:
            self._probabilities[part] = probabilities

    def arrays(self, crs: str, transform: tuple[float, ...] | None) -> MapArrays:
        adapter = self._adapter
        return MapArrays(
            self._labels, self._confidence, self._probabilities, adapter.classes, adapter.reference, crs, transform
        )


@dataclass
class _Cutter:
    """Cuts a raw scene into tiles with a halo; tiles without any data are left out."""

    source: Source
    halo: int

    def __post_init__(self) -> None:
        self.masks: dict[str, NDArray[np.bool_]] = {}
        self.total = -(-self.source.height // tile_size) * -(-self.source.width // tile_size)

    async def tiles(self) -> AsyncIterator[Tile]:
        source, halo = self.source, self.halo
        for row in range(0, source.height, tile_size):
            height = min(tile_size, source.height - row)
            top, bottom = min(halo, row), min(halo, source.height - row - height)
            rows = await asyncio.to_thread(source.read, row - top, row + height + bottom)
            for column in range(0, source.width, tile_size):
                width = min(tile_size, source.width - column)
                left, right = min(halo, column), min(halo, source.width - column - width)
                window = rows[:, column - left : column + width + right]
                values, valid = await asyncio.to_thread(fill_missing, source, window)
                if not valid.any():
                    self.total -= 1
                    continue
                name = f"{row},{column}"
                self.masks[name] = valid[top : top + height, left : left + width]
                yield Tile(values, name, row, column, margins=(top, left, bottom, right))


def fill_missing(source: Source, window: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Fill pixels without data with the mean of the others, band by band, as the command line does.

    Parameters
    ----------
    source
        Scene that says what has no data.
    window
        Values (rows, columns, bands).

    Returns
    -------
    values : numpy.ndarray
        Values, of the window's type.
    valid : numpy.ndarray
        bool (rows, columns): pixels that hold data.
    """
    valid = source.valid(window)
    bad = ~np.array(source.good_bands, dtype=bool) if len(source.good_bands) else np.zeros(source.bands, dtype=bool)
    if valid.all() and not bad.any():
        return window, valid
    values = window.copy()
    held = values[valid].astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        # Added one by one, so that a mean is the same number in all clients.
        sums = np.cumsum(held, axis=0)[-1] if len(held) else np.zeros(source.bands)
        means = np.where(np.isfinite(sums), sums / max(1, len(held)), 0.0).astype(values.dtype)
    missing = ~valid[:, :, None] | (~np.isfinite(values) if values.dtype.kind == "f" else False)
    if valid.all():
        missing = missing & bad
    np.copyto(values, means, where=missing)
    return values, valid
