# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers as arrays, and maps as files, by the GDAL that QGIS brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from osgeo import gdal, osr
from qgis.core import (
    QgsPalettedRasterRenderer,
    QgsProcessingException,
    QgsRasterLayer,
)
from qgis.PyQt.QtGui import QColor

if TYPE_CHECKING:
    from hyperswap import LandCoverClass, MapArrays

gdal.UseExceptions()

largest_bytes = 4 * 1024**3
"""A layer is read into memory up to this size."""


@dataclass(frozen=True)
class Scene:
    """A raster layer, read.

    Attributes
    ----------
    values
        Pixels (bands, rows, columns).
    options
        Place, wavelengths and nodata, as the Python client takes them.
    geotransform
        Six numbers in GDAL's order.
    wkt
        Coordinate reference system as WKT; empty when unknown.
    """

    values: np.ndarray[Any, Any]
    options: dict[str, Any]
    geotransform: tuple[float, ...]
    wkt: str

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.values.shape[1], self.values.shape[2]


def read_layer(layer: QgsRasterLayer) -> Scene:
    """Read a raster layer with its place, wavelengths and nodata.

    Raises
    ------
    QgsProcessingException
        It is no file that GDAL opens, or larger than 4 GiB.
    """
    if layer.dataProvider().name() != "gdal":
        raise QgsProcessingException(f"{layer.name()} is no raster file: save it as one (Export, Save As).")
    dataset = gdal.Open(layer.dataProvider().dataSourceUri())
    size = dataset.RasterCount * dataset.RasterXSize * dataset.RasterYSize
    size *= gdal.GetDataTypeSize(dataset.GetRasterBand(1).DataType) // 8
    if size > largest_bytes:
        raise QgsProcessingException(
            f"{layer.name()} has {size / 1024**3:.1f} GiB, more than 4: use the command hyperswap."
        )
    values = dataset.ReadAsArray()
    values = values[np.newaxis] if values.ndim == 2 else values
    options: dict[str, Any] = {"axes": "bands-first"}
    # The layer's reference system and not the file's: the user may have set it.
    wkt = layer.crs().toWkt() if layer.crs().isValid() else ""
    # QGIS draws a raster without a place downwards from 0.
    geotransform = tuple(dataset.GetGeoTransform(can_return_null=True) or (0, 1, 0, 0, 0, -1))
    if wkt:
        x, column_x, row_x, y, column_y, row_y = geotransform
        options |= {"crs": wkt, "transform": (column_x, row_x, x, column_y, row_y, y)}
    nodata = dataset.GetRasterBand(1).GetNoDataValue()
    if nodata is not None:
        options["nodata"] = nodata
    wavelengths = _wavelengths(dataset)
    if wavelengths:
        options["wavelengths"] = wavelengths
    return Scene(values, options, geotransform, wkt)


def _wavelengths(dataset: gdal.Dataset) -> list[float]:
    """Return the centres of the bands in nanometres, as GDAL reads them of ENVI; empty where one is missing."""
    found: list[float] = []
    for index in range(dataset.RasterCount):
        metadata = dataset.GetRasterBand(index + 1).GetMetadata()
        unit = metadata.get("wavelength_units", "").lower()
        try:
            value = float(metadata["wavelength"])
        except (KeyError, ValueError):
            return []
        found.append(value * 1000 if unit.startswith(("micro", "um", "µm")) else value)
    return found


def write_map(path: Path, result: MapArrays, scene: Scene) -> None:
    """Write the labels as GeoTIFF with colours and class names, and a QGIS style beside it."""
    rows, columns = result.labels.shape
    options = ["COMPRESS=DEFLATE", "TILED=YES"]
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), columns, rows, 1, gdal.GDT_Byte, options)
    _place(dataset, scene)
    band = dataset.GetRasterBand(1)
    band.SetNoDataValue(0)
    colors = gdal.ColorTable()
    colors.SetColorEntry(0, (0, 0, 0, 0))
    for label, one in enumerate(result.classes, start=1):
        colors.SetColorEntry(label, QColor(one.color).getRgb())
    band.SetColorTable(colors)
    band.SetCategoryNames(["", *(one.name for one in result.classes)])
    band.WriteArray(result.labels)
    dataset.FlushCache()
    del band, dataset
    _write_style(path, result.classes)


def write_confidence(path: Path, result: MapArrays, scene: Scene) -> None:
    """Write the probability of the class of each pixel as GeoTIFF, from 0 to 1."""
    rows, columns = result.confidence.shape
    options = ["COMPRESS=DEFLATE", "TILED=YES", "PREDICTOR=3"]
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), columns, rows, 1, gdal.GDT_Float32, options)
    _place(dataset, scene)
    dataset.GetRasterBand(1).WriteArray(result.confidence)
    dataset.FlushCache()


def _place(dataset: gdal.Dataset, scene: Scene) -> None:
    if not scene.wkt:
        return
    # Rasters without a reference system have no place either.
    reference = osr.SpatialReference()
    reference.ImportFromWkt(scene.wkt)
    dataset.SetProjection(reference.ExportToWkt())
    dataset.SetGeoTransform(scene.geotransform)


def _write_style(path: Path, classes: Sequence[LandCoverClass]) -> None:
    """Write the style that QGIS takes for the file by its name."""
    layer = QgsRasterLayer(str(path), path.stem)
    entries = [
        QgsPalettedRasterRenderer.Class(label, QColor(one.color), one.name)
        for label, one in enumerate(classes, start=1)
    ]
    layer.setRenderer(QgsPalettedRasterRenderer(layer.dataProvider(), 1, entries))
    message, written = layer.saveNamedStyle(str(path.with_suffix(".qml")))
    if not written:
        raise QgsProcessingException(f"The style of {path} could not be written: {message}")
