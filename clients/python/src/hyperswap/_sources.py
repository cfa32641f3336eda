"""Raw scenes and labels from arrays, xarray and files, read by rows."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperswap.errors import (
    ClassesInvalidError,
    FieldInvalidError,
    FileFormatError,
    FileUnreadableError,
    LabelsShapeError,
    LabelsValuesError,
    MissingPackageError,
    SceneShapeError,
    VariableMissingError,
)
from hyperswap.v1 import scene_pb2

if TYPE_CHECKING:
    import xarray

SceneLike = Union[ArrayLike, "xarray.DataArray", str, os.PathLike[str]]
"""Raw scene: an array (rows, columns, bands), a DataArray, or the path of a file."""
LabelsLike = Union[ArrayLike, "xarray.DataArray", str, os.PathLike[str]]
"""Labels: an array (rows, columns), a DataArray, or the path of a file."""
Axes = Literal["bands-last", "bands-first"]


class ReadOptions(TypedDict, total=False):
    """Options of a raw scene that is read; :func:`open_scene` has their meaning."""

    variable: str | None
    axes: Axes
    wavelengths: ArrayLike | None
    good_bands: ArrayLike | None
    nodata: float | None
    zero_is_nodata: bool
    crs: Any
    transform: Sequence[float] | None


largest_class = 255
_band_names = {"band", "bands", "wavelength", "wavelengths", "spectral", "channel", "channels", "z"}
_row_names = {"y", "lat", "latitude", "row", "rows", "line", "lines", "northing"}
_column_names = {"x", "lon", "longitude", "column", "columns", "col", "sample", "samples", "easting"}
_array_files = {".npy", ".npz", ".mat"}
_nanometres = {
    "nm": 1.0,
    "nanometers": 1.0,
    "nanometres": 1.0,
    "um": 1e3,
    "µm": 1e3,
    "micrometers": 1e3,
    "microns": 1e3,
}


@dataclass
class Source:
    """Raw scene that is read by rows.

    ``read(first, last)`` returns rows as an array (rows, columns, bands) of ``dtype``.
    """

    name: str
    height: int
    width: int
    bands: int
    dtype: np.dtype[Any]
    read: Callable[[int, int], NDArray[Any]]
    wavelengths: Sequence[float] = ()
    full_widths: Sequence[float] = ()
    good_bands: Sequence[bool] = ()
    nodata: float | None = None
    zero_is_nodata: bool = False
    scale: float | None = None
    offset: float | None = None
    crs_wkt: str = ""
    epsg: int = 0
    transform: tuple[float, ...] | None = None
    remote: str = ""
    """Source that the service reads itself, without ``read``; empty for all others."""
    close: Callable[[], None] = field(default=lambda: None)

    @property
    def scene_type(self) -> tuple[scene_pb2.PixelType.ValueType, np.dtype[Any]]:
        """Type that the values travel as in a scene."""
        return _scene_types.get((self.dtype.kind, self.dtype.itemsize), _scene_types["f", 8])

    @property
    def tile_type(self) -> tuple[scene_pb2.PixelType.ValueType, np.dtype[Any]]:
        """Type that the values travel as in a tile; tiles know fewer types."""
        kind, dtype = self.scene_type
        known = dtype.itemsize <= 2
        return (kind, dtype) if known else _scene_types["f", 4]

    def raster(self) -> scene_pb2.RasterInfo:
        """Return the raster as the services are told of it."""
        place = None
        if self.transform is not None:
            place = scene_pb2.Georeference(crs_wkt=self.crs_wkt, epsg=self.epsg, transform=self.transform)
        return scene_pb2.RasterInfo(
            height=self.height,
            width=self.width,
            bands=self.bands,
            pixel_type=self.scene_type[0],
            wavelengths=self.wavelengths,
            full_widths=self.full_widths,
            good_bands=self.good_bands,
            nodata=self.nodata,
            zero_is_nodata=self.zero_is_nodata,
            scale=self.scale,
            offset=self.offset,
            georeference=place,
        )

    def valid(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Return the mask of pixels with data, (rows, columns), of values (rows, columns, bands)."""
        valid = np.ones(values.shape[:2], dtype=bool)
        if self.nodata is not None:
            valid &= ~(values == self.nodata).all(axis=2)
        if self.zero_is_nodata:
            valid &= ~(values == 0).all(axis=2)
        if values.dtype.kind == "f":
            used = np.array(self.good_bands, dtype=bool) if len(self.good_bands) else slice(None)
            valid &= np.isfinite(values[:, :, used]).all(axis=2)
        return valid


