"""Prepared scenes, asynchronously."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from hyperswap._channels import Channels
from hyperswap._classify import crs_of
from hyperswap._maps import class_attributes, labelled_array
from hyperswap._records import SceneRecord, scene_fields
from hyperswap._tiles import Tile
from hyperswap.v1 import scene_pb2

if TYPE_CHECKING:
    import xarray

Window = tuple[int, int, int, int]
"""Rectangle of pixels: first row, first column, rows, columns."""

_dtypes = {
    scene_pb2.PIXEL_TYPE_UINT8: "u1",
    scene_pb2.PIXEL_TYPE_UINT16: "<u2",
    scene_pb2.PIXEL_TYPE_INT16: "<i2",
    scene_pb2.PIXEL_TYPE_FLOAT32: "<f4",
}


def window_message(window: Window | None) -> scene_pb2.Window | None:
    """Return a window as the services take it."""
    if window is None:
        return None
    row, column, height, width = window
    return scene_pb2.Window(row=row, column=column, height=height, width=width)


def labels_array(scene: SceneRecord, name: str, labels: NDArray[np.uint8]) -> xarray.DataArray:
    """Return labels of a scene as a DataArray with classes, colours and georeference."""
    place = crs_of(scene.crs_wkt, scene.epsg)
    found = labelled_array(name or "labels", ("y", "x"), labels, place, scene.transform)
    found.attrs.update(class_attributes(scene.classes))
    return found


@dataclass(frozen=True, repr=False)
class Scene(SceneRecord):
    """Prepared scene; its methods call the services. Asynchronous twin of :class:`hyperswap.Scene`."""

    _channels: Channels | None = field(default=None, repr=False, compare=False)

    __repr__ = SceneRecord.__repr__

    def __str__(self) -> str:
        return self.name

    async def labels(self, label_map: str = "") -> NDArray[np.uint8]:
        """Return a label map, uint8 (rows, columns); an empty name merges all of them."""
        height, width, _ = self.shape
        found = np.zeros((height, width), dtype=np.uint8)
        request = scene_pb2.ReadLabelsRequest(scene=self.name, label_map=label_map, scene_digest=self.digest)
        async for rows in self._calls.read(self._calls.scenes.ReadLabels, request):
            one = rows.window
            block = np.frombuffer(rows.labels, dtype=np.uint8).reshape(one.height, one.width)
            found[one.row : one.row + one.height, one.column : one.column + one.width] = block
        return found

    async def to_xarray(self, label_map: str = "") -> xarray.DataArray:
        """Return a label map as a DataArray (y, x) with classes, colours and georeference."""
        return labels_array(self, label_map, await self.labels(label_map))

    async def pixels(
        self, bands: Sequence[int] | None = None, window: Window | None = None
    ) -> np.ma.MaskedArray[Any, Any]:
        """Return pixels as their file had them, (rows, columns, bands), masked where there are no data."""
        height, width, count = self.shape
        top, left, rows, columns = (0, 0, height, width) if window is None else window
        wanted = range(count) if bands is None else bands
        values: NDArray[Any] | None = None
        mask = np.zeros((rows, columns), dtype=bool)
        request = scene_pb2.ReadBandsRequest(
            scene=self.name, scene_digest=self.digest, bands=bands, window=window_message(window)
        )
        async for part in self._calls.read(self._calls.scenes.ReadBands, request):
            dtype = np.dtype(_dtypes[part.pixel_type])
            if values is None:
                values = np.zeros((rows, columns, len(wanted)), dtype=dtype)
            one = part.window
            place = (
                slice(one.row - top, one.row - top + one.height),
                slice(one.column - left, one.column - left + one.width),
            )
            values[place] = np.frombuffer(part.values, dtype=dtype).reshape(one.height, one.width, -1)
            mask[place] = np.frombuffer(part.mask, dtype=np.uint8).reshape(one.height, one.width)
        if values is None:
            values = np.zeros((rows, columns, len(wanted)), dtype=np.float32)
        without = np.broadcast_to(~mask[:, :, None], values.shape)
        return cast("np.ma.MaskedArray[Any, Any]", np.ma.MaskedArray(values, mask=without))

    async def tiles(self, tile_size: int = 64, halo: int = 0, window: Window | None = None) -> AsyncIterator[Tile]:
        """Yield tiles of PCA scores, float32 (rows, columns, 12), row by row, for a stream of prepared tiles."""
        request = scene_pb2.StreamTilesRequest(
            scene=self.name,
            scene_digest=self.digest,
            tile_size=tile_size,
            halo=halo,
            window=window_message(window),
        )
        async for tile in self._calls.read(self._calls.scenes.StreamTiles, request):
            one = tile.window
            shape = (one.height + 2 * tile.halo, one.width + 2 * tile.halo, -1)
            scores = np.frombuffer(tile.scores, dtype="<f4").reshape(shape)
            yield Tile(scores, str(tile.tile), one.row, one.column, halo=tile.halo)

    async def delete(self) -> None:
        """Delete the scene. Adapters that were trained on it stay."""
        await Scenes(self._calls).delete(self.name)

    @property
    def _calls(self) -> Channels:
        assert self._channels is not None
        return self._channels


def scene_of(message: scene_pb2.Scene, channels: Channels) -> Scene:
    """Return a scene."""
    fields: dict[str, Any] = scene_fields(message)
    return Scene(**fields, _channels=channels)


class Scenes:
    """Prepared scenes of the services."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    async def list(self) -> list[Scene]:
        """Return all scenes by name."""
        pages = self._channels.pages(self._channels.scenes.ListScenes, scene_pb2.ListScenesRequest())
        return [scene_of(one, self._channels) async for page in pages for one in page.scenes]

    async def get(self, name: str) -> Scene:
        """Return the scene of a name."""
        request = scene_pb2.GetSceneRequest(name=name)
        answer = await self._channels.unary(self._channels.scenes.GetScene, request)
        return scene_of(answer.scene, self._channels)

    async def delete(self, name: str | Scene) -> None:
        """Delete a scene. Adapters that were trained on it stay."""
        request = scene_pb2.DeleteSceneRequest(name=str(name))
        await self._channels.unary(self._channels.scenes.DeleteScene, request, idempotent=False)
