# SPDX-License-Identifier: GPL-3.0-or-later
"""The plugin: it adds the provider to Processing, and takes it away."""

from __future__ import annotations

from qgis.core import QgsApplication

from .provider import HyperswapProvider


class HyperswapPlugin:
    """Plugin as QGIS loads it."""

    def __init__(self) -> None:
        self._provider: HyperswapProvider | None = None

    def initProcessing(self) -> None:
        """Add the provider; also ``qgis_process`` calls this."""
        self._provider = HyperswapProvider()
        QgsApplication.processingRegistry().addProvider(self._provider)

    def initGui(self) -> None:
        """Start in QGIS with windows."""
        self.initProcessing()

    def unload(self) -> None:
        """Take the provider away."""
        if self._provider is not None:
            QgsApplication.processingRegistry().removeProvider(self._provider)
            self._provider = None
