"""Asynchronous client: the same calls as :class:`hyperswap.Client`, to be awaited.

Examples
--------
>>> import hyperswap.aio
>>> async def main():
...     async with hyperswap.aio.connect() as hs:
...         land_cover = await hs.classify("field", "field:stable")
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, overload

from numpy.typing import ArrayLike

from hyperswap._aio_adapters import Adapters, reference_of
from hyperswap._aio_jobs import Jobs
from hyperswap._aio_scenes import Scene, Scenes, scene_of
from hyperswap._aio_training import PatchSize, Setting, Training, run_to_end, start_training
from hyperswap._channels import Channels, RetryPolicy, Tls, TokenSource
from hyperswap._classify import classify_scene, classify_source
from hyperswap._local_server import LocalServer, default_address, listens
from hyperswap._maps import MapArrays, import_xarray
from hyperswap._progress import ProgressOption, display_of
from hyperswap._records import Adapter, Method, SceneRecord, Status, method_of, status_of
from hyperswap._remote_scenes import describe_remote, is_remote, stem_of
from hyperswap._sources import Axes, ClassNames, LabelsLike, ReadOptions, SceneLike, open_scene, read_labels
from hyperswap._tiles import Content, Errors, Order, TileLike, TileResult, TileStream
from hyperswap._training_view import TrainingView
from hyperswap._upload import send_scene
from hyperswap.errors import FieldInvalidError
from hyperswap.v1 import scene_pb2, tile_pb2, training_pb2

if TYPE_CHECKING:
    import xarray
    from typing_extensions import Unpack

__all__ = ["Adapters", "AsyncClient", "Jobs", "Scene", "Scenes", "Training", "connect"]

Output = Literal["xarray", "numpy"]


def connect(
    endpoint: str | None = None,
    *,
    tls: Tls | None = None,
    token: TokenSource | None = None,
    home: str | os.PathLike[str] | None = None,
    backbone: str | None = None,
    insecure: bool = False,
    timeout: float = 60.0,
    retry: RetryPolicy | None = None,
) -> _Connecting:
    """Connect to the services. Asynchronous twin of :func:`hyperswap.connect`.

    Returns
    -------
    awaitable and asynchronous context manager of AsyncClient
        ``await connect()``, or ``async with connect() as hs``.
    """
    given = {"tls": tls, "token": token, "insecure": insecure, "timeout": timeout, "retry": retry}
    return _Connecting(endpoint, home, backbone, given)


class _Connecting:
    """Connection that is about to be made."""

    def __init__(
        self,
        endpoint: str | None,
        home: str | os.PathLike[str] | None,
        backbone: str | None,
        options: dict[str, Any],
    ) -> None:
        self._endpoint = endpoint or os.environ.get("HYPERSWAP_ENDPOINT") or None
        self._home = home
        self._backbone = backbone
        self._options = _with_environment(options)
        self._client: AsyncClient | None = None

    def __await__(self) -> Generator[Any, None, AsyncClient]:
        return self._open().__await__()

    async def __aenter__(self) -> AsyncClient:
        self._client = await self._open()
        return self._client

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()

    async def _open(self) -> AsyncClient:
        endpoint = self._endpoint
        server: LocalServer | None = None
        options = self._options
        if endpoint is None:
            endpoint = default_address()
            if not await asyncio.to_thread(listens, endpoint):
                server = await asyncio.to_thread(LocalServer, home=self._home, backbone=self._backbone)
                endpoint = server.address
                # It is on a loopback address, and asks for neither.
                options = {**options, "tls": None, "token": None}
        try:
            client = AsyncClient(Channels(endpoint, **options), server)
        except BaseException:
            if server is not None:
                await asyncio.to_thread(server.stop)
            raise
        try:
            await client._channels.ready()
        except BaseException:
            await client.close()
            raise
        return client


def _with_environment(options: dict[str, Any]) -> dict[str, Any]:
    """Return options, those that are not given from the variables that the command line reads too."""
    found = dict(options)
    token_file = os.environ.get("HYPERSWAP_TOKEN_FILE")
    if found["token"] is None and token_file:
        found["token"] = Path(token_file)
    names = {"authority": "AUTHORITY", "certificate": "CERTIFICATE", "key": "KEY"}
    files = {name: os.environ.get(f"HYPERSWAP_TLS_{variable}") or None for name, variable in names.items()}
    if found["tls"] is None and any(files.values()):
        found["tls"] = Tls(**files)
    return found


class AsyncClient:
    """Connection to the services. Asynchronous twin of :class:`hyperswap.Client`; make it with :func:`connect`.

    Attributes
    ----------
    endpoint : str
        Address of the services.
    scenes : Scenes
        Prepared scenes.
    adapters : Adapters
        Registry of adapters.
    jobs : Jobs
        Jobs of all kinds.
    """

    def __init__(self, channels: Channels, server: LocalServer | None = None) -> None:
        self._channels = channels
        self._server = server
        self.endpoint = channels.endpoint
        self.scenes = Scenes(channels)
        self.adapters = Adapters(channels)
        self.jobs = Jobs(channels)

    def __repr__(self) -> str:
        local = ", started for this process" if self._server is not None else ""
        return f"<{type(self).__name__} of {self.endpoint}{local}>"

    async def close(self) -> None:
        """Close the connections, and end the server that was started for this client."""
        await self._channels.close()
        if self._server is not None:
            await asyncio.to_thread(self._server.stop)

    async def prepare(
        self,
        data: SceneLike,
        *,
        labels: LabelsLike | Mapping[str, LabelsLike] | None = None,
        name: str | None = None,
        class_names: ClassNames | None = None,
        class_colors: Sequence[str] | None = None,
        labels_nodata: float | None = None,
        labels_variable: str | None = None,
        wavelengths: ArrayLike | None = None,
        full_widths: ArrayLike | None = None,
        good_bands: ArrayLike | None = None,
        nodata: float | None = None,
        zero_is_nodata: bool = False,
        scale: float | None = None,
        offset: float | None = None,
        crs: Any = None,
        transform: Sequence[float] | None = None,
        variable: str | None = None,
        axes: Axes = "bands-last",
        attribution: str = "",
        replace: bool = False,
        keep_bands: bool = False,
        pca_of: str | SceneRecord | None = None,
        progress: ProgressOption = True,
    ) -> Scene:
        """Send a raw scene, reduce it to 12 components, and keep it. See :meth:`hyperswap.Client.prepare`."""
        remote = await describe_remote(self._channels, data, variable, axes) if is_remote(data) else None
        source = await asyncio.to_thread(
            open_scene,
            data if remote is None else remote,
            variable=variable,
            axes=axes,
            wavelengths=wavelengths,
            full_widths=full_widths,
            good_bands=good_bands,
            nodata=nodata,
            zero_is_nodata=zero_is_nodata,
            scale=scale,
            offset=offset,
            crs=crs,
            transform=transform,
        )
        try:
            read = await asyncio.to_thread(
                read_labels,
                labels,
                (source.height, source.width),
                class_names=class_names,
                class_colors=class_colors,
                nodata=labels_nodata,
                variable=labels_variable,
            )
            header = scene_pb2.PrepareSceneHeader(
                name=name if name is not None else _name_of(data),
                raster=source.raster(),
                label_maps=list(read.maps),
                classes=read.classes,
                attribution=attribution,
                retention=scene_pb2.RETENTION_REPLACE if replace else scene_pb2.RETENTION_KEEP,
                reduction=scene_pb2.REDUCTION_NONE if keep_bands else scene_pb2.REDUCTION_PCA,
                pca_of="" if pca_of is None else _scene_name(pca_of),
            )
            if source.remote != "":
                header.source = source.remote
            display = display_of(progress, header.name)
            try:
                scene = await send_scene(self._channels, header, source, read, display)
            finally:
                display.close()
        finally:
            source.close()
        return scene_of(scene, self._channels)

    async def train(
        self,
        scene: str | SceneRecord,
        *,
        method: str = "krona+",
        adapter: str | None = None,
        split: str | None = None,
        preset: str | None = None,
        patch_size: PatchSize = 0,
        seed: int = 1,
        backbone: str | None = None,
        resume: bool = False,
        validate_only: bool = False,
        wait: bool = True,
        progress: ProgressOption = True,
        **settings: Setting,
    ) -> Training:
        """Fine-tune an adapter on the labelled pixels of a scene. See :meth:`hyperswap.Client.train`."""
        training = await start_training(
            self._channels,
            _scene_name(scene),
            method=method,
            adapter=adapter,
            split=split,
            preset=preset,
            patch_size=patch_size,
            seed=seed,
            backbone=backbone,
            resume=resume,
            validate_only=validate_only,
            settings=settings,
        )
        return await run_to_end(training, progress) if wait else training

    @overload
    async def classify(
        self,
        data: SceneLike | SceneRecord,
        adapter: str | Adapter | TrainingView,
        *,
        smooth: int = ...,
        agreement: float | None = ...,
        output: Literal["xarray"] = ...,
        progress: ProgressOption = ...,
        **reading: Unpack[ReadOptions],
    ) -> xarray.DataArray: ...

    @overload
    async def classify(
        self,
        data: SceneLike | SceneRecord,
        adapter: str | Adapter | TrainingView,
        *,
        smooth: int = ...,
        agreement: float | None = ...,
        output: Literal["numpy"],
        progress: ProgressOption = ...,
        **reading: Unpack[ReadOptions],
    ) -> MapArrays: ...

    async def classify(
        self,
        data: SceneLike | SceneRecord,
        adapter: str | Adapter | TrainingView,
        *,
        smooth: int = 0,
        agreement: float | None = None,
        output: Output = "xarray",
        progress: ProgressOption = True,
        **reading: Unpack[ReadOptions],
    ) -> xarray.DataArray | MapArrays:
        """Classify every pixel of a scene. See :meth:`hyperswap.Client.classify`."""
        _check_output(output)
        found = await self._classify(
            data,
            adapter,
            probabilities=False,
            smooth=smooth,
            agreement=agreement,
            progress=progress,
            reading=reading,
        )
        return found if output == "numpy" else found.to_xarray()

    @overload
    async def classify_proba(
        self,
        data: SceneLike | SceneRecord,
        adapter: str | Adapter | TrainingView,
        *,
        output: Literal["xarray"] = ...,
        progress: ProgressOption = ...,
        **reading: Unpack[ReadOptions],
    ) -> xarray.DataArray: ...

    @overload
    async def classify_proba(
        self,
        data: SceneLike | SceneRecord,
        adapter: str | Adapter | TrainingView,
        *,
        output: Literal["numpy"],
        progress: ProgressOption = ...,
        **reading: Unpack[ReadOptions],
    ) -> MapArrays: ...

    async def classify_proba(
        self,
        data: SceneLike | SceneRecord,
        adapter: str | Adapter | TrainingView,
        *,
        output: Output = "xarray",
        progress: ProgressOption = True,
        **reading: Unpack[ReadOptions],
    ) -> xarray.DataArray | MapArrays:
        """Return the probability of every class at every pixel. See :meth:`hyperswap.Client.classify_proba`."""
        _check_output(output)
        found = await self._classify(
            data, adapter, probabilities=True, smooth=0, agreement=None, progress=progress, reading=reading
        )
        return found if output == "numpy" else found.to_probabilities()

    async def stream(
        self,
        tiles: Iterable[TileLike] | AsyncIterable[TileLike],
        adapter: str | Adapter | TrainingView = "",
        *,
        confidence: bool = True,
        probabilities: bool = False,
        content: Content = "raw",
        scene: str | SceneRecord = "",
        wavelengths: Sequence[float] = (),
        pad: bool = True,
        order: Order = "given",
        errors: Errors = "raise",
    ) -> AsyncIterator[TileResult]:
        """Classify tiles as they come. See :meth:`hyperswap.Client.stream`."""
        stream = TileStream(
            self._channels,
            tiles,
            adapter=reference_of(adapter),
            content=content,
            scene=_scene_name(scene),
            confidence=confidence,
            probabilities=probabilities,
            wavelengths=wavelengths,
            pad=pad,
            order=order,
            errors=errors,
        )
        results = stream.results()
        try:
            async for result in results:
                yield result
        finally:
            # Leaving the loop ends the call now, not when the results are collected.
            await results.aclose()  # type: ignore[attr-defined]

    async def methods(self, backbone: str = "") -> list[Method]:
        """Return the methods that can be trained, with their settings for a backbone."""
        request = training_pb2.ListMethodsRequest(backbone=backbone)
        answer = await self._channels.unary(self._channels.trainings.ListMethods, request)
        return [method_of(one) for one in answer.methods]

    async def status(self) -> Status:
        """Return the state of the tile-inference process that answers."""
        answer = await self._channels.unary(self._channels.tiles.GetStatus, tile_pb2.GetStatusRequest())
        return status_of(answer)

    async def _classify(
        self,
        data: SceneLike | SceneRecord,
        adapter: str | Adapter | TrainingView,
        *,
        probabilities: bool,
        smooth: int,
        agreement: float | None,
        progress: ProgressOption,
        reading: ReadOptions,
    ) -> MapArrays:
        scene = await self._scene(data)
        display = display_of(progress, reference_of(adapter))
        try:
            if scene is not None:
                if reading:
                    reason = f"{scene.name} is a prepared scene, which is not read again"
                    raise FieldInvalidError.of(field=next(iter(reading)), reason=reason)
                return await classify_scene(
                    self._channels,
                    scene,
                    reference_of(adapter),
                    display,
                    probabilities=probabilities,
                    smooth=smooth,
                    agreement=agreement,
                )
            if agreement is not None:
                reason = "adaptive maps need the components of a prepared scene: prepare the scene, and classify that"
                raise FieldInvalidError.of(field="agreement", reason=reason)
            if smooth > 0:
                reason = "smoothing needs the components of a prepared scene: prepare the scene, and classify that"
                raise FieldInvalidError.of(field="smooth", reason=reason)
            source = await asyncio.to_thread(lambda: open_scene(data, **reading))  # type: ignore[arg-type]
            try:
                version = await self.adapters.get(adapter)
                return await classify_source(self._channels, source, version, display, probabilities=probabilities)
            finally:
                source.close()
        finally:
            display.close()

    async def _scene(self, data: SceneLike | SceneRecord) -> SceneRecord | None:
        """Return the prepared scene that is meant; None for an array or a file."""
        if isinstance(data, SceneRecord):
            return data
        if isinstance(data, str) and not await asyncio.to_thread(os.path.exists, data):
            return await self.scenes.get(data)
        return None


def _check_output(output: str) -> None:
    if output not in ("xarray", "numpy"):
        raise FieldInvalidError.of(field="output", reason=f"it is {output}; give xarray or numpy")
    if output == "xarray":
        # Before the work, not after it.
        import_xarray()


def _scene_name(scene: str | SceneRecord) -> str:
    return scene if isinstance(scene, str) else scene.name


def _name_of(data: object) -> str:
    """Return the name of a scene that was given none: that of its file or DataArray."""
    found = stem_of(data) if isinstance(data, str | os.PathLike) else getattr(data, "name", None)
    if not isinstance(found, str) or found == "":
        raise FieldInvalidError.of(field="name", reason="an array has none: give name=")
    return re.sub(r"^[^a-z0-9]+", "", re.sub(r"[^a-z0-9._-]+", "-", found.lower()))
