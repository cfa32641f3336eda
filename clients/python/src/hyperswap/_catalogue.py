"""Exception of each code of the error catalogue.

Generated from shared/errors by ``make reference``: change the catalogue, not this file.
"""

from __future__ import annotations

from typing import ClassVar

from hyperswap._error_base import (
    AccessError,
    BusyError,
    ConflictError,
    HyperswapError,
    InvalidArgumentError,
    NotFoundError,
    PreconditionError,
    UnavailableError,
)

__all__ = [
    "AdapterBackboneError",
    "AdapterBackboneUnknownError",
    "AdapterExistsError",
    "AdapterInvalidError",
    "AdapterNeedsSceneError",
    "AdapterNotFoundError",
    "AdapterOutdatedError",
    "AdapterRetiredError",
    "AdapterWavelengthsError",
    "AxesAmbiguousError",
    "BackboneExistsError",
    "BackboneInvalidError",
    "BackboneNotFoundError",
    "BackboneTooLargeError",
    "BackbonesFullError",
    "BusUnreachableError",
    "CancelledError",
    "ClassesInvalidError",
    "ConfigInsecureError",
    "ConfigInvalidError",
    "CrsUnknownError",
    "DatasetUnknownError",
    "DeadlineError",
    "DownloadFailedError",
    "DrainingError",
    "EngineMissingError",
    "EngineSetupError",
    "EngineStoppedError",
    "FieldInvalidError",
    "FileFormatError",
    "FileUnreadableError",
    "FileUnwritableError",
    "GatewayBusyError",
    "HashMismatchError",
    "HomeInUseError",
    "HomeUnusableError",
    "HostRefusedError",
    "HttpInvalidError",
    "InternalError",
    "JobInterruptedError",
    "JobLostError",
    "JobNotDoneError",
    "JobNotFailedError",
    "JobNotFoundError",
    "JobsFullError",
    "LabelsChangedError",
    "LabelsShapeError",
    "LabelsValuesError",
    "MapNotPlacedError",
    "MessageInvalidError",
    "MethodSettingsError",
    "MethodUnknownError",
    "NameInvalidError",
    "NoValidPixelsError",
    "NotServingError",
    "ObjectDamagedError",
    "ObjectExistsError",
    "ObjectNotFoundError",
    "PatchesShapeError",
    "PathUnknownError",
    "PcaMismatchError",
    "PeftExportError",
    "PeftUnsupportedError",
    "PixelsNotFiniteError",
    "PixelsOverflowError",
    "PortInUseError",
    "QueueFullError",
    "RevisionStaleError",
    "RoleMissingError",
    "SceneChangedError",
    "SceneExistsError",
    "SceneNotFoundError",
    "SceneShapeError",
    "SceneSourceRefusedError",
    "SceneSourceUnreachableError",
    "SceneSourceUnreadableError",
    "SceneSourcesBusyError",
    "ServiceUnknownError",
    "ServiceUnreachableError",
    "SignatureInvalidError",
    "SplitInvalidError",
    "StoreClockError",
    "StoreFullError",
    "StoreRefusedError",
    "StoreUnreachableError",
    "TensorInvalidError",
    "TileBandsError",
    "TileBytesError",
    "TileHaloError",
    "TilePixelsNotFiniteError",
    "TileSizeError",
    "TokenInvalidError",
    "TokenMissingError",
    "TooFewBandsError",
    "TooFewClassesError",
    "TrainingDivergedError",
    "UploadNotFoundError",
    "UploadsFullError",
    "VariableMissingError",
]


class FileUnreadableError(InvalidArgumentError):
    """‹file› cannot be read: ‹reason›. Check that it exists and that this process may read it."""

    code: ClassVar[str] = "FILE_UNREADABLE"
    kinds: ClassVar[dict[str, str]] = {"file": "text", "reason": "text"}
    sentence: ClassVar[str] = "{file} cannot be read: {reason}. Check that it exists and that this process may read it."


class FileUnwritableError(InvalidArgumentError):
    """‹file› cannot be written: ‹reason›. Choose another folder, or free space."""

    code: ClassVar[str] = "FILE_UNWRITABLE"
    kinds: ClassVar[dict[str, str]] = {"file": "text", "reason": "text"}
    sentence: ClassVar[str] = "{file} cannot be written: {reason}. Choose another folder, or free space."


class FileFormatError(InvalidArgumentError):
    """‹file› is not a readable ‹expected› file: ‹reason›."""

    code: ClassVar[str] = "FILE_FORMAT"
    kinds: ClassVar[dict[str, str]] = {"file": "text", "expected": "text", "reason": "text"}
    sentence: ClassVar[str] = "{file} is not a readable {expected} file: {reason}."


class VariableMissingError(InvalidArgumentError):
    """‹file› has no usable variable ‹wanted›; it has ‹found›. Choose the variable to read."""

    code: ClassVar[str] = "VARIABLE_MISSING"
    kinds: ClassVar[dict[str, str]] = {"file": "text", "wanted": "text", "found": "text"}
    sentence: ClassVar[str] = "{file} has no usable variable {wanted}; it has {found}. Choose the variable to read."


class AxesAmbiguousError(InvalidArgumentError):
    """‹file› of ‹shape› can be ‹bandsFirst› or ‹bandsLast›. Choose one of the two."""

    code: ClassVar[str] = "AXES_AMBIGUOUS"
    kinds: ClassVar[dict[str, str]] = {"file": "text", "shape": "text", "bandsLast": "text", "bandsFirst": "text"}
    sentence: ClassVar[str] = "{file} of {shape} can be {bandsFirst} or {bandsLast}. Choose one of the two."


class SceneShapeError(InvalidArgumentError):
    """‹file› is not a scene of height × width × bands: ‹reason›."""

    code: ClassVar[str] = "SCENE_SHAPE"
    kinds: ClassVar[dict[str, str]] = {"file": "text", "reason": "text"}
    sentence: ClassVar[str] = "{file} is not a scene of height × width × bands: {reason}."