_scene_types: dict[tuple[str, int], tuple[scene_pb2.PixelType.ValueType, np.dtype[Any]]] = {
    ("b", 1): (scene_pb2.PIXEL_TYPE_UINT8, np.dtype("u1")),
    ("u", 1): (scene_pb2.PIXEL_TYPE_UINT8, np.dtype("u1")),
    ("u", 2): (scene_pb2.PIXEL_TYPE_UINT16, np.dtype("<u2")),
    ("i", 1): (scene_pb2.PIXEL_TYPE_INT16, np.dtype("<i2")),
    ("i", 2): (scene_pb2.PIXEL_TYPE_INT16, np.dtype("<i2")),
    ("u", 4): (scene_pb2.PIXEL_TYPE_UINT32, np.dtype("<u4")),
    ("i", 4): (scene_pb2.PIXEL_TYPE_INT32, np.dtype("<i4")),
    ("f", 2): (scene_pb2.PIXEL_TYPE_FLOAT32, np.dtype("<f4")),
    ("f", 4): (scene_pb2.PIXEL_TYPE_FLOAT32, np.dtype("<f4")),
    ("f", 8): (scene_pb2.PIXEL_TYPE_FLOAT64, np.dtype("<f8")),
}


def dtype_of(kind: scene_pb2.PixelType.ValueType) -> np.dtype[Any]:
    """Return the type of values that travel as a type of a scene."""
    return next(dtype for one, dtype in _scene_types.values() if one == kind)


def open_scene(
    data: SceneLike | Source,
    *,
    variable: str | None = None,
    axes: Axes = "bands-last",
    wavelengths: ArrayLike | None = None,
    full_widths: ArrayLike | None = None,
    good_bands: ArrayLike | None = None,
    nodata: float | None = None,
    zero_is_nodata: bool = False,
    scale: float | None = None,
    offset: float | None = None,
    crs: Any = None,
    transform: Sequence[float] | None = None,
) -> Source:
    """Open a raw scene. What is given replaces what the data tell.

    Raises
    ------
    hyperswap.errors.HyperswapError
        The data are not a scene, or cannot be read.
    """
    source = data if isinstance(data, Source) else _source_of(data, variable, axes)
    if source.bands < 1 or source.height < 1 or source.width < 1:
        raise SceneShapeError.of(file=source.name, reason="it is empty")
    for name, given in (("wavelengths", wavelengths), ("full_widths", full_widths), ("good_bands", good_bands)):
        if given is None:
            continue
        values = np.asarray(given).ravel()
        if len(values) != source.bands:
            reason = f"it has {len(values)} values; {source.name} has {source.bands} bands"
            raise FieldInvalidError.of(field=name, reason=reason)
        setattr(source, name, values.tolist())
    if nodata is not None:
        source.nodata = float(nodata)
    source.zero_is_nodata = source.zero_is_nodata or zero_is_nodata
    source.scale = source.scale if scale is None else scale
    source.offset = source.offset if offset is None else offset
    if crs is not None:
        source.crs_wkt, source.epsg = _crs_of(crs)
    if transform is not None:
        numbers = tuple(float(one) for one in tuple(transform)[:6])
        if len(numbers) < 6:
            raise FieldInvalidError.of(field="transform", reason="give six numbers a, b, c, d, e, f")
        source.transform = numbers
    if crs is not None and source.transform is None:
        raise FieldInvalidError.of(field="transform", reason="crs is given, and without it the scene has no place")
    return source


def _source_of(data: SceneLike, variable: str | None, axes: Axes) -> Source:
    if isinstance(data, str | os.PathLike):
        return _from_file(Path(data), variable, axes)
    if _is_data_array(data):
        return _from_xarray(data)
    return _from_array("the array", np.asanyarray(data), axes)


def _from_array(name: str, array: NDArray[Any], axes: Axes) -> Source:
    if array.ndim != 3:
        reason = f"it has {array.ndim} dimensions, {array.shape}; give rows, columns, bands"
        raise SceneShapeError.of(file=name, reason=reason)
    if array.dtype.kind not in "buif" or array.dtype.itemsize > 8:
        raise SceneShapeError.of(file=name, reason=f"its values are {array.dtype}; give numbers")
    if axes == "bands-first":
        array = np.moveaxis(array, 0, 2)
    elif axes != "bands-last":
        raise FieldInvalidError.of(field="axes", reason=f"it is {axes}; give bands-last or bands-first")
    height, width, bands = array.shape
    return Source(name, height, width, bands, array.dtype, lambda first, last: array[first:last])


