# SPDX-License-Identifier: GPL-3.0-or-later
"""Algorithm *train from layer and polygons*."""

from __future__ import annotations

import re
from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
)

from .polygons import burn
from .rasters import read_layer
from .services import add_connection, connected, progress_in

methods = ("krona+", "lora", "bitfit", "linear-probe")


class TrainFromLayer(QgsProcessingAlgorithm):
    """Prepares a raster layer with polygons as labels, and trains an adapter on it."""

    def createInstance(self) -> TrainFromLayer:
        """Return a new one, as Processing asks for."""
        return TrainFromLayer()

    def name(self) -> str:
        """Return the name in scripts."""
        return "trainfromlayer"

    def displayName(self) -> str:
        """Return the name in the toolbox."""
        return "Train from layer and polygons"

    def shortHelpString(self) -> str:
        """Return the help beside the form."""
        return (
            "Trains an adapter on the pixels under polygons. A pixel belongs to a polygon when its centre lies inside. "
            "The adapter is kept by the services; <i>Classify layer</i> uses it by its name. Where the polygons are "
            "drawn by the class, its colours become those of the map. The accuracy is measured on labelled pixels that "
            "did not train; with the split <i>blocks</i> these lie apart from those that trained."
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Add the parameters."""
        number = QgsProcessingParameterNumber
        self.addParameter(QgsProcessingParameterRasterLayer("INPUT", "Hyperspectral layer"))
        self.addParameter(
            QgsProcessingParameterFeatureSource("POLYGONS", "Polygons", [QgsProcessing.TypeVectorPolygon])
        )
        self.addParameter(QgsProcessingParameterField("FIELD", "Field with the class", None, "POLYGONS"))
        self.addParameter(QgsProcessingParameterString("ADAPTER", "Name of the adapter", "qgis"))
        self.addParameter(QgsProcessingParameterEnum("METHOD", "Method", list(methods), defaultValue=0))
        self.addParameter(QgsProcessingParameterString("SPLIT", "Training and test pixels", "50:15"))
        self.addParameter(number("PATCH_SIZE", "Side of a patch in pixels, odd", number.Integer, 9, minValue=1))
        self.addParameter(number("EPOCHS", "Epochs (0: the method's)", number.Integer, 0, minValue=0))
        add_connection(self)
        self.addOutput(QgsProcessingOutputString("REFERENCE", "Adapter, with its version"))
        self.addOutput(QgsProcessingOutputNumber("ACCURACY", "Overall accuracy on test pixels, in per cent"))

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Train. Processing calls this in a thread of its own."""
        layer = self.parameterAsRasterLayer(parameters, "INPUT", context)
        source = self.parameterAsSource(parameters, "POLYGONS", context)
        field = self.parameterAsString(parameters, "FIELD", context)
        name = self.parameterAsString(parameters, "ADAPTER", context)
        scene = read_layer(layer)
        polygons = self.parameterAsVectorLayer(parameters, "POLYGONS", context)
        found = burn(source, field, scene, context.transformContext(), polygons)
        feedback.pushInfo(f"{(found.labels > 0).sum()} labelled pixels of {len(found.names)} classes")
        epochs = self.parameterAsInt(parameters, "EPOCHS", context)
        with connected(self, parameters, context) as client:
            prepared = client.prepare(
                scene.values,
                name=f"qgis-{re.sub(r'[^a-zA-Z0-9-]+', '-', layer.name()).strip('-').lower() or 'layer'}",
                labels=found.labels,
                class_names=found.names,
                class_colors=found.colors,
                replace=True,
                progress=progress_in(feedback),
                **scene.options,
            )
            training = client.train(
                prepared,
                adapter=name,
                method=methods[self.parameterAsEnum(parameters, "METHOD", context)],
                split=self.parameterAsString(parameters, "SPLIT", context),
                patch_size=self.parameterAsInt(parameters, "PATCH_SIZE", context),
                wait=False,
                **({"epochs": epochs} if epochs > 0 else {}),
            )
            try:
                training.wait(progress=progress_in(feedback))
            except BaseException:
                training.cancel()
                raise
            adapter, metrics = training.adapter, training.metrics
            reference = f"{adapter.name}@{adapter.version}"
            accuracy = None if metrics is None else 100 * metrics.overall_accuracy
        told = "" if accuracy is None else f": {accuracy:.1f} % of the test pixels are right"
        feedback.pushInfo(f"{reference}{told}")
        return {"REFERENCE": reference, "ACCURACY": accuracy}
