"""Trainings and jobs."""

from __future__ import annotations

from collections.abc import Iterator

from hyperswap import _aio_jobs, _aio_training
from hyperswap._aio_jobs import Kind
from hyperswap._loop import LoopThread
from hyperswap._progress import ProgressOption, display_of
from hyperswap._records import Job, Progress, TrainingResult
from hyperswap._training_view import TrainingView


class Training(TrainingView):
    """Training that runs or is done, of :meth:`Client.train`.

    In a notebook it shows itself with the curve of its loss and its accuracies. It can be given
    wherever an adapter is wanted.

    Attributes
    ----------
    id : str
        Identifier of the job.
    done : bool
        It has ended, and ``result``, ``adapter``, ``metrics`` and ``confusion`` are known.
    loss : numpy.ndarray
        Mean loss of each epoch so far, float32.
    progress : Progress or None
        Latest progress.

    Examples
    --------
    >>> training = hs.train("field", method="linear-probe", adapter="second", split="12:4",
    ...                     patch_size=9, epochs=2, wait=False)
    >>> training.wait(progress=False).loss.shape
    (2,)
    """

    def __init__(self, twin: _aio_training.Training, loop: LoopThread) -> None:
        super().__init__(twin.id, twin.scene, twin.method)
        self._twin = twin
        self._loop = loop
        self._follow()

    def watch(self) -> Iterator[Progress]:
        """Yield progress until the end. A loop that is left does not end the training.

        Yields
        ------
        Progress
            Stage, what is done of it, epoch, and loss.
        """
        for told in self._loop.iterate(self._twin.watch()):
            self._take(told)
            yield told
        self._follow()

    def wait(self, *, progress: ProgressOption = True) -> Training:
        """Wait for the end.

        Ctrl-C ends the waiting, and the training goes on; :meth:`cancel` ends the training.

        Parameters
        ----------
        progress
            True shows a bar, and in notebooks the loss as it falls; a function is told of it.

        Returns
        -------
        Training
            This training, done.

        Raises
        ------
        hyperswap.HyperswapError
            The training failed.
        """
        if self.result is None:
            display = display_of(progress, self.method)

            def show(told: Progress) -> None:
                self._take(told)
                display(told)

            try:
                self._loop.run(lambda report: self._twin.wait(progress=report), show)
            finally:
                display.close()
            self._follow()
        return self

    def cancel(self) -> None:
        """End the training. Nothing is registered."""
        self._loop.run(lambda _: self._twin.cancel())

    def _follow(self) -> None:
        found: TrainingResult | None = self._twin.result
        if found is not None:
            self.result = found


class Jobs:
    """Preparations, trainings and classifications of the retention time, as ``hs.jobs``.

    Examples
    --------
    >>> {job.kind for job in hs.jobs.list()} <= {"preparation", "training", "pretraining", "scene"}
    True
    """

    def __init__(self, twin: _aio_jobs.Jobs, loop: LoopThread) -> None:
        self._twin = twin
        self._loop = loop

    def list(self, kind: Kind | None = None) -> list[Job]:
        """Return jobs, the newest first.

        Parameters
        ----------
        kind
            ``"preparation"``, ``"training"``, ``"pretraining"`` or ``"scene"``; all by default.
        """
        return self._loop.run(lambda _: self._twin.list(kind))

    def get(self, job: str) -> Job:
        """Return the job of an identifier.

        Raises
        ------
        hyperswap.errors.JobNotFoundError
            There is none.
        """
        return self._loop.run(lambda _: self._twin.get(job))

    def watch(self, job: str | Job) -> Iterator[Progress]:
        """Yield the progress of a job until its end.

        Raises
        ------
        hyperswap.HyperswapError
            The job failed.
        """
        return self._loop.iterate(self._twin.watch(job))

    def cancel(self, job: str | Job) -> None:
        """End a job."""
        self._loop.run(lambda _: self._twin.cancel(job))