class TooFewBandsError(InvalidArgumentError):
    """‹scene› has ‹bands› bands; the network takes ‹components› components. Use a scene of at
    least ‹components› bands."""

    code: ClassVar[str] = "TOO_FEW_BANDS"
    kinds: ClassVar[dict[str, str]] = {"scene": "text", "bands": "number", "components": "number"}
    sentence: ClassVar[str] = "{scene} has {bands} bands; the network takes {components} components. Use a scene of at least {components} bands."


class PixelsNotFiniteError(InvalidArgumentError):
    """‹scene› has ‹count› pixels with NaN or infinite values, the first at row ‹row›, column
    ‹column›. Mark them as nodata, or replace them."""

    code: ClassVar[str] = "PIXELS_NOT_FINITE"
    kinds: ClassVar[dict[str, str]] = {"scene": "text", "count": "number", "row": "number", "column": "number"}
    sentence: ClassVar[str] = "{scene} has {count} pixels with NaN or infinite values, the first at row {row}, column {column}. Mark them as nodata, or replace them."


class NoValidPixelsError(InvalidArgumentError):
    """None of the ‹pixels› pixels of ‹scene› holds data: all are nodata, NaN, infinite or too
    large. Check the nodata value, and the bands that are marked as good."""

    code: ClassVar[str] = "NO_VALID_PIXELS"
    kinds: ClassVar[dict[str, str]] = {"scene": "text", "pixels": "number"}
    sentence: ClassVar[str] = "None of the {pixels} pixels of {scene} holds data: all are nodata, NaN, infinite or too large. Check the nodata value, and the bands that are marked as good."


class PixelsOverflowError(InvalidArgumentError):
    """‹scene› has pixel values so large that its statistics are not finite. Mark them as nodata,
    or replace them."""

    code: ClassVar[str] = "PIXELS_OVERFLOW"
    kinds: ClassVar[dict[str, str]] = {"scene": "text"}
    sentence: ClassVar[str] = "{scene} has pixel values so large that its statistics are not finite. Mark them as nodata, or replace them."


class LabelsShapeError(InvalidArgumentError):
    """Labels ‹labels› have the size ‹found›; the scene has ‹wanted›. Height and width of both
    must be equal."""

    code: ClassVar[str] = "LABELS_SHAPE"
    kinds: ClassVar[dict[str, str]] = {"labels": "text", "found": "text", "wanted": "text"}
    sentence: ClassVar[str] = "Labels {labels} have the size {found}; the scene has {wanted}. Height and width of both must be equal."


class LabelsValuesError(InvalidArgumentError):
    """Labels ‹labels› cannot be used: ‹reason›. A label is a whole number: 0 for a pixel without
    a class, else 1 to 255."""

    code: ClassVar[str] = "LABELS_VALUES"
    kinds: ClassVar[dict[str, str]] = {"labels": "text", "reason": "text"}
    sentence: ClassVar[str] = "Labels {labels} cannot be used: {reason}. A label is a whole number: 0 for a pixel without a class, else 1 to 255."


class CrsUnknownError(InvalidArgumentError):
    """‹file› cannot be georeferenced: the reference system ‹crs› is not known. Transform the
    file to the scene's reference system, or to longitude and latitude."""

    code: ClassVar[str] = "CRS_UNKNOWN"
    kinds: ClassVar[dict[str, str]] = {"file": "text", "crs": "text"}
    sentence: ClassVar[str] = "{file} cannot be georeferenced: the reference system {crs} is not known. Transform the file to the scene's reference system, or to longitude and latitude."


class MapNotPlacedError(PreconditionError):
    """The map of ‹scene› cannot be written in longitude and latitude: its reference system ‹crs›
    is not known. Prepare the scene in a system with an EPSG code, or ask for gpkg or shp."""

    code: ClassVar[str] = "MAP_NOT_PLACED"
    kinds: ClassVar[dict[str, str]] = {"scene": "text", "crs": "text"}
    sentence: ClassVar[str] = "The map of {scene} cannot be written in longitude and latitude: its reference system {crs} is not known. Prepare the scene in a system with an EPSG code, or ask for gpkg or shp."


class ClassesInvalidError(InvalidArgumentError):
    """The classes cannot be used: ‹reason›."""

    code: ClassVar[str] = "CLASSES_INVALID"
    kinds: ClassVar[dict[str, str]] = {"reason": "text"}
    sentence: ClassVar[str] = "The classes cannot be used: {reason}."


class TooFewClassesError(InvalidArgumentError):
    """The training pixels of ‹scene› have one class only. Label pixels of at least two classes."""

    code: ClassVar[str] = "TOO_FEW_CLASSES"
    kinds: ClassVar[dict[str, str]] = {"scene": "text", "classes": "number"}
    sentence: ClassVar[str] = "The training pixels of {scene} have one class only. Label pixels of at least two classes."


class SplitInvalidError(InvalidArgumentError):
    """The split into training and test pixels cannot be made: ‹reason›."""

    code: ClassVar[str] = "SPLIT_INVALID"
    kinds: ClassVar[dict[str, str]] = {"reason": "text"}
    sentence: ClassVar[str] = "The split into training and test pixels cannot be made: {reason}."


class SceneNotFoundError(NotFoundError):
    """Scene ‹scene› does not exist. ListScenes returns the scenes that do."""

    code: ClassVar[str] = "SCENE_NOT_FOUND"
    kinds: ClassVar[dict[str, str]] = {"scene": "text"}
    sentence: ClassVar[str] = "Scene {scene} does not exist. ListScenes returns the scenes that do."


class UploadNotFoundError(NotFoundError):
    """Upload ‹job› does not exist: it was never started, it was cancelled, or it was interrupted
    so long ago that it was deleted. Prepare the scene again from its first row."""

    code: ClassVar[str] = "UPLOAD_NOT_FOUND"
    kinds: ClassVar[dict[str, str]] = {"job": "text"}
    sentence: ClassVar[str] = "Upload {job} does not exist: it was never started, it was cancelled, or it was interrupted so long ago that it was deleted. Prepare the scene again from its first row."


