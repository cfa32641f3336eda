# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider in QGIS without a screen, against services at HYPERSWAP_ENDPOINT."""

from __future__ import annotations

import os
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
from osgeo import gdal, osr
from qgis.core import (
    QgsApplication,
    QgsCategorizedSymbolRenderer,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsFeature,
    QgsFillSymbol,
    QgsGeometry,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsRendererCategory,
    QgsVectorLayer,
)

sys.path.append("/usr/share/qgis/python/plugins")
application = QgsApplication([], False)
application.initQgis()
import processing
from processing.core.Processing import Processing

import hyperswap_qgis

Processing.initialize()
plugin = hyperswap_qgis.classFactory(None)
plugin.initProcessing()

height, width, bands, pixel = 24, 30, 16, 10.0
west, north = 500_000.0, 5_400_000.0
utm = QgsCoordinateReferenceSystem("EPSG:32633")
names = {1: "Water", 2: "Wood", 3: "Wheat"}
colors = {1: "#1f77b4", 2: "#0b5d1e", 3: "#e6c229"}


def truth() -> np.ndarray:
    """Return three stripes of classes."""
    return np.repeat(np.arange(1, 4), width // 3)[np.newaxis].repeat(height, axis=0).astype(np.uint8)


def write_scene(path: Path) -> QgsRasterLayer:
    """Write a scene of three materials with noise, and a corner without data."""
    random = np.random.default_rng(1)
    spectra = random.uniform(2000, 2800, (4, bands))
    values = spectra[truth()] + 60 * random.normal(size=(height, width, bands))
    values[:2, :2] = -9999
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), width, height, bands, gdal.GDT_Float32)
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(32633)
    dataset.SetProjection(reference.ExportToWkt())
    dataset.SetGeoTransform((west, pixel, 0, north, 0, -pixel))
    for index in range(bands):
        band = dataset.GetRasterBand(index + 1)
        band.SetMetadata({"wavelength": str(0.4 + 0.04 * index), "wavelength_units": "Micrometers"})
        band.SetNoDataValue(-9999)
        band.WriteArray(values[:, :, index])
    dataset.FlushCache()
    return QgsRasterLayer(str(path), "My field")


def draw_polygons(crs: str = "EPSG:4326", field: str = "kind:string") -> QgsVectorLayer:
    """Draw a polygon over 6 × 16 pixels of each class, and categories with colours."""
    layer = QgsVectorLayer(f"Polygon?crs={crs}&field={field}", "polygons", "memory")
    change = QgsCoordinateTransform(utm, layer.crs(), QgsProject.instance())
    for label, name in names.items():
        left = west + pixel * ((label - 1) * 10 + 2)
        geometry = QgsGeometry.fromRect(QgsRectangle(left, north - 20 * pixel, left + 6 * pixel, north - 4 * pixel))
        geometry.transform(change)
        feature = QgsFeature(layer.fields())
        feature.setGeometry(geometry)
        feature.setAttributes([name if "string" in field else label])
        layer.dataProvider().addFeatures([feature])
    # A polygon without a class is no label.
    empty = QgsFeature(layer.fields())
    empty.setGeometry(QgsGeometry.fromRect(QgsRectangle(0, 0, 1, 1)))
    layer.dataProvider().addFeatures([empty])
    symbols = [(names[label], QgsFillSymbol.createSimple({"color": colors[label]})) for label in names]
    categories = [QgsRendererCategory(name, symbol, name) for name, symbol in symbols]
    layer.setRenderer(QgsCategorizedSymbolRenderer(field.split(":", maxsplit=1)[0], categories))
    layer.updateExtents()
    return layer