def _is_data_array(data: object) -> bool:
    # Without importing xarray: a caller with a DataArray has imported it.
    return any(one.__name__ == "DataArray" and one.__module__.startswith("xarray.") for one in type(data).__mro__)


def _from_xarray(data: Any) -> Source:
    name = f"the DataArray {data.name}" if data.name is not None else "the DataArray"
    dims = [str(dim) for dim in data.dims]
    found = {}
    for kind, names in (("y", _row_names), ("x", _column_names), ("band", _band_names)):
        matches = [dim for dim in dims if dim.lower() in names]
        if len(matches) == 1:
            found[kind] = matches[0]
    if len(dims) != 3 or len(found) != 3:
        reason = f"its dimensions are {', '.join(dims)}; name them y, x and band"
        raise SceneShapeError.of(file=name, reason=reason)
    ordered = data.transpose(found["y"], found["x"], found["band"])
    height, width, bands = ordered.shape
    source = Source(
        name, height, width, bands, ordered.dtype, lambda first, last: np.asarray(ordered[first:last].values)
    )
    source.wavelengths = _wavelengths_of(ordered, found["band"])
    for value in (data.attrs.get("_FillValue"), data.encoding.get("_FillValue"), data.attrs.get("nodata")):
        if value is not None and np.ndim(value) == 0:
            source.nodata = float(value)
            break
    place = data.coords.get(data.attrs.get("grid_mapping", data.encoding.get("grid_mapping", "spatial_ref")))
    attributes = {} if place is None else place.attrs
    wkt = attributes.get("crs_wkt", attributes.get("spatial_ref", ""))
    if wkt:
        source.crs_wkt, source.epsg = _crs_of(wkt)
    source.transform = _transform_of(ordered, found["y"], found["x"], attributes.get("GeoTransform"))
    return source


def _wavelengths_of(data: Any, band: str) -> list[float]:
    """Return centres in nanometres of a coordinate that tells them, or nothing."""
    for key in (band, *(str(name) for name in data.coords)):
        if key not in data.coords or "wavelength" not in key.lower():
            continue
        coordinate = data.coords[key]
        if coordinate.dims != (band,) or coordinate.dtype.kind not in "fiu":
            continue
        values = np.asarray(coordinate.values, dtype=float)
        unit = str(coordinate.attrs.get("units", "")).lower()
        # Without a unit: no sensor has bands below 100 nm, nor any here above 100 µm.
        factor = _nanometres.get(unit, 1.0 if values.max() > 100 else 1e3)
        return list((values * factor).tolist())
    return []


def _transform_of(data: Any, row: str, column: str, told: object) -> tuple[float, ...] | None:
    if isinstance(told, str):
        c, a, b, f, d, e = (float(one) for one in told.split())
        return a, b, c, d, e, f
    if row not in data.coords or column not in data.coords:
        return None
    steps = []
    for name in (column, row):
        values = np.asarray(data.coords[name].values)
        if values.ndim != 1 or len(values) < 2 or values.dtype.kind not in "fiu":
            return None
        step = (values[-1] - values[0]) / (len(values) - 1)
        if step == 0 or not np.allclose(np.diff(values), step, rtol=1e-3):
            return None
        steps.append((float(values[0]) - float(step) / 2, float(step)))
    (left, across), (top, down) = steps
    return across, 0.0, left, 0.0, down, top


def _from_file(path: Path, variable: str | None, axes: Axes) -> Source:
    if path.suffix.lower() in _array_files:
        array = _read_array(path, variable, 3)
        return _from_array(path.name, array, axes)
    return _from_rasterio(path)


def _read_array(path: Path, variable: str | None, dimensions: int) -> NDArray[Any]:
    """Return an array of a NumPy or MATLAB file; a ``.npy`` is mapped, not read."""
    suffix = path.suffix.lower()
    try:
        if suffix == ".npy":
            mapped: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
            return mapped
        if suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return _choose(path, dict(archive), variable, dimensions)
    except OSError as error:
        raise FileUnreadableError.of(file=os.fspath(path), reason=error.strerror or str(error)) from error
    except ValueError as error:
        raise FileFormatError.of(file=os.fspath(path), expected="NumPy", reason=str(error)) from error
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise MissingPackageError("scipy", "mat", f"Reading {path.name}") from error
    try:
        found = loadmat(path)
    except OSError as error:
        raise FileUnreadableError.of(file=os.fspath(path), reason=error.strerror or str(error)) from error
    except NotImplementedError as error:
        reason = "it is of MATLAB 7.3; save it with -v7, or prepare it with the command hyperswap scenes prepare"
        raise FileFormatError.of(file=os.fspath(path), expected="MATLAB", reason=reason) from error
    except Exception as error:
        raise FileFormatError.of(file=os.fspath(path), expected="MATLAB", reason=str(error)) from error
    arrays = {name: value for name, value in found.items() if not name.startswith("__")}
    return _choose(path, arrays, variable, dimensions)