class SceneSourceRefusedError(AccessError):
    """The scene at ‹source› is not read: ‹reason›. The services read store:KEY, the object
    uploads/KEY of their store, and URLs that begin as the operator allows in
    HYPERSWAP_SCENE_URLS."""

    code: ClassVar[str] = "SCENE_SOURCE_REFUSED"
    kinds: ClassVar[dict[str, str]] = {"source": "text", "reason": "text"}
    sentence: ClassVar[str] = "The scene at {source} is not read: {reason}. The services read store:KEY, the object uploads/KEY of their store, and URLs that begin as the operator allows in HYPERSWAP_SCENE_URLS."


class SceneSourceUnreadableError(PreconditionError):
    """The scene at ‹source› cannot be read: ‹reason›. The file must exist and stay unchanged,
    and its server must answer range requests."""

    code: ClassVar[str] = "SCENE_SOURCE_UNREADABLE"
    kinds: ClassVar[dict[str, str]] = {"source": "text", "reason": "text"}
    sentence: ClassVar[str] = "The scene at {source} cannot be read: {reason}. The file must exist and stay unchanged, and its server must answer range requests."


class SceneSourceUnreachableError(UnavailableError):
    """The scene at ‹source› cannot be reached now: ‹reason›. Rows that were read are kept:
    continue the preparation, or begin it again, in ‹retryAfterMilliseconds› ms."""

    code: ClassVar[str] = "SCENE_SOURCE_UNREACHABLE"
    kinds: ClassVar[dict[str, str]] = {"source": "text", "reason": "text", "retryAfterMilliseconds": "number"}
    sentence: ClassVar[str] = "The scene at {source} cannot be reached now: {reason}. Rows that were read are kept: continue the preparation, or begin it again, in {retryAfterMilliseconds} ms."


class SceneSourcesBusyError(BusyError):
    """This process reads ‹limit› scenes from the store or from URLs, which is the limit. Try
    again in ‹retryAfterMilliseconds› ms, or upload the pixels of the file from the client."""

    code: ClassVar[str] = "SCENE_SOURCES_BUSY"
    kinds: ClassVar[dict[str, str]] = {"limit": "number", "retryAfterMilliseconds": "number"}
    sentence: ClassVar[str] = "This process reads {limit} scenes from the store or from URLs, which is the limit. Try again in {retryAfterMilliseconds} ms, or upload the pixels of the file from the client."


class UploadsFullError(BusyError):
    """‹limit› preparations of scenes receive or read pixels, which is the limit. Try again in
    ‹retryAfterMilliseconds› ms, cancel one that was interrupted, or raise
    HYPERSWAP_UPLOAD_LIMIT."""

    code: ClassVar[str] = "UPLOADS_FULL"
    kinds: ClassVar[dict[str, str]] = {"limit": "number", "retryAfterMilliseconds": "number"}
    sentence: ClassVar[str] = "{limit} preparations of scenes receive or read pixels, which is the limit. Try again in {retryAfterMilliseconds} ms, cancel one that was interrupted, or raise HYPERSWAP_UPLOAD_LIMIT."


class SceneChangedError(PreconditionError):
    """Scene ‹scene› was replaced or deleted while this work used it. Start the work again, with
    an adapter that fits the new scene."""

    code: ClassVar[str] = "SCENE_CHANGED"
    kinds: ClassVar[dict[str, str]] = {"scene": "text"}
    sentence: ClassVar[str] = "Scene {scene} was replaced or deleted while this work used it. Start the work again, with an adapter that fits the new scene."


class LabelsChangedError(ConflictError):
    """Somebody else saved labels of scene ‹scene› meanwhile, and nothing was saved now. Read the
    scene again, and save on what it is then."""

    code: ClassVar[str] = "LABELS_CHANGED"
    kinds: ClassVar[dict[str, str]] = {"scene": "text"}
    sentence: ClassVar[str] = "Somebody else saved labels of scene {scene} meanwhile, and nothing was saved now. Read the scene again, and save on what it is then."


class SceneExistsError(ConflictError):
    """Scene ‹scene› exists with other content and was not changed. Choose another name, or
    prepare it with RETENTION_REPLACE."""

    code: ClassVar[str] = "SCENE_EXISTS"
    kinds: ClassVar[dict[str, str]] = {"scene": "text"}
    sentence: ClassVar[str] = "Scene {scene} exists with other content and was not changed. Choose another name, or prepare it with RETENTION_REPLACE."


class NameInvalidError(InvalidArgumentError):
    """‹field› "‹name›" is not valid: ‹allowed›."""

    code: ClassVar[str] = "NAME_INVALID"
    kinds: ClassVar[dict[str, str]] = {"field": "text", "name": "text", "allowed": "text"}
    sentence: ClassVar[str] = "{field} \"{name}\" is not valid: {allowed}."


class MessageInvalidError(InvalidArgumentError):
    """A request of ‹method› cannot be decoded: ‹reason›. Use a client that is generated from the
    protos of this service."""

    code: ClassVar[str] = "MESSAGE_INVALID"
    kinds: ClassVar[dict[str, str]] = {"method": "text", "reason": "text"}
    sentence: ClassVar[str] = "A request of {method} cannot be decoded: {reason}. Use a client that is generated from the protos of this service."


class FieldInvalidError(InvalidArgumentError):
    """‹field›: ‹reason›."""

    code: ClassVar[str] = "FIELD_INVALID"
    kinds: ClassVar[dict[str, str]] = {"field": "text", "reason": "text"}
    sentence: ClassVar[str] = "{field}: {reason}."


