"""Registry of adapters."""

from __future__ import annotations

import builtins
import os
from pathlib import Path

from hyperswap import _aio_adapters
from hyperswap._aio_adapters import Format
from hyperswap._loop import LoopThread
from hyperswap._progress import ProgressOption, display_of
from hyperswap._records import Adapter, Comparison, SceneRecord
from hyperswap._training_view import TrainingView


class Adapters:
    """Adapters of the services, as ``hs.adapters``: immutable versions, aliases that move, and pins.

    An adapter is given as a reference (``"field"`` for the newest version, ``"field@7"`` or
    ``"field:stable"``), as an :class:`Adapter`, or as a training that is done.

    Examples
    --------
    >>> "field@1" in [adapter.reference for adapter in hs.adapters.list()]
    True
    """

    def __init__(self, twin: _aio_adapters.Adapters, loop: LoopThread) -> None:
        self._twin = twin
        self._loop = loop

    def list(self) -> builtins.list[Adapter]:
        """Return all versions by name and number."""
        return self._loop.run(lambda _: self._twin.list())

    def get(self, adapter: str | Adapter | TrainingView) -> Adapter:
        """Return the version that a reference means now.

        Raises
        ------
        hyperswap.errors.AdapterNotFoundError
            There is none.

        Examples
        --------
        >>> hs.adapters.get("field").patch_size
        9
        """
        return self._loop.run(lambda _: self._twin.get(adapter))

    def alias(self, adapter: str | Adapter | TrainingView, alias: str) -> Adapter:
        """Point an alias at a version, after it is bound; open streams use it from their next tile.

        Examples
        --------
        >>> hs.adapters.alias("field@1", "stable").reference
        'field@1'
        """
        return self._loop.run(lambda _: self._twin.alias(adapter, alias))

    def pin(self, adapter: str | Adapter | TrainingView, *, undo: bool = False) -> Adapter:
        """Keep the version of a reference loaded on every pod.

        Parameters
        ----------
        adapter
            Reference that is kept: a version, an alias, or a name for its newest version.
        undo
            Removes the pin.

        Returns
        -------
        Adapter
            Version that the reference means now.
        """
        return self._loop.run(lambda _: self._twin.pin(adapter, undo=undo))

    def retire(self, adapter: str | Adapter | TrainingView, *, undo: bool = False) -> Adapter:
        """Retire a version, so that it takes no new work, or undo that with ``undo``."""
        return self._loop.run(lambda _: self._twin.retire(adapter, undo=undo))

    def export(
        self,
        adapter: str | Adapter | TrainingView,
        directory: str | os.PathLike[str],
        *,
        format: Format = "hyperswap",
    ) -> builtins.list[Path]:
        """Write the files of a version into a folder.

        Parameters
        ----------
        adapter
            The version.
        directory
            Folder; it is made where it does not exist.
        format
            ``"hyperswap"`` for one file that :meth:`import_` reads, ``"peft"`` for the two files of
            Hugging Face PEFT.

        Returns
        -------
        list of pathlib.Path
            Files that were written.

        Examples
        --------
        >>> [path.name for path in hs.adapters.export("field", "exported")]
        ['adapter.safetensors']
        """
        return self._loop.run(lambda _: self._twin.export(adapter, directory, format=format))

    def import_(
        self,
        path: str | os.PathLike[str],
        name: str,
        *,
        like: str | Adapter | TrainingView = "",
    ) -> Adapter:
        """Register the files of an adapter as the next version of a name.

        Parameters
        ----------
        path
            An ``adapter.safetensors``, or a folder of Hugging Face PEFT.
        name
            Name to register it under.
        like
            Adapter of the same scene and backbone, from which a PEFT adapter takes patch size,
            classes, PCA and normaliser.

        Returns
        -------
        Adapter
            The new version.

        Examples
        --------
        >>> hs.adapters.import_("exported/adapter.safetensors", "copy").reference  # doctest: +SKIP
        'copy@1'
        """
        return self._loop.run(lambda _: self._twin.import_(path, name, like=like))

    def compare(
        self,
        first: str | Adapter | TrainingView,
        second: str | Adapter | TrainingView,
        scene: str | SceneRecord,
        *,
        label_map: str = "",
        smooth: int = 0,
        progress: ProgressOption = True,
    ) -> Comparison:
        """Compare two adapters on the labelled pixels of a scene.

        Parameters
        ----------
        first, second
            The adapters.
        scene
            Prepared scene, or its name.
        label_map
            Label map to compare on: one that did not train them. Empty: all together.
        smooth
            Reach of the smoothing of both maps in pixels; 0 for none.
        progress
            Shows how far the maps are; a function is told of it.

        Returns
        -------
        Comparison
            Metrics of both, and McNemar's test of their difference.

        Examples
        --------
        >>> hs.adapters.compare("field@1", "field:stable", "field", progress=False).only_first
        0
        """
        display = display_of(progress, "compare")
        try:
            return self._loop.run(
                lambda report: self._twin.compare(
                    first, second, scene, label_map=label_map, smooth=smooth, progress=report
                ),
                display,
            )
        finally:
            display.close()