def _choose(path: Path, arrays: Mapping[str, Any], variable: str | None, dimensions: int) -> NDArray[Any]:
    fitting = {
        name: value
        for name, value in arrays.items()
        if getattr(value, "ndim", 0) == dimensions and value.dtype.kind in "buif"
    }
    if variable is not None and variable in fitting:
        return np.asarray(fitting[variable])
    if variable is None and len(fitting) == 1:
        return np.asarray(next(iter(fitting.values())))
    names = ", ".join(f"{name} {getattr(value, 'shape', '')}" for name, value in arrays.items()) or "none"
    wanted = variable if variable is not None else f"of {dimensions} dimensions"
    raise VariableMissingError.of(file=os.fspath(path), wanted=wanted, found=names)


def _open_rasterio(path: Path) -> Any:
    try:
        import rasterio
    except ImportError as error:
        raise MissingPackageError("rasterio", "rasterio", f"Reading {path.name}") from error
    try:
        return rasterio.open(path)
    except rasterio.errors.RasterioIOError as error:
        if not path.exists():
            raise FileUnreadableError.of(file=os.fspath(path), reason="it does not exist") from error
        raise FileFormatError.of(file=os.fspath(path), expected="raster", reason=str(error)) from error


def _from_rasterio(path: Path) -> Source:
    dataset = _open_rasterio(path)
    types = {np.dtype(one) for one in dataset.dtypes}
    dtype = np.result_type(*types)

    def read(first: int, last: int) -> NDArray[Any]:
        values = dataset.read(window=((first, last), (0, dataset.width)))
        return np.moveaxis(values.astype(dtype, copy=False), 0, 2)

    source = Source(path.name, dataset.height, dataset.width, dataset.count, dtype, read, close=dataset.close)
    source.wavelengths = _band_wavelengths(dataset)
    if dataset.nodata is not None:
        source.nodata = float(dataset.nodata)
    if len({*dataset.scales}) == 1 and dataset.scales[0] != 1.0:
        source.scale = float(dataset.scales[0])
    if len({*dataset.offsets}) == 1 and dataset.offsets[0] != 0.0:
        source.offset = float(dataset.offsets[0])
    if dataset.crs is not None:
        source.crs_wkt, source.epsg = _crs_of(dataset.crs)
    if not dataset.transform.is_identity:
        source.transform = tuple(dataset.transform)[:6]
    return source


def _band_wavelengths(dataset: Any) -> list[float]:
    """Return centres in nanometres, as GDAL tells those of GeoTIFF and ENVI; empty unless each band has one."""
    found = []
    for band in range(1, dataset.count + 1):
        central = dataset.tags(band, ns="IMAGERY").get("CENTRAL_WAVELENGTH_UM")
        tags = dataset.tags(band)
        if central is not None:
            found.append(1e3 * float(central))
        elif "wavelength" in tags and re.fullmatch(r"[\d.eE+-]+", tags["wavelength"]):
            unit = tags.get("wavelength_units", "").lower()
            found.append(float(tags["wavelength"]) * _nanometres.get(unit, 1.0))
    return found if len(found) == dataset.count else []


def _crs_of(crs: Any) -> tuple[str, int]:
    """Return WKT and EPSG code of a code, text, or object of pyproj or rasterio."""
    if isinstance(crs, int):
        return "", crs
    if isinstance(crs, str):
        code = re.fullmatch(r"\s*(?:EPSG:)?(\d{4,6})\s*", crs, re.IGNORECASE)
        if code is not None:
            return "", int(code.group(1))
        authority = re.search(r"(?:AUTHORITY|ID)\[\"EPSG\",\"?(\d+)\"?\]\s*\]\s*$", crs)
        return crs, 0 if authority is None else int(authority.group(1))
    if hasattr(crs, "to_wkt") and hasattr(crs, "to_epsg"):
        return str(crs.to_wkt()), int(crs.to_epsg() or 0)
    reason = "give an EPSG code, WKT, or a CRS of pyproj or rasterio"
    raise FieldInvalidError.of(field="crs", reason=reason)


