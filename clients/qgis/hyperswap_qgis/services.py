# SPDX-License-Identifier: GPL-3.0-or-later
"""The services: parameters of a connection, progress, and errors in the words of Processing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterFile,
    QgsProcessingParameterString,
)

if TYPE_CHECKING:
    from hyperswap import Client, Progress


def add_connection(algorithm: QgsProcessingAlgorithm) -> None:
    """Add the parameters that say where the services are."""
    endpoint = QgsProcessingParameterString(
        "ENDPOINT",
        "Address of the services (empty: this machine's, which are started if there are none)",
        optional=True,
    )
    token = QgsProcessingParameterFile("TOKEN_FILE", "File with the token for them", optional=True)
    for parameter in (endpoint, token):
        parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.FlagAdvanced)
        algorithm.addParameter(parameter)


@contextmanager
def connected(
    algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext
) -> Iterator[Client]:
    """Connect to the services, and tell their errors as Processing does.

    Raises
    ------
    QgsProcessingException
        The Python client is not installed, or the services refuse something.
    """
    try:
        import hyperswap
    except Exception as error:  # Its packages also refuse versions of each other, by errors of their own.
        raise QgsProcessingException(
            f"The Python client of hyperswap cannot be loaded: {error}. Install its wheel into the Python of QGIS: "
            "python3 -m pip install --user hyperswap-VERSION-py3-none-any.whl"
        ) from error
    endpoint = algorithm.parameterAsString(parameters, "ENDPOINT", context).strip()
    token = algorithm.parameterAsString(parameters, "TOKEN_FILE", context)
    try:
        with hyperswap.connect(endpoint or None, token=Path(token) if token else None) as client:
            yield client
    except hyperswap.HyperswapError as error:
        raise QgsProcessingException(str(error)) from error


def progress_in(feedback: QgsProcessingFeedback) -> Callable[[Progress], None]:
    """Return a function that shows progress, and ends the work when the user cancels it."""
    stages: set[str] = set()

    def show(progress: Progress) -> None:
        if feedback.isCanceled():
            raise QgsProcessingException("Cancelled.")
        if progress.stage not in stages:
            stages.add(progress.stage)
            feedback.pushInfo(progress.stage)
        if progress.total > 0:
            feedback.setProgress(100 * progress.done / progress.total)

    return show