class TileBytesError(InvalidArgumentError):
    """Tile ‹tile› has ‹found› bytes; ‹shape› need ‹wanted›. Send the window and the pixels
    around it row by row, the bands of a pixel together, little-endian."""

    code: ClassVar[str] = "TILE_BYTES"
    kinds: ClassVar[dict[str, str]] = {"tile": "text", "found": "number", "wanted": "number", "shape": "text"}
    sentence: ClassVar[str] = "Tile {tile} has {found} bytes; {shape} need {wanted}. Send the window and the pixels around it row by row, the bands of a pixel together, little-endian."


class TileHaloError(InvalidArgumentError):
    """Tile ‹tile›: ‹reason›."""

    code: ClassVar[str] = "TILE_HALO"
    kinds: ClassVar[dict[str, str]] = {"tile": "text", "reason": "text"}
    sentence: ClassVar[str] = "Tile {tile}: {reason}."


class TileSizeError(InvalidArgumentError):
    """Tile ‹tile› has ‹height› × ‹width› pixels and a halo of ‹halo›; at most ‹maximumSide› ×
    ‹maximumSide› and ‹maximumHalo› are allowed. Send smaller tiles."""

    code: ClassVar[str] = "TILE_SIZE"
    kinds: ClassVar[dict[str, str]] = {"tile": "text", "height": "number", "width": "number", "halo": "number", "maximumSide": "number", "maximumHalo": "number"}
    sentence: ClassVar[str] = "Tile {tile} has {height} × {width} pixels and a halo of {halo}; at most {maximumSide} × {maximumSide} and {maximumHalo} are allowed. Send smaller tiles."


class TileBandsError(InvalidArgumentError):
    """Tile ‹tile› has ‹found› bands; adapter ‹adapter› takes ‹wanted›. Send the scene that the
    adapter was trained for, or train an adapter for this scene."""

    code: ClassVar[str] = "TILE_BANDS"
    kinds: ClassVar[dict[str, str]] = {"tile": "text", "adapter": "text", "found": "number", "wanted": "number"}
    sentence: ClassVar[str] = "Tile {tile} has {found} bands; adapter {adapter} takes {wanted}. Send the scene that the adapter was trained for, or train an adapter for this scene."


class TilePixelsNotFiniteError(InvalidArgumentError):
    """Tile ‹tile› has a NaN or infinite value at row ‹row›, column ‹column› of its pixels.
    Replace such values before you send the tile."""

    code: ClassVar[str] = "TILE_PIXELS_NOT_FINITE"
    kinds: ClassVar[dict[str, str]] = {"tile": "text", "row": "number", "column": "number"}
    sentence: ClassVar[str] = "Tile {tile} has a NaN or infinite value at row {row}, column {column} of its pixels. Replace such values before you send the tile."


class TensorInvalidError(InvalidArgumentError):
    """Tensor ‹tensor›: ‹reason›. ModelMetadata returns the names, types and shapes that the
    model takes."""

    code: ClassVar[str] = "TENSOR_INVALID"
    kinds: ClassVar[dict[str, str]] = {"tensor": "text", "reason": "text"}
    sentence: ClassVar[str] = "Tensor {tensor}: {reason}. ModelMetadata returns the names, types and shapes that the model takes."


class PcaMismatchError(PreconditionError):
    """Adapter ‹adapter› was trained with another PCA than that of the prepared scene ‹scene›.
    Send raw pixels, or train an adapter on this scene."""

    code: ClassVar[str] = "PCA_MISMATCH"
    kinds: ClassVar[dict[str, str]] = {"adapter": "text", "scene": "text"}
    sentence: ClassVar[str] = "Adapter {adapter} was trained with another PCA than that of the prepared scene {scene}. Send raw pixels, or train an adapter on this scene."


class AdapterNeedsSceneError(PreconditionError):
    """Adapter ‹adapter› classifies whole scenes only: its features are diffused along the walks
    of a scene, which tiles and patches do not hold. Classify a prepared scene with it, or train
    an adapter without the setting diffuse."""

    code: ClassVar[str] = "ADAPTER_NEEDS_SCENE"
    kinds: ClassVar[dict[str, str]] = {"adapter": "text"}
    sentence: ClassVar[str] = "Adapter {adapter} classifies whole scenes only: its features are diffused along the walks of a scene, which tiles and patches do not hold. Classify a prepared scene with it, or train an adapter without the setting diffuse."


class QueueFullError(BusyError):
    """‹waiting› ‹unit› wait, and the queue takes ‹limit›. Try again in ‹retryAfterMilliseconds›
    ms."""

    code: ClassVar[str] = "QUEUE_FULL"
    kinds: ClassVar[dict[str, str]] = {"waiting": "number", "limit": "number", "unit": "text", "retryAfterMilliseconds": "number"}
    sentence: ClassVar[str] = "{waiting} {unit} wait, and the queue takes {limit}. Try again in {retryAfterMilliseconds} ms."


class AdapterNotFoundError(NotFoundError):
    """Adapter ‹adapter› does not exist. ListAdapters returns the adapters that do."""

    code: ClassVar[str] = "ADAPTER_NOT_FOUND"
    kinds: ClassVar[dict[str, str]] = {"adapter": "text"}
    sentence: ClassVar[str] = "Adapter {adapter} does not exist. ListAdapters returns the adapters that do."


class AdapterRetiredError(PreconditionError):
    """Adapter ‹adapter› is retired and takes no new work. Use another version, or bring this one
    back with RetireAdapter and undo."""

    code: ClassVar[str] = "ADAPTER_RETIRED"
    kinds: ClassVar[dict[str, str]] = {"adapter": "text"}
    sentence: ClassVar[str] = "Adapter {adapter} is retired and takes no new work. Use another version, or bring this one back with RetireAdapter and undo."


class AdapterExistsError(ConflictError):
    """The blob of ‹adapter› is already registered as ‹existing›."""

    code: ClassVar[str] = "ADAPTER_EXISTS"
    kinds: ClassVar[dict[str, str]] = {"adapter": "text", "existing": "text"}
    sentence: ClassVar[str] = "The blob of {adapter} is already registered as {existing}."