ClassNames = Sequence[str] | Mapping[int, str]
"""Names from class 1 on, or the name of each code that labels hold."""


@dataclass(frozen=True)
class Labels:
    """Label maps of a scene, uint8 (rows, columns), and the classes of their numbers."""

    maps: Mapping[str, NDArray[np.uint8]]
    classes: Sequence[scene_pb2.LandCoverClass]


def read_labels(
    labels: LabelsLike | Mapping[str, LabelsLike] | None,
    shape: tuple[int, int],
    *,
    class_names: ClassNames | None = None,
    class_colors: Sequence[str] | None = None,
    nodata: float | None = None,
    variable: str | None = None,
) -> Labels:
    """Read label maps, and give them their classes.

    Raises
    ------
    hyperswap.errors.LabelsShapeError
        They have another size than the scene.
    hyperswap.errors.LabelsValuesError
        They are not whole numbers from 0 to 255 that ``class_names`` does not map.
    """
    given: Mapping[str, Any]
    if labels is None:
        given = {}
    elif isinstance(labels, Mapping):
        given = labels
    else:
        given = {"labels": labels}
    codes = None
    names: list[str] = []
    if isinstance(class_names, Mapping):
        codes = {int(code): index + 1 for index, code in enumerate(class_names)}
        names = list(class_names.values())
    elif class_names is not None:
        names = list(class_names)
    maps = {
        name: _label_map(name, value, shape, codes=codes, nodata=nodata, variable=variable)
        for name, value in given.items()
    }
    colors = [_color_of(one) for one in class_colors or ()]
    if len(colors) > len(names):
        raise ClassesInvalidError.of(reason=f"there are {len(colors)} colours for {len(names)} class_names")
    classes = [
        scene_pb2.LandCoverClass(name=name, color=colors[index] if index < len(colors) else None)
        for index, name in enumerate(names)
    ]
    return Labels(maps, classes)


def _color_of(color: str) -> int:
    match = re.fullmatch(r"#([0-9a-fA-F]{6})", color)
    if match is None:
        raise ClassesInvalidError.of(reason=f"the colour {color} is not #rrggbb")
    return int(match.group(1), 16)


def _label_map(
    name: str,
    value: LabelsLike,
    shape: tuple[int, int],
    *,
    codes: Mapping[int, int] | None,
    nodata: float | None,
    variable: str | None,
) -> NDArray[np.uint8]:
    array: NDArray[Any]
    if isinstance(value, str | os.PathLike):
        path = Path(value)
        if path.suffix.lower() in _array_files:
            array = _read_array(path, variable, 2)
        else:
            with _open_rasterio(path) as dataset:
                array = dataset.read(1)
                nodata = dataset.nodata if nodata is None else nodata
    else:
        array = np.asarray(value)
    if array.ndim == 3 and 1 in (array.shape[0], array.shape[2]):
        array = array.squeeze(0 if array.shape[0] == 1 else 2)
    if array.shape != shape:
        found = " × ".join(map(str, array.shape))
        raise LabelsShapeError.of(labels=name, found=found, wanted=f"{shape[0]} × {shape[1]}")
    return _numbers_of(name, array, codes, nodata)


def _numbers_of(
    name: str, array: NDArray[Any], codes: Mapping[int, int] | None, nodata: float | None
) -> NDArray[np.uint8]:
    """Return the class of each pixel from the values of a label map."""
    shape = array.shape
    if array.dtype.kind not in "buif":
        raise LabelsValuesError.of(labels=name, reason=f"its values are {array.dtype}")
    empty = np.zeros(shape, dtype=bool)
    if array.dtype.kind == "f":
        empty |= np.isnan(array)
    if nodata is not None and not np.isnan(nodata):
        empty |= array == nodata
    numbers = np.where(empty, 0, array)
    if array.dtype.kind == "f" and not (numbers == np.trunc(numbers)).all():
        raise LabelsValuesError.of(labels=name, reason="there are numbers that are not whole")
    if codes is not None:
        mapped = np.zeros(shape, dtype=np.uint8)
        for code, label in codes.items():
            # Without an own code 0 stays unlabelled, and so do codes that have no name.
            mapped[(numbers == code) & ~empty] = label
        return mapped
    smallest, largest = numbers.min(), numbers.max()
    if smallest < 0 or largest > largest_class:
        found = f"{smallest:g}" if smallest < 0 else f"{largest:g}"
        reason = f"{found} is not from 0 to {largest_class}; name the codes with class_names={{code: name}}"
        raise LabelsValuesError.of(labels=name, reason=reason)
    return numbers.astype(np.uint8)
