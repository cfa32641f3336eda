"""Records of the services: plain and frozen, with NumPy arrays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hyperswap.errors import HyperswapError, from_error_status
from hyperswap.v1 import adapter_pb2, job_pb2, scene_job_pb2, scene_pb2, tile_pb2, training_pb2

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

# The colours that the services give classes without one (shared/map).
_palette = [
    "#1f77b4",
    "#ff7f0e",
    "#2ca02c",
    "#d62728",
    "#9467bd",
    "#8c564b",
    "#e377c2",
    "#bcbd22",
    "#17becf",
    "#aec7e8",
    "#ffbb78",
    "#98df8a",
    "#ff9896",
    "#c5b0d5",
    "#c49c94",
    "#f7b6d2",
    "#dbdb8d",
    "#9edae5",
    "#7f7f7f",
    "#393b79",
]


@dataclass(frozen=True)
class LandCoverClass:
    """One land-cover class.

    Attributes
    ----------
    name : str
        Name, unique among its classes.
    color : str
        Colour as ``"#rrggbb"``.
    """

    name: str
    color: str


def classes_of(messages: Iterable[scene_pb2.LandCoverClass]) -> tuple[LandCoverClass, ...]:
    """Return classes, each with a colour."""
    return tuple(
        LandCoverClass(
            one.name,
            f"#{one.color:06x}" if one.HasField("color") else _palette[index % len(_palette)],
        )
        for index, one in enumerate(messages)
    )


@dataclass(frozen=True)
class Progress:
    """Progress of long work.

    Attributes
    ----------
    stage : str
        Current stage in words, such as ``"fitting the PCA"``.
    done, total : int
        Units done in this stage, and units in all; a total of 0 is not known yet.
    loss : float or None
        Mean loss of the last epoch of a training.
    epoch : int
        Epoch, from 1; 0 outside of a training.
    """

    stage: str
    done: int
    total: int
    loss: float | None = None
    epoch: int = 0


def progress_of(message: job_pb2.JobProgress) -> Progress:
    """Return the progress of a job."""
    return Progress(message.stage, message.done, message.total)


@dataclass(frozen=True)
class LabelMap:
    """Label map of a prepared scene.

    Attributes
    ----------
    name : str
        Name, unique in its scene.
    labelled_pixels : int
        Pixels with a label.
    pixels_without_data : int
        Pixels that came with a label but hold no data.
    """

    name: str
    labelled_pixels: int
    pixels_without_data: int


@dataclass(frozen=True)
class SceneRecord:
    """Description of a prepared scene.

    Attributes
    ----------
    name : str
        Name.
    shape : tuple of int
        Rows, columns and bands of the raw scene.
    classes : tuple of LandCoverClass
        Classes of the labels; label 1 is the first.
    label_maps : tuple of LabelMap
        Label maps; the first is the ground truth.
    wavelengths : numpy.ndarray
        Centre of each band in nanometres, float64; empty when unknown.
    crs_wkt : str
        Coordinate reference system as WKT; empty when unknown.
    epsg : int
        EPSG code of the reference system; 0 when it has none.
    transform : tuple of float or None
        Six numbers a, b, c, d, e, f: x = a·column + b·row + c, y = d·column + e·row + f,
        for the upper left corner of a pixel.
    valid_pixels : int
        Pixels that hold data.
    explained_variance_ratio : numpy.ndarray
        Share of the variance that each of the 12 components explains, float32.
    attribution : str
        Source of the data and its licence.
    digest : str
        sha-256 of the prepared scene in hexadecimal.
    """

    name: str
    shape: tuple[int, int, int]
    classes: tuple[LandCoverClass, ...]
    label_maps: tuple[LabelMap, ...]
    wavelengths: NDArray[np.float64] = field(repr=False, compare=False)
    crs_wkt: str = field(repr=False)
    epsg: int
    transform: tuple[float, ...] | None
    valid_pixels: int
    explained_variance_ratio: NDArray[np.float32] = field(repr=False, compare=False)
    attribution: str = field(repr=False)
    digest: str = field(repr=False)

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, from class 1 on."""
        return [one.name for one in self.classes]