class AdapterInvalidError(InvalidArgumentError):
    """‹file› is not a usable adapter: ‹reason›. Export or train it again."""

    code: ClassVar[str] = "ADAPTER_INVALID"
    kinds: ClassVar[dict[str, str]] = {"file": "text", "reason": "text"}
    sentence: ClassVar[str] = "{file} is not a usable adapter: {reason}. Export or train it again."


class AdapterBackboneError(PreconditionError):
    """Adapter ‹adapter› belongs to backbone ‹wanted›; this service runs ‹serving›. Use a service
    that runs the backbone of the adapter, or train the adapter again."""

    code: ClassVar[str] = "ADAPTER_BACKBONE"
    kinds: ClassVar[dict[str, str]] = {"adapter": "text", "wanted": "text", "serving": "text"}
    sentence: ClassVar[str] = "Adapter {adapter} belongs to backbone {wanted}; this service runs {serving}. Use a service that runs the backbone of the adapter, or train the adapter again."


class AdapterWavelengthsError(PreconditionError):
    """‹pixels› cannot be classified with adapter ‹adapter›: they have ‹found›; the adapter was
    trained on ‹wanted›. Resample the pixels to the bands of the adapter, or train an adapter for
    their sensor."""

    code: ClassVar[str] = "ADAPTER_WAVELENGTHS"
    kinds: ClassVar[dict[str, str]] = {"adapter": "text", "pixels": "text", "found": "text", "wanted": "text"}
    sentence: ClassVar[str] = "{pixels} cannot be classified with adapter {adapter}: they have {found}; the adapter was trained on {wanted}. Resample the pixels to the bands of the adapter, or train an adapter for their sensor."


class PeftExportError(PreconditionError):
    """Adapter ‹adapter› cannot be written for PEFT: ‹reason›. ‹mend›."""

    code: ClassVar[str] = "PEFT_EXPORT"
    kinds: ClassVar[dict[str, str]] = {"adapter": "text", "reason": "text", "mend": "text"}
    sentence: ClassVar[str] = "Adapter {adapter} cannot be written for PEFT: {reason}. {mend}."


class PeftUnsupportedError(InvalidArgumentError):
    """‹file› holds a PEFT adapter that cannot be read: ‹reason›. ‹mend›."""

    code: ClassVar[str] = "PEFT_UNSUPPORTED"
    kinds: ClassVar[dict[str, str]] = {"file": "text", "reason": "text", "mend": "text"}
    sentence: ClassVar[str] = "{file} holds a PEFT adapter that cannot be read: {reason}. {mend}."


class AdapterOutdatedError(PreconditionError):
    """Adapter ‹adapter› names the weights of backbone ‹backbone› but not its config, because an
    older release wrote it. Its heads, positions and pooling are unknown. Train it again on
    ‹backbone›."""

    code: ClassVar[str] = "ADAPTER_OUTDATED"
    kinds: ClassVar[dict[str, str]] = {"adapter": "text", "backbone": "text"}
    sentence: ClassVar[str] = "Adapter {adapter} names the weights of backbone {backbone} but not its config, because an older release wrote it. Its heads, positions and pooling are unknown. Train it again on {backbone}."


class AdapterBackboneUnknownError(PreconditionError):
    """Adapter ‹adapter› belongs to backbone ‹wanted›, which is not in the store. Available:
    ‹available›. Import that backbone with the same heads, positions and pooling, or train the
    adapter again."""

    code: ClassVar[str] = "ADAPTER_BACKBONE_UNKNOWN"
    kinds: ClassVar[dict[str, str]] = {"adapter": "text", "wanted": "text", "available": "text"}
    sentence: ClassVar[str] = "Adapter {adapter} belongs to backbone {wanted}, which is not in the store. Available: {available}. Import that backbone with the same heads, positions and pooling, or train the adapter again."


class BackboneNotFoundError(NotFoundError):
    """Backbone ‹backbone› does not exist. Available: ‹available›."""

    code: ClassVar[str] = "BACKBONE_NOT_FOUND"
    kinds: ClassVar[dict[str, str]] = {"backbone": "text", "available": "text"}
    sentence: ClassVar[str] = "Backbone {backbone} does not exist. Available: {available}."


class BackboneTooLargeError(PreconditionError):
    """Backbone ‹backbone› takes ‹bytes› bytes in memory; the limit for backbones that are not
    served is ‹limit›. Raise HYPERSWAP_BACKBONE_BYTES, or start a process that serves it."""

    code: ClassVar[str] = "BACKBONE_TOO_LARGE"
    kinds: ClassVar[dict[str, str]] = {"backbone": "text", "bytes": "number", "limit": "number"}
    sentence: ClassVar[str] = "Backbone {backbone} takes {bytes} bytes in memory; the limit for backbones that are not served is {limit}. Raise HYPERSWAP_BACKBONE_BYTES, or start a process that serves it."


class BackbonesFullError(BusyError):
    """Backbone ‹backbone› takes ‹bytes› bytes in memory, and other calls use the ‹limit› bytes
    for backbones that are not served. Try again in ‹retryAfterMilliseconds› ms."""

    code: ClassVar[str] = "BACKBONES_FULL"
    kinds: ClassVar[dict[str, str]] = {"backbone": "text", "bytes": "number", "limit": "number", "retryAfterMilliseconds": "number"}
    sentence: ClassVar[str] = "Backbone {backbone} takes {bytes} bytes in memory, and other calls use the {limit} bytes for backbones that are not served. Try again in {retryAfterMilliseconds} ms."


class BackboneExistsError(ConflictError):
    """Backbone ‹backbone› exists with other weights or another config. It was not changed,
    because adapters belong to it. Choose another name."""

    code: ClassVar[str] = "BACKBONE_EXISTS"
    kinds: ClassVar[dict[str, str]] = {"backbone": "text"}
    sentence: ClassVar[str] = "Backbone {backbone} exists with other weights or another config. It was not changed, because adapters belong to it. Choose another name."


