"""Registry of adapters, asynchronously."""

from __future__ import annotations

import asyncio
import builtins
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hyperswap._channels import Channels
from hyperswap._progress import ProgressOption, display_of
from hyperswap._records import Adapter, Comparison, adapter_of, comparison_of
from hyperswap._watch import run_scene_job
from hyperswap.errors import FieldInvalidError, FileUnreadableError, FileUnwritableError
from hyperswap.v1 import adapter_pb2, scene_job_pb2

if TYPE_CHECKING:
    from hyperswap._records import SceneRecord
    from hyperswap._training_view import TrainingView

Format = Literal["hyperswap", "peft"]

_formats = {
    "hyperswap": adapter_pb2.ADAPTER_FORMAT_HYPERSWAP,
    "peft": adapter_pb2.ADAPTER_FORMAT_PEFT,
}
_piece_bytes = 1024 * 1024
_long_seconds = 600.0


def reference_of(adapter: str | Adapter | TrainingView) -> str:
    """Return the reference of an adapter."""
    if isinstance(adapter, str):
        return adapter
    return adapter.reference


class Adapters:
    """Adapters of the services. Asynchronous twin of :class:`hyperswap.Adapters`."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    async def list(self) -> builtins.list[Adapter]:
        """Return all versions by name and number."""
        pages = self._channels.pages(self._channels.adapters.ListAdapters, adapter_pb2.ListAdaptersRequest())
        return [adapter_of(one) async for page in pages for one in page.adapters]

    async def get(self, adapter: str | Adapter | TrainingView) -> Adapter:
        """Return the version that a reference means now."""
        request = adapter_pb2.GetAdapterRequest(adapter=reference_of(adapter))
        answer = await self._channels.unary(self._channels.adapters.GetAdapter, request)
        return adapter_of(answer.adapter)

    async def alias(self, adapter: str | Adapter | TrainingView, alias: str) -> Adapter:
        """Point an alias at a version, after it is bound; open streams use it from their next tile."""
        request = adapter_pb2.SetAliasRequest(adapter=reference_of(adapter), alias=alias)
        answer = await self._channels.unary(self._channels.adapters.SetAlias, request)
        return adapter_of(answer.adapter)

    async def pin(self, adapter: str | Adapter | TrainingView, *, undo: bool = False) -> Adapter:
        """Keep the version of a reference loaded on every pod, or remove the pin."""
        request = adapter_pb2.PinAdapterRequest(adapter=reference_of(adapter), undo=undo)
        answer = await self._channels.unary(self._channels.adapters.PinAdapter, request)
        return adapter_of(answer.adapter)

    async def retire(self, adapter: str | Adapter | TrainingView, *, undo: bool = False) -> Adapter:
        """Retire a version, so that it takes no new work, or undo that."""
        request = adapter_pb2.RetireAdapterRequest(adapter=reference_of(adapter), undo=undo)
        answer = await self._channels.unary(self._channels.adapters.RetireAdapter, request)
        return adapter_of(answer.adapter)

    async def export(
        self,
        adapter: str | Adapter | TrainingView,
        directory: str | os.PathLike[str],
        *,
        format: Format = "hyperswap",
    ) -> builtins.list[Path]:
        """Write the files of a version into a folder, and return their paths."""
        if format not in _formats:
            raise FieldInvalidError.of(field="format", reason=f"it is {format}; give hyperswap or peft")
        request = adapter_pb2.ExportAdapterRequest(adapter=reference_of(adapter), format=_formats[format])
        contents: dict[str, bytearray] = {}
        async for piece in self._channels.read(self._channels.adapters.ExportAdapter, request):
            contents.setdefault(piece.chunk.file, bytearray()).extend(piece.chunk.content)
        return await asyncio.to_thread(_write_files, Path(directory), contents)

    async def import_(
        self,
        path: str | os.PathLike[str],
        name: str,
        *,
        like: str | Adapter | TrainingView = "",
    ) -> Adapter:
        """Register an ``adapter.safetensors``, or a folder of Hugging Face PEFT, as the next version of a name."""
        given = Path(path)
        format: Format = "peft" if given.is_dir() else "hyperswap"
        names = ("adapter_config.json", "adapter_model.safetensors") if format == "peft" else ("",)
        files = await asyncio.to_thread(lambda: {file or "adapter.safetensors": _read(given / file) for file in names})
        header = adapter_pb2.RegisterAdapterHeader(
            name=name, file_name=given.name, format=_formats[format], like=reference_of(like)
        )

        async def requests() -> AsyncIterator[adapter_pb2.RegisterAdapterRequest]:
            yield adapter_pb2.RegisterAdapterRequest(header=header)
            for file, content in files.items():
                for start in range(0, len(content), _piece_bytes):
                    chunk = adapter_pb2.AdapterChunk(file=file, content=content[start : start + _piece_bytes])
                    yield adapter_pb2.RegisterAdapterRequest(chunk=chunk)

        answer = await self._channels.upload(self._channels.sending.register_adapter, requests())
        return adapter_of(answer.adapter)

    async def compare(
        self,
        first: str | Adapter | TrainingView,
        second: str | Adapter | TrainingView,
        scene: str | SceneRecord,
        *,
        label_map: str = "",
        smooth: int = 0,
        progress: ProgressOption = True,
    ) -> Comparison:
        """Compare two adapters on the labelled pixels of a scene, with McNemar's test of their difference."""
        name = scene if isinstance(scene, str) else scene.name
        jobs: list[str] = []
        for adapter in (first, second):
            reference = reference_of(adapter)
            display = display_of(progress, reference)
            try:
                request = scene_job_pb2.ClassifySceneRequest(scene=name, adapter=reference)
                jobs.append((await run_scene_job(self._channels, request, display)).status.job)
            finally:
                display.close()
        compare = scene_job_pb2.CompareMapsRequest(
            first_job=jobs[0], second_job=jobs[1], label_map=label_map, smoothing_reach=smooth
        )
        answer = await self._channels.unary(self._channels.scene_jobs.CompareMaps, compare, timeout=_long_seconds)
        return comparison_of(answer)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileUnreadableError.of(file=os.fspath(path), reason=error.strerror or str(error)) from error


def _write_files(directory: Path, contents: dict[str, bytearray]) -> list[Path]:
    written = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            path = directory / Path(name).name
            partial = path.with_name(f".{path.name}.part")
            partial.write_bytes(content)
            partial.replace(path)
            written.append(path)
    except OSError as error:
        raise FileUnwritableError.of(file=os.fspath(directory), reason=error.strerror or str(error)) from error
    return written
