# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider: the list of algorithms."""

from __future__ import annotations

from qgis.core import QgsProcessingProvider

from .classify_layer import ClassifyLayer
from .train_from_layer import TrainFromLayer


class HyperswapProvider(QgsProcessingProvider):
    """Algorithms of hyperswap."""

    def id(self) -> str:
        """Return the name in scripts, as in ``hyperswap:classifylayer``."""
        return "hyperswap"

    def name(self) -> str:
        """Return the name in the toolbox."""
        return "hyperswap"

    def loadAlgorithms(self) -> None:
        """Add the algorithms."""
        for algorithm in (TrainFromLayer(), ClassifyLayer()):
            self.addAlgorithm(algorithm)