class PatchesShapeError(InvalidArgumentError):
    """‹file› has ‹found›; the backbone takes float32 patches of ‹wanted›."""

    code: ClassVar[str] = "PATCHES_SHAPE"
    kinds: ClassVar[dict[str, str]] = {"file": "text", "found": "text", "wanted": "text"}
    sentence: ClassVar[str] = "{file} has {found}; the backbone takes float32 patches of {wanted}."


class BackboneInvalidError(InvalidArgumentError):
    """‹file› is not a usable backbone: ‹reason›."""

    code: ClassVar[str] = "BACKBONE_INVALID"
    kinds: ClassVar[dict[str, str]] = {"file": "text", "reason": "text"}
    sentence: ClassVar[str] = "{file} is not a usable backbone: {reason}."


class MethodUnknownError(InvalidArgumentError):
    """Method ‹method› does not exist. Available: ‹available›."""

    code: ClassVar[str] = "METHOD_UNKNOWN"
    kinds: ClassVar[dict[str, str]] = {"method": "text", "available": "text"}
    sentence: ClassVar[str] = "Method {method} does not exist. Available: {available}."


class MethodSettingsError(InvalidArgumentError):
    """The settings of ‹method› cannot be used: ‹reason›."""

    code: ClassVar[str] = "METHOD_SETTINGS"
    kinds: ClassVar[dict[str, str]] = {"method": "text", "reason": "text"}
    sentence: ClassVar[str] = "The settings of {method} cannot be used: {reason}."


class TrainingDivergedError(ConflictError):
    """The loss became NaN or infinite in epoch ‹epoch›, step ‹step›. Lower the setting
    learningRate, which is ‹learningRate›."""

    code: ClassVar[str] = "TRAINING_DIVERGED"
    kinds: ClassVar[dict[str, str]] = {"epoch": "number", "step": "number", "learningRate": "number"}
    sentence: ClassVar[str] = "The loss became NaN or infinite in epoch {epoch}, step {step}. Lower the setting learningRate, which is {learningRate}."


class SignatureInvalidError(PreconditionError):
    """Adapter ‹adapter› is refused, because this service accepts signed adapters only: ‹reason›.
    Sign it with a key that the service trusts."""

    code: ClassVar[str] = "SIGNATURE_INVALID"
    kinds: ClassVar[dict[str, str]] = {"adapter": "text", "reason": "text"}
    sentence: ClassVar[str] = "Adapter {adapter} is refused, because this service accepts signed adapters only: {reason}. Sign it with a key that the service trusts."


class JobNotFoundError(NotFoundError):
    """There is no ‹kind› ‹job›. It was never started, or it ended so long ago that it was
    removed."""

    code: ClassVar[str] = "JOB_NOT_FOUND"
    kinds: ClassVar[dict[str, str]] = {"kind": "text", "job": "text"}
    sentence: ClassVar[str] = "There is no {kind} {job}. It was never started, or it ended so long ago that it was removed."


class JobsFullError(BusyError):
    """‹limit› jobs of the kind ‹kind› wait or run, and no more are accepted. Try again in
    ‹retryAfterMilliseconds› ms, or cancel one."""

    code: ClassVar[str] = "JOBS_FULL"
    kinds: ClassVar[dict[str, str]] = {"kind": "text", "limit": "number", "retryAfterMilliseconds": "number"}
    sentence: ClassVar[str] = "{limit} jobs of the kind {kind} wait or run, and no more are accepted. Try again in {retryAfterMilliseconds} ms, or cancel one."


class JobLostError(ConflictError):
    """The ‹kind› ‹job› failed, because processes that worked on it ended or stopped answering
    ‹times› times. Check their logs for the reason; often the memory is too small."""

    code: ClassVar[str] = "JOB_LOST"
    kinds: ClassVar[dict[str, str]] = {"kind": "text", "job": "text", "times": "number"}
    sentence: ClassVar[str] = "The {kind} {job} failed, because processes that worked on it ended or stopped answering {times} times. Check their logs for the reason; often the memory is too small."


class JobInterruptedError(ConflictError):
    """The ‹kind› ‹job› ended with the process that ran it. Start it again, on a process that
    keeps running."""

    code: ClassVar[str] = "JOB_INTERRUPTED"
    kinds: ClassVar[dict[str, str]] = {"kind": "text", "job": "text"}
    sentence: ClassVar[str] = "The {kind} {job} ended with the process that ran it. Start it again, on a process that keeps running."


class JobNotDoneError(PreconditionError):
    """The ‹kind› ‹job› is ‹state›. It has a result only when it is done."""

    code: ClassVar[str] = "JOB_NOT_DONE"
    kinds: ClassVar[dict[str, str]] = {"kind": "text", "job": "text", "state": "text"}
    sentence: ClassVar[str] = "The {kind} {job} is {state}. It has a result only when it is done."


class JobNotFailedError(PreconditionError):
    """The ‹kind› ‹job› is ‹state›. Only a failed job can be queued again."""

    code: ClassVar[str] = "JOB_NOT_FAILED"
    kinds: ClassVar[dict[str, str]] = {"kind": "text", "job": "text", "state": "text"}
    sentence: ClassVar[str] = "The {kind} {job} is {state}. Only a failed job can be queued again."


class TokenMissingError(AccessError):
    """‹method› needs a token. Send it in the metadata as "authorization: Bearer …"."""

    code: ClassVar[str] = "TOKEN_MISSING"
    kinds: ClassVar[dict[str, str]] = {"method": "text"}
    sentence: ClassVar[str] = "{method} needs a token. Send it in the metadata as \"authorization: Bearer …\"."


class TokenInvalidError(AccessError):
    """The token is refused: ‹reason›. Ask the operator of the service for a new one."""

    code: ClassVar[str] = "TOKEN_INVALID"
    kinds: ClassVar[dict[str, str]] = {"reason": "text"}
    sentence: ClassVar[str] = "The token is refused: {reason}. Ask the operator of the service for a new one."