class ProviderTest(unittest.TestCase):
    """Runs the algorithms as Processing does."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="hyperswap-qgis-"))
        cls.scene = write_scene(cls.folder / "field.tif")
        cls.trained = cls.train(draw_polygons())

    @classmethod
    def train(cls, polygons: QgsVectorLayer, feedback: QgsProcessingFeedback | None = None, **more: object) -> dict:
        parameters = {
            "INPUT": cls.scene,
            "POLYGONS": polygons,
            "FIELD": polygons.fields()[0].name(),
            "ADAPTER": "from-qgis",
            "METHOD": 3,
            "SPLIT": "12:4",
            "EPOCHS": 4,
            "ENDPOINT": os.environ["HYPERSWAP_ENDPOINT"],
        }
        return processing.run("hyperswap:trainfromlayer", {**parameters, **more}, feedback=feedback)

    def classify(self, name: str, **more: object) -> dict:
        parameters = {
            "INPUT": self.scene,
            "ADAPTER": "from-qgis",
            "OUTPUT": str(self.folder / name),
            "ENDPOINT": os.environ["HYPERSWAP_ENDPOINT"],
        }
        return processing.run("hyperswap:classifylayer", {**parameters, **more})

    def test_polygons_in_another_reference_system_train_an_adapter(self) -> None:
        self.assertRegex(self.trained["REFERENCE"], r"^from-qgis@\d+$")
        self.assertGreater(self.trained["ACCURACY"], 90)

    def test_a_map_has_the_place_the_classes_and_the_colours_of_the_polygons(self) -> None:
        result = self.classify("map.tif", CONFIDENCE=str(self.folder / "confidence.tif"))
        layer = QgsRasterLayer(result["OUTPUT"], "map")
        self.assertEqual(layer.crs().authid(), "EPSG:32633")
        self.assertEqual(layer.extent(), self.scene.extent())
        # The style lies beside the file, and QGIS takes it by itself.
        self.assertEqual(layer.renderer().type(), "paletted")
        shown = {one.value: (one.label, one.color.name()) for one in layer.renderer().classes()}
        by_name = dict(shown.values())
        self.assertEqual(by_name, {names[label]: colors[label] for label in names})
        labels = gdal.Open(result["OUTPUT"]).ReadAsArray()
        inside = np.ones((height, width), dtype=bool)
        inside[:2, :2] = False
        self.assertEqual(set(labels[~inside].tolist()), {0})
        right = np.array(
            [shown[label][0] == names[true] for label, true in zip(labels[inside], truth()[inside], strict=True)]
        )
        self.assertGreater(right.mean(), 0.85)
        confidence = gdal.Open(result["CONFIDENCE"]).ReadAsArray()
        self.assertTrue((confidence >= 0).all() and (confidence <= 1).all() and confidence.max() > 0.5)

    def test_numbers_are_classes_in_their_order(self) -> None:
        polygons = draw_polygons("EPSG:32633", "code:integer")
        result = self.train(polygons, ADAPTER="numbers")
        self.classify("numbers.tif", ADAPTER=result["REFERENCE"])
        layer = QgsRasterLayer(str(self.folder / "numbers.tif"), "map")
        self.assertEqual([one.label for one in layer.renderer().classes()], ["1", "2", "3"])

    def test_what_is_wrong_is_told_in_the_words_of_the_services(self) -> None:
        with self.assertRaisesRegex(QgsProcessingException, "nowhere"):
            self.classify("none.tif", ADAPTER="nowhere")
        self.assertFalse((self.folder / "none.tif").exists())
        with self.assertRaisesRegex(QgsProcessingException, r"ends in \.tif"):
            self.classify("map.png")
        outside = draw_polygons()
        outside.dataProvider().changeGeometryValues(
            {one.id(): QgsGeometry.fromRect(QgsRectangle(0, 0, 1, 1)) for one in outside.getFeatures()}
        )
        outside.updateExtents()
        with self.assertRaisesRegex(QgsProcessingException, "No polygon lies on the layer"):
            self.train(outside)

    def test_a_cancelled_training_ends_and_registers_nothing(self) -> None:
        import hyperswap

        class Impatient(QgsProcessingFeedback):
            def pushInfo(self, text: str) -> None:
                if "labelled" not in text:
                    self.cancel()

        with self.assertRaisesRegex(QgsProcessingException, "ancel"):
            self.train(draw_polygons(), Impatient(), ADAPTER="cancelled", METHOD=0, EPOCHS=500)
        with hyperswap.connect(os.environ["HYPERSWAP_ENDPOINT"]) as client:
            self.assertNotIn("cancelled", [adapter.name for adapter in client.adapters.list()])

    def test_both_algorithms_describe_themselves(self) -> None:
        registry = QgsApplication.processingRegistry()
        algorithms = registry.providerById("hyperswap").algorithms()
        self.assertEqual(sorted(one.name() for one in algorithms), ["classifylayer", "trainfromlayer"])
        for one in algorithms:
            self.assertGreater(len(one.shortHelpString()), 100)
            self.assertTrue(one.checkParameterValues({}, QgsProcessingContext())[1])


if __name__ == "__main__":
    unittest.main(verbosity=2)
