"""Land-cover maps of hyperspectral scenes by small adapters on one frozen foundation model.

The package is a client of hyperswap's services: it reads files and arrays, and asks the services
for all else.

Examples
--------
>>> import hyperswap
>>> hs = hyperswap.connect()  # doctest: +SKIP
>>> scene = hs.prepare("field.tif", labels="field_labels.tif")  # doctest: +SKIP
>>> training = hs.train(scene, method="krona+")  # doctest: +SKIP
>>> land_cover = hs.classify(scene, training)  # doctest: +SKIP
>>> hyperswap.plot(land_cover)  # doctest: +SKIP
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from hyperswap import errors
from hyperswap._adapters import Adapters
from hyperswap._channels import RetryPolicy, Tls
from hyperswap._client import Client, connect
from hyperswap._maps import Agreement, MapArrays, plot
from hyperswap._records import (
    Adapter,
    ClassMetrics,
    Comparison,
    DistanceBin,
    Job,
    LabelMap,
    LandCoverClass,
    Method,
    Metrics,
    Progress,
    ReliabilityBin,
    SceneRecord,
    Status,
    TrainingResult,
)
from hyperswap._scenes import Scene, Scenes
from hyperswap._tiles import Tile, TileResult
from hyperswap._trainings import Jobs, Training
from hyperswap.errors import HyperswapError

if TYPE_CHECKING:
    from hyperswap.sklearn import HyperswapClassifier

__all__ = [
    "Adapter",
    "Adapters",
    "Agreement",
    "ClassMetrics",
    "Client",
    "Comparison",
    "DistanceBin",
    "HyperswapClassifier",
    "HyperswapError",
    "Job",
    "Jobs",
    "LabelMap",
    "LandCoverClass",
    "MapArrays",
    "Method",
    "Metrics",
    "Progress",
    "ReliabilityBin",
    "RetryPolicy",
    "Scene",
    "SceneRecord",
    "Scenes",
    "Status",
    "Tile",
    "TileResult",
    "Tls",
    "Training",
    "TrainingResult",
    "connect",
    "errors",
    "plot",
]

try:
    __version__ = version("hyperswap")
except PackageNotFoundError:  # The sources of a checkout, which are not installed.
    __version__ = "0.0.0"


def __getattr__(name: str) -> Any:
    # scikit-learn takes longer to import than all else here.
    if name == "HyperswapClassifier":
        from hyperswap.sklearn import HyperswapClassifier

        return HyperswapClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