class RoleMissingError(AccessError):
    """‹method› needs the role ‹role›; the token has ‹held›."""

    code: ClassVar[str] = "ROLE_MISSING"
    kinds: ClassVar[dict[str, str]] = {"method": "text", "role": "text", "held": "text"}
    sentence: ClassVar[str] = "{method} needs the role {role}; the token has {held}."


class ConfigInsecureError(PreconditionError):
    """Setting ‹key› is ‹value›, which others on the network can reach or read: ‹mend›, or set
    insecure if you trust everybody in the network."""

    code: ClassVar[str] = "CONFIG_INSECURE"
    kinds: ClassVar[dict[str, str]] = {"key": "text", "value": "text", "mend": "text"}
    sentence: ClassVar[str] = "Setting {key} is {value}, which others on the network can reach or read: {mend}, or set insecure if you trust everybody in the network."


class HostRefusedError(AccessError):
    """The gateway does not answer requests with the header ‹header›: ‹value›. Open it under its
    own address, or name its host in HYPERSWAP_GATEWAY_HOSTS."""

    code: ClassVar[str] = "HOST_REFUSED"
    kinds: ClassVar[dict[str, str]] = {"header": "text", "value": "text"}
    sentence: ClassVar[str] = "The gateway does not answer requests with the header {header}: {value}. Open it under its own address, or name its host in HYPERSWAP_GATEWAY_HOSTS."


class HttpInvalidError(InvalidArgumentError):
    """The HTTP request cannot be answered: ‹reason›."""

    code: ClassVar[str] = "HTTP_INVALID"
    kinds: ClassVar[dict[str, str]] = {"reason": "text"}
    sentence: ClassVar[str] = "The HTTP request cannot be answered: {reason}."


class PathUnknownError(NotFoundError):
    """The gateway has nothing at ‹path›. The console is at /."""

    code: ClassVar[str] = "PATH_UNKNOWN"
    kinds: ClassVar[dict[str, str]] = {"path": "text"}
    sentence: ClassVar[str] = "The gateway has nothing at {path}. The console is at /."


class GatewayBusyError(BusyError):
    """The gateway works on ‹what› and takes no more now. Try again in a moment."""

    code: ClassVar[str] = "GATEWAY_BUSY"
    kinds: ClassVar[dict[str, str]] = {"what": "text"}
    sentence: ClassVar[str] = "The gateway works on {what} and takes no more now. Try again in a moment."


class StoreFullError(BusyError):
    """There is no space left to write ‹key›, and nothing was changed. Free space in the store."""

    code: ClassVar[str] = "STORE_FULL"
    kinds: ClassVar[dict[str, str]] = {"key": "text"}
    sentence: ClassVar[str] = "There is no space left to write {key}, and nothing was changed. Free space in the store."


class StoreUnreachableError(UnavailableError):
    """The object store does not answer: ‹reason›."""

    code: ClassVar[str] = "STORE_UNREACHABLE"
    kinds: ClassVar[dict[str, str]] = {"reason": "text"}
    sentence: ClassVar[str] = "The object store does not answer: {reason}."


class StoreClockError(UnavailableError):
    """The object store refuses requests, because the clock of this machine differs from its own
    by more than 15 minutes. Set the clock."""

    code: ClassVar[str] = "STORE_CLOCK"
    kinds: ClassVar[dict[str, str]] = {}
    sentence: ClassVar[str] = "The object store refuses requests, because the clock of this machine differs from its own by more than 15 minutes. Set the clock."


class StoreRefusedError(PreconditionError):
    """The object store refuses access to ‹key›: ‹reason›. Check the access key and its
    permissions."""

    code: ClassVar[str] = "STORE_REFUSED"
    kinds: ClassVar[dict[str, str]] = {"key": "text", "reason": "text"}
    sentence: ClassVar[str] = "The object store refuses access to {key}: {reason}. Check the access key and its permissions."


class BusUnreachableError(UnavailableError):
    """The message bus does not answer: ‹reason›. Check its address, and that it runs with
    JetStream."""

    code: ClassVar[str] = "BUS_UNREACHABLE"
    kinds: ClassVar[dict[str, str]] = {"reason": "text"}
    sentence: ClassVar[str] = "The message bus does not answer: {reason}. Check its address, and that it runs with JetStream."


class ObjectNotFoundError(NotFoundError):
    """Object ‹key› does not exist in the store."""

    code: ClassVar[str] = "OBJECT_NOT_FOUND"
    kinds: ClassVar[dict[str, str]] = {"key": "text"}
    sentence: ClassVar[str] = "Object {key} does not exist in the store."


class ObjectExistsError(ConflictError):
    """Object ‹key› exists and was not changed."""

    code: ClassVar[str] = "OBJECT_EXISTS"
    kinds: ClassVar[dict[str, str]] = {"key": "text"}
    sentence: ClassVar[str] = "Object {key} exists and was not changed."


class ObjectDamagedError(HyperswapError):
    """Object ‹key› is damaged: ‹reason›. Restore it from a copy, or make it again."""

    code: ClassVar[str] = "OBJECT_DAMAGED"
    kinds: ClassVar[dict[str, str]] = {"key": "text", "reason": "text"}
    sentence: ClassVar[str] = "Object {key} is damaged: {reason}. Restore it from a copy, or make it again."


class RevisionStaleError(ConflictError):
    """‹key› changed after revision ‹expected›. Read it again and repeat the change."""

    code: ClassVar[str] = "REVISION_STALE"
    kinds: ClassVar[dict[str, str]] = {"key": "text", "expected": "number"}
    sentence: ClassVar[str] = "{key} changed after revision {expected}. Read it again and repeat the change."


class HomeInUseError(UnavailableError):
    """Another process (‹process›) uses the folder ‹folder›. Stop that process, or choose another
    home folder."""

    code: ClassVar[str] = "HOME_IN_USE"
    kinds: ClassVar[dict[str, str]] = {"folder": "text", "process": "text"}
    sentence: ClassVar[str] = "Another process ({process}) uses the folder {folder}. Stop that process, or choose another home folder."


