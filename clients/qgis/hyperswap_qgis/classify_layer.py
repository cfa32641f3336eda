# SPDX-License-Identifier: GPL-3.0-or-later
"""Algorithm *classify layer*."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
)

from .rasters import read_layer, write_confidence, write_map
from .services import add_connection, connected, progress_in


class ClassifyLayer(QgsProcessingAlgorithm):
    """Classifies every pixel of a raster layer with an adapter."""

    def createInstance(self) -> ClassifyLayer:
        """Return a new one, as Processing asks for."""
        return ClassifyLayer()

    def name(self) -> str:
        """Return the name in scripts."""
        return "classifylayer"

    def displayName(self) -> str:
        """Return the name in the toolbox."""
        return "Classify layer"

    def shortHelpString(self) -> str:
        """Return the help beside the form."""
        return (
            "Makes the land-cover map of a hyperspectral layer. The layer must have the bands of the scene that the "
            "adapter was trained on. The map has the classes' names and colours; pixels without data are 0. The "
            "confidence is the probability of the class that the map shows."
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Add the parameters."""
        self.addParameter(QgsProcessingParameterRasterLayer("INPUT", "Hyperspectral layer"))
        self.addParameter(QgsProcessingParameterString("ADAPTER", "Adapter: name, name@version or name:alias", "qgis"))
        add_connection(self)
        self.addParameter(QgsProcessingParameterRasterDestination("OUTPUT", "Land-cover map"))
        self.addParameter(
            QgsProcessingParameterRasterDestination(
                "CONFIDENCE", "Confidence", None, optional=True, createByDefault=False
            )
        )

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Classify. Processing calls this in a thread of its own."""
        layer = self.parameterAsRasterLayer(parameters, "INPUT", context)
        output = Path(self.parameterAsOutputLayer(parameters, "OUTPUT", context))
        confidence = self.parameterAsOutputLayer(parameters, "CONFIDENCE", context)
        for path in filter(None, (str(output), confidence)):
            if not path.lower().endswith((".tif", ".tiff")):
                raise QgsProcessingException(f"{path} is no GeoTIFF: give it a name that ends in .tif.")
        scene = read_layer(layer)
        adapter = self.parameterAsString(parameters, "ADAPTER", context)
        with connected(self, parameters, context) as client:
            show = progress_in(feedback)
            result = client.classify(scene.values, adapter, output="numpy", progress=show, **scene.options)
        write_map(output, result, scene)
        feedback.pushInfo(f"Classified by {result.adapter}")
        if confidence:
            write_confidence(Path(confidence), result, scene)
        return {"OUTPUT": str(output), **({"CONFIDENCE": confidence} if confidence else {})}
