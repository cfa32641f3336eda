# SPDX-License-Identifier: GPL-3.0-or-later
"""QGIS Processing provider of hyperswap."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qgis.gui import QgisInterface

    from .plugin import HyperswapPlugin


def classFactory(iface: QgisInterface | None) -> HyperswapPlugin:
    """Return the plugin."""
    from .plugin import HyperswapPlugin

    return HyperswapPlugin()