class PortInUseError(UnavailableError):
    """‹address› is in use by another process. Stop that process, or choose another port."""

    code: ClassVar[str] = "PORT_IN_USE"
    kinds: ClassVar[dict[str, str]] = {"address": "text"}
    sentence: ClassVar[str] = "{address} is in use by another process. Stop that process, or choose another port."


class ServiceUnreachableError(UnavailableError):
    """No service answers at ‹endpoint›: ‹reason›."""

    code: ClassVar[str] = "SERVICE_UNREACHABLE"
    kinds: ClassVar[dict[str, str]] = {"endpoint": "text", "reason": "text"}
    sentence: ClassVar[str] = "No service answers at {endpoint}: {reason}."


class HomeUnusableError(PreconditionError):
    """The home folder ‹home› cannot be used: ‹reason›. Choose a folder that this process may
    write to."""

    code: ClassVar[str] = "HOME_UNUSABLE"
    kinds: ClassVar[dict[str, str]] = {"home": "text", "reason": "text"}
    sentence: ClassVar[str] = "The home folder {home} cannot be used: {reason}. Choose a folder that this process may write to."


class ServiceUnknownError(NotFoundError):
    """This process hosts no service ‹service›: leave the name empty to ask for all that it
    hosts."""

    code: ClassVar[str] = "SERVICE_UNKNOWN"
    kinds: ClassVar[dict[str, str]] = {"service": "text"}
    sentence: ClassVar[str] = "This process hosts no service {service}: leave the name empty to ask for all that it hosts."


class NotServingError(UnavailableError):
    """‹service› at ‹endpoint› is not serving: it starts, drains, or waits for a dependency."""

    code: ClassVar[str] = "NOT_SERVING"
    kinds: ClassVar[dict[str, str]] = {"service": "text", "endpoint": "text"}
    sentence: ClassVar[str] = "{service} at {endpoint} is not serving: it starts, drains, or waits for a dependency."


class ConfigInvalidError(InvalidArgumentError):
    """Setting ‹key› is ‹value›. Allowed: ‹allowed›."""

    code: ClassVar[str] = "CONFIG_INVALID"
    kinds: ClassVar[dict[str, str]] = {"key": "text", "value": "text", "allowed": "text"}
    sentence: ClassVar[str] = "Setting {key} is {value}. Allowed: {allowed}."


class EngineMissingError(PreconditionError):
    """The TensorFlow engine cannot be loaded: ‹reason›."""

    code: ClassVar[str] = "ENGINE_MISSING"
    kinds: ClassVar[dict[str, str]] = {"reason": "text"}
    sentence: ClassVar[str] = "The TensorFlow engine cannot be loaded: {reason}."


class EngineSetupError(PreconditionError):
    """The TensorFlow engine cannot be set up: ‹reason›. ‹mend›"""

    code: ClassVar[str] = "ENGINE_SETUP"
    kinds: ClassVar[dict[str, str]] = {"reason": "text", "mend": "text"}
    sentence: ClassVar[str] = "The TensorFlow engine cannot be set up: {reason}. {mend}"


class EngineStoppedError(UnavailableError):
    """The executor thread stopped: ‹reason›."""

    code: ClassVar[str] = "ENGINE_STOPPED"
    kinds: ClassVar[dict[str, str]] = {"reason": "text"}
    sentence: ClassVar[str] = "The executor thread stopped: {reason}."


class DownloadFailedError(UnavailableError):
    """‹what› could not be downloaded: ‹reason›. ‹mend›"""

    code: ClassVar[str] = "DOWNLOAD_FAILED"
    kinds: ClassVar[dict[str, str]] = {"what": "text", "reason": "text", "mend": "text"}
    sentence: ClassVar[str] = "{what} could not be downloaded: {reason}. {mend}"


class HashMismatchError(HyperswapError):
    """‹what› has the sha-256 ‹found› instead of ‹wanted› and was not used. Delete it and fetch
    it again."""

    code: ClassVar[str] = "HASH_MISMATCH"
    kinds: ClassVar[dict[str, str]] = {"what": "text", "found": "text", "wanted": "text"}
    sentence: ClassVar[str] = "{what} has the sha-256 {found} instead of {wanted} and was not used. Delete it and fetch it again."


class DatasetUnknownError(NotFoundError):
    """Dataset ‹dataset› does not exist. Available: ‹available›."""

    code: ClassVar[str] = "DATASET_UNKNOWN"
    kinds: ClassVar[dict[str, str]] = {"dataset": "text", "available": "text"}
    sentence: ClassVar[str] = "Dataset {dataset} does not exist. Available: {available}."


class DrainingError(UnavailableError):
    """This process is shutting down and takes no new work. Call another process."""

    code: ClassVar[str] = "DRAINING"
    kinds: ClassVar[dict[str, str]] = {}
    sentence: ClassVar[str] = "This process is shutting down and takes no new work. Call another process."


class CancelledError(HyperswapError):
    """‹what› was cancelled."""

    code: ClassVar[str] = "CANCELLED"
    kinds: ClassVar[dict[str, str]] = {"what": "text"}
    sentence: ClassVar[str] = "{what} was cancelled."


class DeadlineError(HyperswapError):
    """‹what› did not finish before its deadline. Allow more time, or send less at once."""

    code: ClassVar[str] = "DEADLINE"
    kinds: ClassVar[dict[str, str]] = {"what": "text"}
    sentence: ClassVar[str] = "{what} did not finish before its deadline. Allow more time, or send less at once."


class InternalError(HyperswapError):
    """An internal error occurred: ‹reason›. Report it with the log of the service."""

    code: ClassVar[str] = "INTERNAL"
    kinds: ClassVar[dict[str, str]] = {"reason": "text"}
    sentence: ClassVar[str] = "An internal error occurred: {reason}. Report it with the log of the service."
