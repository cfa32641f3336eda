"""Client of the services."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, overload

from numpy.typing import ArrayLike

from hyperswap import aio
from hyperswap._adapters import Adapters
from hyperswap._aio_training import PatchSize, Setting
from hyperswap._channels import RetryPolicy, Tls, TokenSource
from hyperswap._loop import LoopThread
from hyperswap._maps import MapArrays
from hyperswap._progress import ProgressOption, display_of
from hyperswap._records import Adapter, Method, SceneRecord, Status
from hyperswap._scenes import Scene, Scenes, scene_of
from hyperswap._sources import Axes, ClassNames, LabelsLike, SceneLike
from hyperswap._tiles import Content, Errors, Order, TileLike, TileResult
from hyperswap._training_view import TrainingView
from hyperswap._trainings import Jobs, Training

if TYPE_CHECKING:
    import xarray
    from typing_extensions import Unpack

    from hyperswap._sources import ReadOptions


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
) -> Client:
    """Connect to the services, and start them when there are none.

    Without an endpoint the client looks at ``HYPERSWAP_ENDPOINT``, then at the default port
    127.0.0.1:7420. When nothing listens there, it starts a server of its own with the command
    ``hyperswap`` (from the PATH, or ``HYPERSWAP_COMMAND``), and stops it when the client is closed
    or this process ends.

    Parameters
    ----------
    endpoint
        ``"host:port"``, ``"https://host:port"``, or
        ``"preprocessing=host:port,trainer=host:port,tile-inference=host:port"``.
    tls
        Certificates. Without them ``https://`` trusts the authorities of the system.
        ``HYPERSWAP_TLS_AUTHORITY``, ``…_CERTIFICATE`` and ``…_KEY`` give them too.
    token
        Bearer token; a ``pathlib.Path`` of a file with it, which is read for each call; or a
        function that returns it. ``HYPERSWAP_TOKEN_FILE`` names a file too.
    home
        Folder for scenes and adapters of a server that is started (``.hyperswap`` by default).
    backbone
        Backbone of a server that is started.
    insecure
        The network is trusted: the token may travel without TLS.
    timeout
        Seconds that a call may take which answers at once. Long work has no limit.
    retry
        When calls are repeated that failed for a reason that can pass.

    Returns
    -------
    Client
        The client; as a context manager it closes itself.

    Raises
    ------
    hyperswap.errors.ServiceUnreachableError
        Nothing answers at the endpoint, or there is no command to start a server with.

    Examples
    --------
    >>> import hyperswap
    >>> with hyperswap.connect() as other:  # doctest: +SKIP
    ...     print(other.scenes.list())
    """
    loop = LoopThread()
    try:
        connecting = aio.connect(
            endpoint,
            tls=tls,
            token=token,
            home=home,
            backbone=backbone,
            insecure=insecure,
            timeout=timeout,
            retry=retry,
        )
        return Client(loop.run(lambda _: connecting._open()), loop)
    except BaseException:
        loop.close()
        raise


class Client:
    """Connection to the services. Make it with :func:`connect`.

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

    Notes
    -----
    Ctrl-C cancels the call that waits, in the services too. One client can be used by several
    threads.
    """

    def __init__(self, twin: aio.AsyncClient, loop: LoopThread) -> None:
        self._twin = twin
        self._loop = loop
        self.endpoint = twin.endpoint
        self.scenes = Scenes(twin.scenes, loop)
        self.adapters = Adapters(twin.adapters, loop)
        self.jobs = Jobs(twin.jobs, loop)
        self._close = weakref.finalize(self, _close, twin, loop)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __deepcopy__(self, memo: dict[int, Any]) -> Client:
        """Return this client: a connection is shared, as by the clones of an estimator."""
        return self

    def __repr__(self) -> str:
        return repr(self._twin).replace("AsyncClient", "Client")

    def close(self) -> None:
        """Close the connections, and end the server that was started for this client."""
        self._close()

    def prepare(
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
        """Send a raw scene, reduce it to 12 components, and keep it.

        Rows are sent in blocks of about 1 MiB, so that a file larger than memory can be prepared.
        An upload that is cut off goes on where it ended.

        Parameters
        ----------
        data
            Array (rows, columns, bands); DataArray with dimensions y, x and band, of which place on
            Earth, wavelengths and nodata are taken; or the path of a file: ``.npy``, ``.npz``,
            ``.mat`` (needs scipy), or what GDAL opens, such as GeoTIFF and ENVI (needs rasterio).
            A URL of a GeoTIFF, or ``"store:KEY"``, is read by the service itself, if its operator
            allows it.
        labels
            Label map (rows, columns) as an array, DataArray or path; or several by name, as
            ``{"train": …, "test": …}``. 0 and NaN are unlabelled.
        name
            Name of the scene; the file's or DataArray's by default.
        class_names
            Names from class 1 on; or, where labels are other codes, the name of each code:
            ``{11: "Water", 41: "Forest"}``. Codes without a name are unlabelled.
        class_colors
            Colour of each class in the order of ``class_names``, as ``"#rrggbb"``.
        labels_nodata
            Value of unlabelled pixels beside 0.
        labels_variable
            Variable of the labels in a ``.npz`` or ``.mat`` file that holds several.
        wavelengths, full_widths
            Centre, and full width at half maximum, of each band in nanometres.
        good_bands
            One truth value a band: bands that the PCA takes.
        nodata
            Value of pixels without data: those whose bands all have it.
        zero_is_nodata
            Also leaves out pixels whose bands are all zero.
        scale, offset
            Turn a value into a physical quantity: value · scale + offset.
        crs
            Coordinate reference system: EPSG code, WKT, or a CRS of pyproj or rasterio.
        transform
            Six numbers a, b, c, d, e, f: x = a·column + b·row + c, y = d·column + e·row + f, for the
            upper left corner of a pixel. An ``Affine`` of rasterio has this order.
        variable
            Variable of the scene in a ``.npz`` or ``.mat`` file that holds several.
        axes
            ``"bands-first"`` for an array (bands, rows, columns).
        attribution
            Source of the data and its licence, kept with the scene.
        replace
            Puts it in place of another scene of the name.
        keep_bands
            No PCA: the 12 bands as they are.
        pca_of
            Prepared scene of the same sensor whose PCA is taken, so that its adapters fit.
        progress
            True shows a bar; a function is told of it.

        Returns
        -------
        Scene
            The prepared scene.

        Raises
        ------
        hyperswap.errors.SceneExistsError
            A scene of the name has other content.
        hyperswap.errors.InvalidArgumentError
            The data or labels cannot be used.

        Examples
        --------
        >>> import numpy as np
        >>> pixels = np.random.default_rng(0).integers(100, 900, (20, 20, 16)).astype("uint16")
        >>> truth = np.repeat([[1], [2]], 10, axis=0).repeat(20, axis=1)
        >>> hs.prepare(pixels, labels=truth, name="noise", class_names=["A", "B"], progress=False).shape
        (20, 20, 16)
        """
        given = {key: value for key, value in locals().items() if key not in ("self", "progress")}
        display = display_of(progress, name or "prepare")
        try:
            twin = self._loop.run(lambda report: self._twin.prepare(**given, progress=report), display)
        finally:
            display.close()
        return scene_of(twin, self._loop)

    def train(
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
        """Fine-tune an adapter on the labelled pixels of a prepared scene.

        Parameters
        ----------
        scene
            Prepared scene, or its name.
        method
            Method; :meth:`methods` lists them.
        adapter
            Name of the adapter, the scene's by default; every training makes its next version.
        split
            Training and test pixels: ``"50:15"`` (the default) draws 50 pixels of each class, 15 of
            small ones; ``"10%"`` a share of each; ``"blocks"`` spatially disjoint blocks;
            ``"train/test"`` two label maps; ``"all"`` trains on every label and tests nothing.
        preset
            The paper's settings of a known scene.
        patch_size
            Side of a patch in pixels, odd; 0 for the preset's or 15; ``"auto"`` to choose it.
        seed
            Seed of the split, the start and the order.
        backbone
            Name of the backbone; the one that the services are configured with by default.
        resume
            Goes on at the last checkpoint of an earlier run.
        validate_only
            Evaluates on a part of the training pixels, and registers nothing: for choosing settings.
        wait
            False returns at once; :meth:`Training.wait` waits later.
        progress
            True shows a bar, and in notebooks the loss as it falls; a function is told of it.
        **settings
            Settings of the method, such as ``epochs=20``, ``learning_rate=0.003`` or ``lambda_=1.05``.

        Returns
        -------
        Training
            The training, with its adapter, metrics and losses. With ``wait`` Ctrl-C cancels it.

        Raises
        ------
        hyperswap.errors.MethodUnknownError, hyperswap.errors.MethodSettingsError
            The method or its settings cannot be used.
        hyperswap.errors.SplitInvalidError
            The labels are too few for the split.

        Examples
        --------
        >>> training = hs.train("field", method="linear-probe", adapter="third", split="12:4",
        ...                     patch_size=9, epochs=2, progress=False)
        >>> training.adapter.name, training.confusion.shape
        ('third', (3, 3))
        """
        twin = self._loop.run(
            lambda _: self._twin.train(
                scene,
                method=method,
                adapter=adapter,
                split=split,
                preset=preset,
                patch_size=patch_size,
                seed=seed,
                backbone=backbone,
                resume=resume,
                validate_only=validate_only,
                wait=False,
                progress=False,
                **settings,
            )
        )
        training = Training(twin, self._loop)
        if not wait:
            return training
        try:
            return training.wait(progress=progress)
        except KeyboardInterrupt:
            training.cancel()
            raise

    @overload
    def classify(
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
    def classify(
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

    def classify(
        self,
        data: SceneLike | SceneRecord,
        adapter: str | Adapter | TrainingView,
        *,
        smooth: int = 0,
        agreement: float | None = None,
        output: Literal["xarray", "numpy"] = "xarray",
        progress: ProgressOption = True,
        **reading: Unpack[ReadOptions],
    ) -> xarray.DataArray | MapArrays:
        """Classify every pixel of a scene.

        Parameters
        ----------
        data
            Prepared scene, or its name; else a raw scene as :meth:`prepare` takes it, which is
            classified with the adapter's own PCA and not kept.
        adapter
            Reference, version, or training that is done.
        smooth
            Smooths the map: pixels with similar spectra within about this distance in pixels vote for
            the class; 0 for none. Prepared scenes only.
        agreement
            Share of pixels that shall have the label of the exact map, from 0.9 to below 1. The
            model then classifies the pixels near borders of classes, about half of them, and the
            others are interpolated; the map's attributes have the measured agreement. None, the
            default, classifies every pixel. Prepared scenes only.
        output
            ``"numpy"`` returns :class:`MapArrays`, which needs no xarray.
        progress
            True shows a bar; a function is told of it.
        **reading
            Options of a raw scene as :meth:`prepare` has them: ``variable``, ``axes``,
            ``wavelengths``, ``good_bands``, ``nodata``, ``zero_is_nodata``, ``crs``, ``transform``.

        Returns
        -------
        xarray.DataArray
            Class of each pixel, uint8 (y, x): from 1, or 0 for a pixel without data. The coordinate
            ``confidence`` is the probability of the class, float32 from 0 to 1. The attributes have
            ``class_names`` and ``class_colors``, and ``spatial_ref`` is the place on Earth as
            rioxarray has it. :func:`hyperswap.plot`, or ``.hyperswap.plot()``, draws it.

        Raises
        ------
        hyperswap.errors.AdapterNotFoundError
            There is no such adapter.
        hyperswap.errors.MissingPackageError
            xarray is not installed.

        Examples
        --------
        >>> land_cover = hs.classify("field", "field", progress=False)
        >>> land_cover.dims, land_cover.attrs["class_names"]
        (('y', 'x'), ['Soil', 'Wheat', 'Wood'])
        """
        display = display_of(progress, "classify")
        options: Any = {"smooth": smooth, "agreement": agreement, "output": output, **reading}
        try:
            found: xarray.DataArray | MapArrays = self._loop.run(
                lambda report: self._twin.classify(data, adapter, progress=report, **options),
                display,
            )
        finally:
            display.close()
        return found

    @overload
    def classify_proba(
        self,
        data: SceneLike | SceneRecord,
        adapter: str | Adapter | TrainingView,
        *,
        output: Literal["xarray"] = ...,
        progress: ProgressOption = ...,
        **reading: Unpack[ReadOptions],
    ) -> xarray.DataArray: ...

    @overload
    def classify_proba(
        self,
        data: SceneLike | SceneRecord,
        adapter: str | Adapter | TrainingView,
        *,
        output: Literal["numpy"],
        progress: ProgressOption = ...,
        **reading: Unpack[ReadOptions],
    ) -> MapArrays: ...

    def classify_proba(
        self,
        data: SceneLike | SceneRecord,
        adapter: str | Adapter | TrainingView,
        *,
        output: Literal["xarray", "numpy"] = "xarray",
        progress: ProgressOption = True,
        **reading: Unpack[ReadOptions],
    ) -> xarray.DataArray | MapArrays:
        """Return the probability of every class at every pixel.

        Parameters
        ----------
        data, adapter, output, progress, **reading
            As :meth:`classify` has them.

        Returns
        -------
        xarray.DataArray
            float32 (y, x, class) from 0 to 1, in steps of 1/255, with class names as coordinate
            ``class`` and the class of each pixel as coordinate ``labels``.

        Examples
        --------
        >>> hs.classify_proba("field", "field", progress=False).sel({"class": "Wheat"}).shape
        (24, 30)
        """
        display = display_of(progress, "classify")
        options: Any = {"output": output, **reading}
        try:
            found: xarray.DataArray | MapArrays = self._loop.run(
                lambda report: self._twin.classify_proba(data, adapter, progress=report, **options),
                display,
            )
        finally:
            display.close()
        return found

    def stream(
        self,
        tiles: Iterable[TileLike],
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
    ) -> Iterator[TileResult]:
        """Classify tiles as they come.

        At most 64 tiles are taken whose results are not: an iterator that waits for data, a service
        that is busy, and a caller that is slow all hold back each other, in bounded memory. Tiles are
        taken in a thread beside the caller's. When the connection ends, tiles that are not
        answered are sent again.

        Parameters
        ----------
        tiles
            Tiles, or arrays (rows, columns, bands), all of one type and number of bands.
        adapter
            Reference, version, or training; it may be empty when every tile names its own.
        confidence, probabilities
            Outputs beside the labels.
        content
            ``"raw"`` for bands as the sensor gave them; ``"prepared"`` for PCA scores of ``scene``.
        scene
            Prepared scene that the scores come from.
        wavelengths
            Centre of each band of raw pixels in nanometres; bands that are not the adapter's are refused.
        pad
            Mirrors the pixels that are missing around a tile; False makes such a tile an error.
        order
            ``"given"``, or ``"ready"`` to get results when they are ready.
        errors
            ``"raise"``, or ``"return"`` to get a result with ``error`` for a tile that fails.

        Yields
        ------
        TileResult
            Labels of one tile, and the outputs asked for.

        Examples
        --------
        >>> import numpy as np
        >>> tiles = (np.full((8, 8, 16), 2000 + step, "uint16") for step in range(3))
        >>> [result.labels.shape for result in hs.stream(tiles, "field")]
        [(8, 8), (8, 8), (8, 8)]
        """
        return self._loop.iterate(
            self._twin.stream(
                tiles,
                adapter,
                confidence=confidence,
                probabilities=probabilities,
                content=content,
                scene=scene,
                wavelengths=wavelengths,
                pad=pad,
                order=order,
                errors=errors,
            )
        )

    def methods(self, backbone: str = "") -> list[Method]:
        """Return the methods that can be trained, with their settings for a backbone.

        Examples
        --------
        >>> "krona+" in [method.name for method in hs.methods()]
        True
        """
        return self._loop.run(lambda _: self._twin.methods(backbone))

    def status(self) -> Status:
        """Return the state of the tile-inference process that answers.

        Examples
        --------
        >>> hs.status().device
        'cpu'
        """
        return self._loop.run(lambda _: self._twin.status())


def _close(twin: aio.AsyncClient, loop: LoopThread) -> None:
    def close() -> None:
        try:
            loop.run(lambda _: twin.close())
        finally:
            loop.close()

    loop.apart(close)
