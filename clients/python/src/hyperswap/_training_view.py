"""State of a training while it runs and after its end."""

from __future__ import annotations

import html

import numpy as np
from numpy.typing import NDArray

from hyperswap._progress import loss_svg, metrics_html
from hyperswap._records import Adapter, Metrics, Progress, TrainingResult
from hyperswap.errors import JobNotDoneError


class TrainingView:
    """Training with its progress so far.

    Attributes
    ----------
    id : str
        Identifier of the job, a UUID.
    scene, method : str
        Scene, and method.
    progress : Progress or None
        Latest progress.
    result : TrainingResult or None
        Result; None before the end.
    """

    def __init__(self, id: str, scene: str, method: str) -> None:
        self.id = id
        self.scene = scene
        self.method = method
        self.progress: Progress | None = None
        self.result: TrainingResult | None = None
        self._losses: list[float] = []

    @property
    def done(self) -> bool:
        """The training has ended, and this client knows its result."""
        return self.result is not None

    @property
    def loss(self) -> NDArray[np.float32]:
        """Mean loss of each epoch so far, float32."""
        return self.result.loss if self.result is not None else np.array(self._losses, dtype=np.float32)

    @property
    def metrics(self) -> Metrics | None:
        """Agreement with the labels of the test pixels; None when all labelled pixels train."""
        return self._done().metrics

    @property
    def confusion(self) -> NDArray[np.int64] | None:
        """Confusion matrix, int64 (classes, classes): rows are the true classes."""
        metrics = self._done().metrics
        return None if metrics is None else metrics.confusion

    @property
    def adapter(self) -> Adapter | None:
        """Version that was registered; None for comparison methods and with ``validate_only``."""
        return self._done().adapter

    @property
    def reference(self) -> str:
        """Reference of the version, such as ``"field@7"``."""
        adapter = self._done().adapter
        return "" if adapter is None else adapter.reference

    def _done(self) -> TrainingResult:
        if self.result is None:
            raise JobNotDoneError.of(kind="training", job=self.id, state="not known to be done: call wait()")
        return self.result

    def _take(self, progress: Progress) -> None:
        self.progress = progress
        if progress.loss is None or progress.epoch == 0:
            return
        # An epoch is told of more than once, and a training that another process takes over repeats some.
        del self._losses[progress.epoch - 1 :]
        self._losses.append(progress.loss)

    def __str__(self) -> str:
        return self.reference if self.result is not None else self.id

    def __repr__(self) -> str:
        what = f"{self.method} on {self.scene}"
        if self.result is None:
            told = "" if self.progress is None else f", {self.progress.stage}"
            return f"<Training {self.id}: {what}{told}>"
        metrics = self.result.metrics
        accuracy = "not tested" if metrics is None else f"OA {100 * metrics.overall_accuracy:.2f} %"
        return f"<Training {self.reference or self.id}: {what}, {accuracy}>"

    def _repr_html_(self) -> str:
        head = f"<b>{html.escape(self.reference if self.result else self.id)}</b>: {html.escape(self.method)} on "
        head += html.escape(self.scene)
        curve = loss_svg([float(one) for one in self.loss])
        if self.result is None:
            told = "" if self.progress is None else f", {html.escape(self.progress.stage)}"
            return f"<div>{head}{told}</div>{curve}"
        result = self.result
        facts = f"{result.train_pixels} training and {result.test_pixels} test pixels, patch size {result.patch_size}, "
        facts += f"{result.parameters:,} learned values, {result.seconds:.1f} s"
        table = "" if result.metrics is None else metrics_html(result.metrics)
        return f"<div>{head}<br>{facts}</div>{curve}{table}"
