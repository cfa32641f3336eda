"""Scenes that the services read themselves: objects of their store, and files at URLs that their operator allows."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from hyperswap._channels import Channels
from hyperswap._sources import Axes, Source, dtype_of
from hyperswap.errors import FieldInvalidError
from hyperswap.v1 import scene_pb2


def is_remote(data: object) -> TypeGuard[str]:
    """Return true for a URL or ``store:KEY``, false for a path or an array."""
    return isinstance(data, str) and re.match(r"(https?://|store:)", data, re.IGNORECASE) is not None


def stem_of(place: str | os.PathLike[str]) -> str:
    """Return the name of a file without its folder and ending."""
    return Path(place.removeprefix("store:") if is_remote(place) else place).stem


async def describe_remote(channels: Channels, place: str, variable: str | None, axes: Axes) -> Source:
    """Return the description of a scene whose pixels the service reads."""
    for name, given in (("variable", variable is not None), ("axes", axes != "bands-last")):
        if given:
            raise FieldInvalidError.of(field=name, reason="it does not go with a scene that the service reads itself")
    request = scene_pb2.DescribeSceneSourceRequest(source=place)
    raster = (await channels.unary(channels.scenes.DescribeSceneSource, request)).raster
    has_place = raster.HasField("georeference")
    return Source(
        place,
        raster.height,
        raster.width,
        raster.bands,
        dtype_of(raster.pixel_type),
        _no_rows,
        wavelengths=list(raster.wavelengths),
        full_widths=list(raster.full_widths),
        good_bands=list(raster.good_bands),
        nodata=raster.nodata if raster.HasField("nodata") else None,
        zero_is_nodata=raster.zero_is_nodata,
        scale=raster.scale if raster.HasField("scale") else None,
        offset=raster.offset if raster.HasField("offset") else None,
        crs_wkt=raster.georeference.crs_wkt,
        epsg=raster.georeference.epsg,
        transform=tuple(raster.georeference.transform) if has_place else None,
        remote=place,
    )


def _no_rows(first: int, last: int) -> NDArray[np.generic[Any]]:
    raise NotImplementedError(f"rows {first} to {last} are read by the service")
