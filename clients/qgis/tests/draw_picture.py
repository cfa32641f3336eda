# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws docs/qgis.png: Indian Pines with polygons, and the map of both algorithms, by QGIS itself.

Usage: draw_picture.py SCENE.npy LABELS.npy PICTURE.png [MAP.tif], with services at HYPERSWAP_ENDPOINT.
A map that was made before is only drawn.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from osgeo import gdal, ogr
from qgis.core import (
    QgsApplication,
    QgsCategorizedSymbolRenderer,
    QgsContrastEnhancement,
    QgsFeature,
    QgsFillSymbol,
    QgsGeometry,
    QgsMapRendererCustomPainterJob,
    QgsMapSettings,
    QgsMultiBandColorRenderer,
    QgsProcessingFeedback,
    QgsRasterLayer,
    QgsRendererCategory,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize, Qt
from qgis.PyQt.QtGui import QColor, QFont, QImage, QPainter

sys.path.append("/usr/share/qgis/python/plugins")
application = QgsApplication([], True)
application.initQgis()
import processing
from processing.core.Processing import Processing

import hyperswap_qgis

Processing.initialize()
plugin = hyperswap_qgis.classFactory(None)
plugin.initProcessing()

names = (
    "Alfalfa,Corn-notill,Corn-mintill,Corn,Grass-pasture,Grass-trees,Grass-pasture-mowed,Hay-windrowed,Oats,"
    "Soybean-notill,Soybean-mintill,Soybean-clean,Wheat,Woods,Buildings-Grass-Trees-Drives,Stone-Steel-Towers"
).split(",")
colors = (
    "#8c43e0,#d92b2b,#ff7f2a,#ffd42a,#a6e34b,#2f9e44,#bff5c8,#c9a66b,#f7f7b6,#1c7ed6,#3bc9db,#364fc7,#e599f7,#0b5d1e,"
    "#868e96,#f1f3f5"
).split(",")
side, legend_width, margin = 580, 250, 16


def write_scene(file: str, path: Path) -> QgsRasterLayer:
    """Write the scene as GeoTIFF, and show three bands of it."""
    values = np.load(file).astype(np.uint16)
    height, width, bands = values.shape
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), width, height, bands, gdal.GDT_UInt16)
    for index in range(bands):
        dataset.GetRasterBand(index + 1).WriteArray(values[:, :, index])
    dataset.FlushCache()
    layer = QgsRasterLayer(str(path), "Indian Pines")
    renderer = QgsMultiBandColorRenderer(layer.dataProvider(), 29, 19, 9)
    for band, put in (
        (29, renderer.setRedContrastEnhancement),
        (19, renderer.setGreenContrastEnhancement),
        (9, renderer.setBlueContrastEnhancement),
    ):
        stretch = QgsContrastEnhancement(layer.dataProvider().dataType(band))
        low, high = np.percentile(values[:, :, band - 1], (2, 98))
        stretch.setMinimumValue(float(low))
        stretch.setMaximumValue(float(high))
        stretch.setContrastEnhancementAlgorithm(QgsContrastEnhancement.StretchToMinimumMaximum)
        put(stretch)
    layer.setRenderer(renderer)
    return layer


def draw_polygons(file: str) -> QgsVectorLayer:
    """Draw polygons into the two largest fields of each class, as a user does."""
    truth = np.load(file).astype(np.uint8)
    raster = gdal.GetDriverByName("MEM").Create("", truth.shape[1], truth.shape[0], 1, gdal.GDT_Byte)
    raster.SetGeoTransform((0, 1, 0, 0, 0, -1))
    raster.GetRasterBand(1).WriteArray(truth)
    drawing = ogr.GetDriverByName("Memory").CreateDataSource("")
    fields = drawing.CreateLayer("", None, ogr.wkbPolygon)
    fields.CreateField(ogr.FieldDefn("label", ogr.OFTInteger))
    gdal.Polygonize(raster.GetRasterBand(1), None, fields, 0)
    found: dict[int, list[QgsGeometry]] = {}
    for one in fields:
        geometry = QgsGeometry()
        geometry.fromWkb(bytes(one.GetGeometryRef().ExportToWkb()))
        found.setdefault(one.GetField("label"), []).append(geometry)
    layer = QgsVectorLayer("Polygon?field=class:string", "Polygons", "memory")
    for label, shapes in sorted(found.items()):
        if label == 0:
            continue
        for shape in sorted(shapes, key=lambda one: -one.area())[:2]:
            feature = QgsFeature(layer.fields())
            inner = shape.buffer(-1.2, 1)
            feature.setGeometry(inner if inner.area() > 8 else shape)
            feature.setAttributes([names[label - 1]])
            layer.dataProvider().addFeatures([feature])
    style = {"style": "no", "outline_width": "0.8"}
    categories = []
    for name, color in zip(names, colors, strict=True):
        symbol = QgsFillSymbol.createSimple({**style, "color": color, "outline_color": color})
        categories.append(QgsRendererCategory(name, symbol, name))
    layer.setRenderer(QgsCategorizedSymbolRenderer("class", categories))
    layer.updateExtents()
    return layer


def paint(painter: QPainter, layers: list, place: tuple[int, int], title: str) -> None:
    """Paint layers, the first on top, under a title."""
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setExtent(layers[-1].extent())
    settings.setOutputSize(QSize(side, side))
    settings.setBackgroundColor(QColor("white"))
    image = QImage(QSize(side, side), QImage.Format_ARGB32)
    image.fill(Qt.white)
    inner = QPainter(image)
    job = QgsMapRendererCustomPainterJob(settings, inner)
    job.start()
    job.waitForFinished()
    inner.end()
    painter.drawText(place[0], place[1] - 8, title)
    painter.drawImage(place[0], place[1], image)


def paint_legend(painter: QPainter, layer: QgsRasterLayer, place: tuple[int, int]) -> None:
    """Paint the classes of a layer's style."""
    for row, one in enumerate(layer.renderer().classes()):
        top = place[1] + 24 * row
        painter.fillRect(place[0], top, 26, 16, one.color)
        painter.drawRect(place[0], top, 26, 16)
        painter.drawText(place[0] + 34, top + 13, one.label)


def main(scene_file: str, labels_file: str, picture: str, given: str | None = None) -> None:
    """Train, classify, and draw."""
    folder = Path(tempfile.mkdtemp(prefix="hyperswap-picture-"))
    scene = write_scene(scene_file, folder / "scene.tif")
    polygons = draw_polygons(labels_file)
    if given is None:
        feedback = QgsProcessingFeedback()
        train = {"INPUT": scene, "POLYGONS": polygons, "FIELD": "class", "ADAPTER": "picture", "METHOD": 3}
        trained = processing.run("hyperswap:trainfromlayer", train, feedback=feedback)
        made = {"INPUT": scene, "ADAPTER": trained["REFERENCE"], "OUTPUT": str(folder / "map.tif")}
        given = processing.run("hyperswap:classifylayer", made, feedback=feedback)["OUTPUT"]
    land_cover = QgsRasterLayer(given, "Land cover")
    image = QImage(QSize(2 * side + legend_width + 4 * margin, side + 3 * margin), QImage.Format_ARGB32)
    image.fill(Qt.white)
    painter = QPainter(image)
    painter.setFont(QFont("DejaVu Sans", 11))
    top = 2 * margin
    paint(painter, [polygons, scene], (margin, top), "Layer and polygons")
    paint(painter, [land_cover], (2 * margin + side, top), "Classify layer")
    paint_legend(painter, land_cover, (3 * margin + 2 * side, top))
    painter.end()
    image.save(picture)


main(*sys.argv[1:])
