# SPDX-License-Identifier: GPL-3.0-or-later
"""Polygons as a label map: each pixel whose centre lies in one has its class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from osgeo import gdal, ogr, osr
from qgis.core import (
    QgsCategorizedSymbolRenderer,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsGeometry,
    QgsProcessingException,
    QgsProcessingFeatureSource,
    QgsRenderContext,
    QgsVectorLayer,
)

from .rasters import Scene

most_classes = 255


@dataclass(frozen=True)
class LabelMap:
    """Labels (rows, columns) from 1, 0 outside of polygons; names of the classes; their colours, if all have one."""

    labels: np.ndarray[Any, Any]
    names: list[str]
    colors: list[str] | None


def burn(
    source: QgsProcessingFeatureSource,
    field: str,
    scene: Scene,
    transforms: QgsCoordinateTransformContext,
    layer: QgsVectorLayer | None = None,
) -> LabelMap:
    """Burn polygons into the raster of a scene.

    Parameters
    ----------
    source
        Polygons, in any reference system.
    field
        Attribute with the class: a number or a text.
    scene
        Scene whose pixels get labels.
    transforms
        Settings of the project for changes of the reference system.
    layer
        Layer whose categories have the colours.

    Raises
    ------
    QgsProcessingException
        No polygon has a class, there are more than 255, or none lies on the scene.
    """
    features = [one for one in source.getFeatures() if one.hasGeometry() and _text(one[field]) != ""]
    values = sorted({one[field] for one in features}, key=lambda value: (isinstance(value, str), value))
    if not values:
        raise QgsProcessingException(f"No polygon has a class in {field}.")
    if len(values) > most_classes:
        raise QgsProcessingException(f"{field} has {len(values)} classes, more than {most_classes}.")
    numbers = {value: label for label, value in enumerate(values, start=1)}
    change = None
    if scene.wkt and source.sourceCrs().isValid():
        target = QgsCoordinateReferenceSystem.fromWkt(scene.wkt)
        change = QgsCoordinateTransform(source.sourceCrs(), target, transforms)
    shapes = [(one.geometry(), numbers[one[field]]) for one in features]
    labels = _rasterize(shapes, scene, change)
    if not labels.any():
        raise QgsProcessingException("No polygon lies on the layer: check the reference systems of both.")
    colors = _colors(layer, field, values)
    return LabelMap(labels, [_text(value) for value in values], colors)


def _rasterize(
    shapes: list[tuple[QgsGeometry, int]], scene: Scene, change: QgsCoordinateTransform | None
) -> np.ndarray[Any, Any]:
    reference = osr.SpatialReference()
    if scene.wkt:
        reference.ImportFromWkt(scene.wkt)
    drawing = ogr.GetDriverByName("Memory").CreateDataSource("")
    burnt = drawing.CreateLayer("", reference, ogr.wkbUnknown)
    burnt.CreateField(ogr.FieldDefn("label", ogr.OFTInteger))
    for geometry, label in shapes:
        if change is not None:
            geometry.transform(change)
        shape = ogr.Feature(burnt.GetLayerDefn())
        shape.SetField("label", label)
        shape.SetGeometry(ogr.CreateGeometryFromWkb(bytes(geometry.asWkb())))
        burnt.CreateFeature(shape)
    rows, columns = scene.shape
    raster = gdal.GetDriverByName("MEM").Create("", columns, rows, 1, gdal.GDT_Byte)
    raster.SetGeoTransform(scene.geotransform)
    raster.SetProjection(reference.ExportToWkt())
    gdal.RasterizeLayer(raster, [1], burnt, options=["ATTRIBUTE=label"])
    found: np.ndarray[Any, Any] = raster.ReadAsArray()
    return found


def _colors(layer: QgsVectorLayer | None, field: str, values: list[Any]) -> list[str] | None:
    """Return the colours of the layer's categories, if it is drawn by that field and all classes have one."""
    renderer = None if layer is None else layer.renderer()
    if not isinstance(renderer, QgsCategorizedSymbolRenderer) or renderer.classAttribute().strip('"') != field:
        return None
    renderer.startRender(QgsRenderContext(), layer.fields())
    symbols = [renderer.symbolForValue2(value)[0] for value in values]
    colors = None if None in symbols else [symbol.color().name() for symbol in symbols]
    renderer.stopRender(QgsRenderContext())
    return colors


def _text(value: Any) -> str:
    """Return the name of a class; empty for what is none. QGIS gives NULL as an object of its own."""
    if value is None or str(value) == "NULL":
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value).strip()