def scene_fields(message: scene_pb2.Scene) -> dict[str, object]:
    """Return the fields of a :class:`SceneRecord`."""
    raster = message.raster
    place = raster.georeference if raster.HasField("georeference") else None
    return {
        "name": message.name,
        "shape": (raster.height, raster.width, raster.bands),
        "classes": classes_of(message.classes),
        "label_maps": tuple(
            LabelMap(one.name, one.labelled_pixels, one.pixels_without_data) for one in message.label_maps
        ),
        "wavelengths": np.array(raster.wavelengths, dtype=np.float64),
        "crs_wkt": "" if place is None else place.crs_wkt,
        "epsg": 0 if place is None else place.epsg,
        "transform": tuple(place.transform) if place is not None and len(place.transform) == 6 else None,
        "valid_pixels": message.valid_pixels,
        "explained_variance_ratio": np.array(message.explained_variance_ratio, dtype=np.float32),
        "attribution": message.attribution,
        "digest": message.digest,
    }


@dataclass(frozen=True)
class ClassMetrics:
    """Agreement for one class: recall, precision and f1 from 0 to 1, and its test pixels."""

    name: str
    recall: float
    precision: float
    f1: float
    pixels: int


@dataclass(frozen=True)
class DistanceBin:
    """Agreement of test pixels within a range of distances to the nearest training pixel.

    Attributes
    ----------
    start, end : int
        Smallest and largest Chebyshev distance in pixels; ``end`` is None without a limit.
    pixels : int
        Test pixels.
    correct : int
        Test pixels that are right.
    """

    start: int
    end: int | None
    pixels: int
    correct: int


@dataclass(frozen=True)
class ReliabilityBin:
    """Test pixels of similar confidence.

    Attributes
    ----------
    confidence : float
        Mean confidence, from 0 to 1.
    pixels : int
        Test pixels.
    correct : int
        Test pixels that are right.
    """

    confidence: float
    pixels: int
    correct: int


@dataclass(frozen=True)
class Metrics:
    """Agreement of predictions with labels.

    Attributes
    ----------
    overall_accuracy : float
        Share of the test pixels that are right, from 0 to 1.
    average_accuracy : float
        Mean of the recalls of the classes that occur, from 0 to 1.
    kappa : float
        Cohen's kappa.
    per_class : tuple of ClassMetrics
        Metrics of each class, from class 1 on.
    confusion : numpy.ndarray
        Confusion matrix, int64 of shape (classes, classes): rows are the true classes, columns
        the predicted ones.
    patch_overlap : float or None
        Share of the test pixels whose patch holds a training pixel; None when unknown.
    by_distance : tuple of DistanceBin
        Agreement by distance to the nearest training pixel; empty when unknown.
    distance_histogram : numpy.ndarray
        Test pixels at distance 1, 2 and so on, int64; value 64 counts all farther ones too.
    reliability : tuple of ReliabilityBin
        Reliability curve; empty when the method gives no confidence.
    calibration_error : float or None
        Expected calibration error of that curve, from 0 to 1.
    """

    overall_accuracy: float
    average_accuracy: float
    kappa: float
    per_class: tuple[ClassMetrics, ...] = field(repr=False)
    confusion: NDArray[np.int64] = field(repr=False, compare=False)
    patch_overlap: float | None = None
    by_distance: tuple[DistanceBin, ...] = field(default=(), repr=False)
    distance_histogram: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(0, dtype=np.int64), repr=False, compare=False
    )
    reliability: tuple[ReliabilityBin, ...] = field(default=(), repr=False)
    calibration_error: float | None = None


def metrics_of(message: adapter_pb2.Metrics) -> Metrics:
    """Return metrics with their confusion matrix as an array."""
    count = len(message.per_class)
    return Metrics(
        message.overall_accuracy,
        message.average_accuracy,
        message.kappa,
        tuple(ClassMetrics(one.name, one.recall, one.precision, one.f1, one.pixels) for one in message.per_class),
        np.array(message.confusion, dtype=np.int64).reshape(count, count),
        message.patch_overlap if message.HasField("patch_overlap") else None,
        tuple(
            DistanceBin(getattr(one, "from"), one.to or None, one.pixels, one.correct) for one in message.by_distance
        ),
        np.array(message.distance_histogram, dtype=np.int64),
        tuple(ReliabilityBin(one.confidence, one.pixels, one.correct) for one in message.reliability),
        message.calibration_error if message.HasField("calibration_error") else None,
    )


