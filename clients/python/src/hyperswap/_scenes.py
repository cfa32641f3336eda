"""Prepared scenes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hyperswap import _aio_scenes
from hyperswap._aio_scenes import Window
from hyperswap._loop import LoopThread
from hyperswap._records import SceneRecord
from hyperswap._tiles import Tile

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True, repr=False)
class Scene(SceneRecord):
    """Prepared scene: its description, and methods to read it.

    Get one from :meth:`Client.prepare` or ``hs.scenes``. The attributes are those of
    :class:`SceneRecord`: ``name``, ``shape`` (rows, columns, bands), ``classes``, ``label_maps``,
    ``wavelengths`` in nanometres, ``crs_wkt``, ``epsg``, ``transform``, ``valid_pixels``,
    ``explained_variance_ratio``, ``attribution`` and ``digest``.

    Examples
    --------
    >>> scene = hs.scenes.get("field")
    >>> scene.shape, scene.class_names
    ((24, 30, 16), ['Soil', 'Wheat', 'Wood'])
    """

    _twin: _aio_scenes.Scene | None = field(default=None, repr=False, compare=False)
    _loop: LoopThread | None = field(default=None, repr=False, compare=False)

    __repr__ = SceneRecord.__repr__

    def __str__(self) -> str:
        return self.name

    def labels(self, label_map: str = "") -> NDArray[np.uint8]:
        """Return a label map of the scene.

        Parameters
        ----------
        label_map
            Name of the label map; empty merges all of them, which must not contradict each other.

        Returns
        -------
        numpy.ndarray
            uint8 (rows, columns): classes from 1, 0 for an unlabelled pixel.

        Examples
        --------
        >>> int((hs.scenes.get("field").labels() > 0).sum())
        600
        """
        twin, loop = self._bound
        return loop.run(lambda _: twin.labels(label_map))

    def to_xarray(self, label_map: str = "") -> xarray.DataArray:
        """Return a label map as a DataArray with classes, colours and georeference.

        Parameters
        ----------
        label_map
            Name of the label map; empty merges all of them.

        Returns
        -------
        xarray.DataArray
            uint8 (y, x). :func:`hyperswap.plot` draws it.

        Examples
        --------
        >>> hs.scenes.get("field").to_xarray().sizes["y"]
        24
        """
        twin, loop = self._bound
        return loop.run(lambda _: twin.to_xarray(label_map))

    def pixels(self, bands: Sequence[int] | None = None, window: Window | None = None) -> np.ma.MaskedArray[Any, Any]:
        """Return pixels as their file had them.

        Parameters
        ----------
        bands
            Bands that are wanted, from 0, in this order; all by default.
        window
            First row, first column, rows and columns; the whole scene by default.

        Returns
        -------
        numpy.ma.MaskedArray
            (rows, columns, bands) in the units of the file, masked where there are no data.

        Examples
        --------
        >>> hs.scenes.get("field").pixels(bands=[0, 5, 10], window=(0, 0, 8, 8)).shape
        (8, 8, 3)
        """
        twin, loop = self._bound
        return loop.run(lambda _: twin.pixels(bands, window))

    def tiles(self, tile_size: int = 64, halo: int = 0, window: Window | None = None) -> Iterator[Tile]:
        """Yield tiles of PCA scores, row by row.

        Parameters
        ----------
        tile_size
            Side of a tile without its halo, in pixels.
        halo
            Pixels around each tile, mirrored where the scene ends.
        window
            First row, first column, rows and columns; the whole scene by default.

        Yields
        ------
        Tile
            float32 (rows, columns, 12) for ``hs.stream(…, content="prepared", scene=…)``.

        Examples
        --------
        >>> scene = hs.scenes.get("field")
        >>> tiles = scene.tiles(tile_size=16, halo=4)
        >>> len(list(hs.stream(tiles, "field", content="prepared", scene=scene)))
        4
        """
        twin, loop = self._bound
        return loop.iterate(twin.tiles(tile_size, halo, window))

    def delete(self) -> None:
        """Delete the scene. Adapters that were trained on it stay.

        Examples
        --------
        >>> hs.scenes.get("old-field").delete()  # doctest: +SKIP
        """
        twin, loop = self._bound
        loop.run(lambda _: twin.delete())

    @property
    def _bound(self) -> tuple[_aio_scenes.Scene, LoopThread]:
        assert self._twin is not None and self._loop is not None
        return self._twin, self._loop


def scene_of(twin: _aio_scenes.Scene, loop: LoopThread) -> Scene:
    """Return a scene whose calls wait."""
    shared = {one.name: getattr(twin, one.name) for one in fields(SceneRecord)}
    return Scene(**shared, _twin=twin, _loop=loop)


class Scenes:
    """Prepared scenes of the services, as ``hs.scenes``.

    Examples
    --------
    >>> "field" in [scene.name for scene in hs.scenes.list()]
    True
    """

    def __init__(self, twin: _aio_scenes.Scenes, loop: LoopThread) -> None:
        self._twin = twin
        self._loop = loop

    def list(self) -> list[Scene]:
        """Return all scenes by name."""
        return [scene_of(one, self._loop) for one in self._loop.run(lambda _: self._twin.list())]

    def get(self, name: str) -> Scene:
        """Return the scene of a name.

        Raises
        ------
        hyperswap.errors.SceneNotFoundError
            There is none.
        """
        return scene_of(self._loop.run(lambda _: self._twin.get(name)), self._loop)

    def delete(self, name: str | Scene) -> None:
        """Delete a scene. Adapters that were trained on it stay."""
        self._loop.run(lambda _: self._twin.delete(str(name)))