@dataclass(frozen=True)
class Adapter:
    """Immutable version of an adapter.

    Attributes
    ----------
    name : str
        Name.
    version : int
        Number of the version, from 1.
    method : str
        Method, such as ``"krona+"``.
    backbone : str
        Name of the backbone that it belongs to.
    patch_size : int
        Side of a patch in pixels, odd.
    bands : int
        Bands of the raw pixels that it takes.
    wavelengths : numpy.ndarray
        Centre of each band in nanometres, float64; empty when unknown.
    classes : tuple of LandCoverClass
        Classes; label 1 is the first.
    parameters : int
        Learned values, head included.
    bytes : int
        Size of its file.
    metrics : Metrics or None
        Agreement with the labels of the test pixels; None when it was not tested.
    scene : str
        Scene that it was trained on.
    split : str
        Choice of training and test pixels, in words.
    aliases, pins : tuple of str
        Aliases that point at it, and pins that mean it now.
    retired : bool
        It takes no new work.
    published_at : datetime.datetime or None
        Time of its registration, UTC.
    digest : str
        sha-256 of its file in hexadecimal.
    """

    name: str
    version: int
    method: str
    backbone: str
    patch_size: int
    bands: int
    wavelengths: NDArray[np.float64] = field(repr=False, compare=False)
    classes: tuple[LandCoverClass, ...] = field(repr=False)
    parameters: int
    bytes: int
    metrics: Metrics | None
    scene: str
    split: str
    aliases: tuple[str, ...]
    pins: tuple[str, ...]
    retired: bool
    published_at: datetime | None
    digest: str = field(repr=False)

    @property
    def reference(self) -> str:
        """Reference of this version, such as ``"field@7"``."""
        return f"{self.name}@{self.version}"

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, from class 1 on."""
        return [one.name for one in self.classes]

    def __str__(self) -> str:
        return self.reference


def adapter_of(message: adapter_pb2.AdapterVersion) -> Adapter:
    """Return a version of an adapter."""
    return Adapter(
        name=message.name,
        version=message.version,
        method=message.method,
        backbone=message.backbone,
        patch_size=message.patch_size,
        bands=message.bands,
        wavelengths=np.array(message.wavelengths, dtype=np.float64),
        classes=classes_of(message.classes),
        parameters=message.parameters,
        bytes=message.bytes,
        metrics=metrics_of(message.metrics) if message.HasField("metrics") else None,
        scene=message.scene,
        split=message.split,
        aliases=tuple(message.aliases),
        pins=tuple(message.pins),
        retired=message.retired,
        published_at=_time(message.published_at) if message.HasField("published_at") else None,
        digest=message.digest,
    )


@dataclass(frozen=True)
class TrainingResult:
    """Result of a training.

    Attributes
    ----------
    adapter : Adapter or None
        Version that was registered; None for comparison methods and with ``validate_only``.
    metrics : Metrics or None
        Agreement with the labels of the test pixels; None when all labelled pixels train.
    loss : numpy.ndarray
        Mean loss of each epoch, float32.
    validation_accuracy : numpy.ndarray
        Overall accuracy on the validation pixels after each epoch, float32; empty without them.
    seconds : float
        Time from start to end.
    patch_size : int
        Side of a patch in pixels.
    train_pixels, test_pixels : int
        Pixels that trained, and that were tested.
    split : str
        Choice of training and test pixels, in words.
    parameters : int
        Learned values, head included.
    """

    adapter: Adapter | None
    metrics: Metrics | None
    loss: NDArray[np.float32] = field(repr=False, compare=False)
    validation_accuracy: NDArray[np.float32] = field(repr=False, compare=False)
    seconds: float
    patch_size: int
    train_pixels: int
    test_pixels: int
    split: str
    parameters: int


def training_result_of(message: training_pb2.TrainingFinished) -> TrainingResult:
    """Return the result of a training."""
    return TrainingResult(
        adapter=adapter_of(message.adapter) if message.HasField("adapter") else None,
        metrics=metrics_of(message.metrics) if message.HasField("metrics") else None,
        loss=np.array(message.loss_by_epoch, dtype=np.float32),
        validation_accuracy=np.array(message.validation_accuracy_by_epoch, dtype=np.float32),
        seconds=message.elapsed.ToTimedelta().total_seconds(),
        patch_size=message.patch_size,
        train_pixels=message.train_pixels,
        test_pixels=message.test_pixels,
        split=message.split,
        parameters=message.parameters,
    )


@dataclass(frozen=True)
class Comparison:
    """Comparison of two adapters on the labelled pixels of a scene.

    Attributes
    ----------
    pixels : int
        Labelled pixels that were compared.
    first, second : Metrics
        Metrics of each adapter's map.
    only_first, only_second : int
        Pixels that only one of the maps has right.
    statistic : float
        McNemar's chi-squared with continuity correction.
    p_value : float
        Probability of such a difference between maps that are equally good.
    """

    pixels: int
    first: Metrics
    second: Metrics
    only_first: int
    only_second: int
    statistic: float
    p_value: float


def comparison_of(message: scene_job_pb2.CompareMapsResponse) -> Comparison:
    """Return the comparison of two maps."""
    return Comparison(
        message.pixels,
        metrics_of(message.first),
        metrics_of(message.second),
        message.only_first,
        message.only_second,
        message.statistic,
        message.probability,
    )


@dataclass(frozen=True)
class Job:
    """Preparation, training, pretraining or classification of a scene.

    Attributes
    ----------
    id : str
        Identifier, a UUID.
    kind : {"preparation", "training", "pretraining", "scene"}
        Kind.
    state : {"queued", "running", "cancelling", "done", "failed", "cancelled"}
        State.
    subject : str
        What it works on, such as ``"krona+ on field"``.
    progress : Progress or None
        Latest progress; None before it starts.
    error : HyperswapError or None
        Reason of a failure, or what a job waits for before its next attempt.
    created_at : datetime.datetime
        Time at which it was queued, UTC.
    """

    id: str
    kind: str
    state: str
    subject: str
    progress: Progress | None
    error: HyperswapError | None
    created_at: datetime


def job_of(status: job_pb2.JobStatus, subject: str) -> Job:
    """Return a job of any kind."""
    error = next((getattr(status, name) for name in ("error", "waiting_for") if status.HasField(name)), None)
    return Job(
        id=status.job,
        kind=job_pb2.JobKind.Name(status.kind).removeprefix("JOB_KIND_").lower(),
        state=job_pb2.JobState.Name(status.state).removeprefix("JOB_STATE_").lower(),
        subject=subject,
        progress=progress_of(status.progress) if status.HasField("progress") else None,
        error=None if error is None else from_error_status(error),
        created_at=_time(status.created_at),
    )


@dataclass(frozen=True)
class Method:
    """Method that can be trained.

    Attributes
    ----------
    name, description : str
        Name, and one sentence.
    settings : dict of str to str
        Default of each setting by name.
    parameters : int
        Learned values without the head.
    kind : {"adapter", "backbone", "baseline"}
        What it makes: an adapter of a frozen backbone, another backbone, or a comparison only.
    """

    name: str
    description: str
    settings: dict[str, str] = field(repr=False)
    parameters: int
    kind: str


def method_of(message: training_pb2.Method) -> Method:
    """Return a method."""
    kind = training_pb2.MethodKind.Name(message.kind).removeprefix("METHOD_KIND_").lower()
    return Method(message.name, message.description, dict(message.settings), message.parameters, kind)


@dataclass(frozen=True)
class Status:
    """State of the tile-inference process that answers.

    Attributes
    ----------
    backbone : str
        Name of the backbone that is served.
    device : {"cpu", "gpu"}
        Device of the engine.
    precision : str
        Precision of the served backbone, such as ``"bfloat16"``.
    tensorflow : str
        Version of TensorFlow.
    bindings : tuple of str
        Adapters that are ready, as ``"field@7"``.
    waiting_patches, classified_patches : int
        Patches that wait, and those classified since the start.
    """

    backbone: str
    device: str
    precision: str
    tensorflow: str
    bindings: tuple[str, ...]
    waiting_patches: int
    classified_patches: int


def status_of(message: tile_pb2.GetStatusResponse) -> Status:
    """Return the state of a process."""
    from hyperswap.v1 import backbone_pb2

    precision = backbone_pb2.Precision.Name(message.engine.precision)
    return Status(
        backbone=message.backbone,
        device=message.engine.device,
        precision=precision.removeprefix("PRECISION_").lower(),
        tensorflow=message.engine.tensorflow,
        bindings=tuple(one.adapter for one in message.bindings),
        waiting_patches=message.waiting_patches,
        classified_patches=message.classified_patches,
    )


def _time(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=timezone.utc)
