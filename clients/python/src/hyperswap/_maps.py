"""Maps as arrays, as georeferenced xarray objects, and as pictures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hyperswap._records import LandCoverClass
from hyperswap.errors import FieldInvalidError, MissingPackageError

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Agreement:
    """Agreement of an adaptive map with the exact one, measured on a random sample.

    Attributes
    ----------
    wanted : float
        Share of pixels that should have the label of the exact map.
    value, low, high : float
        Measured share, and its 95 % interval.
    classified : float
        Share of the pixels with data that the model classified; the others are interpolated.
    """

    wanted: float
    value: float
    low: float
    high: float
    classified: float


@dataclass(frozen=True)
class MapArrays:
    """Land-cover map as NumPy arrays, for use without xarray.

    Attributes
    ----------
    labels : numpy.ndarray
        Class of each pixel, uint8 (rows, columns): from 1, or 0 for a pixel without data.
    confidence : numpy.ndarray
        Probability of that class, float32 (rows, columns), from 0 to 1 in steps of 1/255.
    probabilities : numpy.ndarray or None
        Probability of every class, float32 (rows, columns, classes); None unless asked for.
    classes : tuple of LandCoverClass
        Classes; label 1 is the first.
    adapter : str
        Version that classified, as ``"field@7"``.
    crs_wkt : str
        Coordinate reference system as WKT or ``EPSG:code``; empty when unknown.
    transform : tuple of float or None
        Six numbers a, b, c, d, e, f of the upper left corner of a pixel.
    agreement : Agreement or None
        What the job measured of an adaptive map; None for an exact one.
    """

    labels: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    probabilities: NDArray[np.float32] | None
    classes: tuple[LandCoverClass, ...]
    adapter: str
    crs_wkt: str = ""
    transform: tuple[float, ...] | None = None
    agreement: Agreement | None = None

    def to_xarray(self) -> xarray.DataArray:
        """Return the labels as a DataArray (y, x), with confidence as a coordinate.

        Returns
        -------
        xarray.DataArray
            uint8 (y, x). Its attributes name classes and colours, and ``spatial_ref`` holds the
            place on Earth as rioxarray and CF have it. Those of an adaptive map also have the
            measured agreement, as ``agreement_value``.
        """
        array = self._array("labels", ("y", "x"), self.labels)
        found: xarray.DataArray = array.assign_coords(confidence=(("y", "x"), self.confidence))
        found.coords["confidence"].attrs["long_name"] = "probability of the class"
        return found

    def to_probabilities(self) -> xarray.DataArray:
        """Return the probabilities as a DataArray (y, x, class), with labels as a coordinate.

        Returns
        -------
        xarray.DataArray
            float32 (y, x, class).
        """
        if self.probabilities is None:
            raise FieldInvalidError.of(field="probabilities", reason="they were not asked for")
        array = self._array("probabilities", ("y", "x", "class"), self.probabilities)
        names = [one.name for one in self.classes]
        found: xarray.DataArray = array.assign_coords({"class": names, "labels": (("y", "x"), self.labels)})
        return found

    def _array(self, name: str, dims: tuple[str, ...], values: NDArray[Any]) -> xarray.DataArray:
        found = labelled_array(name, dims, values, self.crs_wkt, self.transform)
        found.attrs.update(class_attributes(self.classes))
        found.attrs["adapter"] = self.adapter
        if self.agreement is not None:
            found.attrs.update({f"agreement_{key}": value for key, value in asdict(self.agreement).items()})
        return found

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the map; see :func:`hyperswap.plot`."""
        return draw(self.labels, self.classes, self.transform, ax, **options)


def class_attributes(classes: tuple[LandCoverClass, ...]) -> dict[str, Any]:
    """Return attributes that name classes: lists for people, and CF's flags for programs.

    Values are types that NetCDF keeps.
    """
    return {
        "long_name": "land-cover class",
        "class_names": [one.name for one in classes],
        "class_colors": [one.color for one in classes],
        "flag_values": np.arange(1, len(classes) + 1, dtype=np.uint8),
        "flag_meanings": " ".join(one.name.replace(" ", "_") for one in classes),
    }


def labelled_array(
    name: str,
    dims: tuple[str, ...],
    values: NDArray[Any],
    crs_wkt: str,
    transform: tuple[float, ...] | None,
) -> xarray.DataArray:
    """Return values (y, x, …) with their coordinates and, as rioxarray has it, ``spatial_ref``."""
    module = import_xarray()
    height, width = values.shape[:2]
    coords: dict[str, Any] = {}
    if transform is not None:
        a, b, c, d, e, f = transform
        # Coordinates are those of the centres of pixels. A rotated raster has none of one dimension.
        if b == 0 and d == 0:
            coords = {"y": f + e * (np.arange(height) + 0.5), "x": c + a * (np.arange(width) + 0.5)}
        attributes: dict[str, Any] = {"GeoTransform": " ".join(repr(float(one)) for one in (c, a, b, f, d, e))}
        if crs_wkt:
            attributes.update(crs_wkt=expand_crs(crs_wkt), spatial_ref=expand_crs(crs_wkt))
        coords["spatial_ref"] = ((), 0, attributes)
    found: xarray.DataArray = module.DataArray(values, dims=dims, coords=coords, name=name)
    if transform is not None:
        found.attrs["grid_mapping"] = "spatial_ref"
    return found


def expand_crs(crs: str) -> str:
    """Return the WKT of ``EPSG:code`` where pyproj or rasterio is installed, else the text."""
    if not crs.upper().startswith("EPSG:"):
        return crs
    try:
        from pyproj import CRS

        return str(CRS.from_user_input(crs).to_wkt())
    except ImportError:
        pass
    try:
        from rasterio.crs import CRS as RasterioCrs
    except ImportError:
        return crs
    return str(RasterioCrs.from_user_input(crs).to_wkt())


def import_xarray() -> Any:
    """Import xarray, and give DataArrays the accessor ``hyperswap``.

    Raises
    ------
    hyperswap.errors.MissingPackageError
        It is not installed.
    """
    try:
        import xarray
    except ImportError as error:
        purpose = "A labelled map (without it, ask for output='numpy')"
        raise MissingPackageError("xarray", "xarray", purpose) from error
    if not hasattr(xarray.DataArray, "hyperswap"):
        register: Any = xarray.register_dataarray_accessor
        register("hyperswap")(MapAccessor)
    return xarray


class MapAccessor:
    """Accessor ``hyperswap`` of maps: ``land_cover.hyperswap.plot()``."""

    def __init__(self, array: xarray.DataArray) -> None:
        self._array = array

    @property
    def classes(self) -> tuple[LandCoverClass, ...]:
        """Classes of the map; label 1 is the first."""
        names = self._array.attrs.get("class_names")
        colors = self._array.attrs.get("class_colors")
        if names is None or colors is None:
            raise FieldInvalidError.of(field="class_names", reason="the DataArray has no such attribute: it is no map")
        return tuple(LandCoverClass(*one) for one in zip(names, colors, strict=True))

    def pixel_counts(self) -> dict[str, int]:
        """Return the pixels of each class.

        Returns
        -------
        dict of str to int
            Pixels by class name.
        """
        counts = np.bincount(np.asarray(self._array.values).ravel(), minlength=256)
        return {one.name: int(counts[index + 1]) for index, one in enumerate(self.classes)}

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the map with a legend of its classes; see :func:`hyperswap.plot`."""
        place = self._array.coords.get("spatial_ref")
        told = None if place is None else place.attrs.get("GeoTransform")
        transform = None
        if told is not None:
            c, a, b, f, d, e = (float(one) for one in told.split())
            transform = (a, b, c, d, e, f)
        return draw(np.asarray(self._array.values), self.classes, transform, ax, **options)


def draw(
    labels: NDArray[Any],
    classes: tuple[LandCoverClass, ...],
    transform: tuple[float, ...] | None = None,
    ax: Axes | None = None,
    *,
    legend: bool = True,
    title: str | None = None,
    all_classes: bool = False,
) -> Axes:
    """Draw labels in the colours of their classes; see :func:`hyperswap.plot`."""
    try:
        import matplotlib.pyplot as plt
        from matplotlib.colors import to_rgb
        from matplotlib.patches import Patch
    except ImportError as error:
        raise MissingPackageError("matplotlib", "plot", "Drawing a map") from error
    table = np.ones((256, 4))
    table[0, 3] = 0.0
    for index, one in enumerate(classes):
        table[index + 1, :3] = to_rgb(one.color)
    if ax is None:
        height, width = labels.shape
        across = 6.0 if not legend else 8.0
        _, ax = plt.subplots(figsize=(across, min(12.0, max(3.0, 6.0 * height / width))), layout="constrained")
    extent = None
    if transform is not None and transform[1] == 0 and transform[3] == 0:
        a, _, c, _, e, f = transform
        extent = (c, c + a * labels.shape[1], f + e * labels.shape[0], f)
    ax.imshow(table[labels], interpolation="nearest", extent=extent)
    if extent is None:
        ax.set_axis_off()
    else:
        ax.ticklabel_format(style="plain", useOffset=False)
        ax.tick_params(labelsize="small")
        ax.locator_params(axis="x", nbins=4)
    if title is not None:
        ax.set_title(title)
    if legend:
        present = np.unique(labels)
        patches = [
            Patch(facecolor=one.color, edgecolor="#00000040", label=one.name)
            for index, one in enumerate(classes)
            if all_classes or index + 1 in present
        ]
        ax.legend(handles=patches, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize="small")
    return ax


def plot(land_cover: xarray.DataArray | MapArrays, ax: Axes | None = None, **options: Any) -> Axes:
    """Draw a land-cover map in the colours of its classes, with a legend.

    Parameters
    ----------
    land_cover
        Map of :meth:`hyperswap.Client.classify`, (y, x); labels of a scene are drawn as well.
    ax
        Axes to draw on; a new figure by default.
    **options
        ``legend`` (True), ``title``, and ``all_classes`` (False: the legend has the classes that
        occur).

    Returns
    -------
    matplotlib.axes.Axes
        Axes with the picture.

    Examples
    --------
    >>> land_cover = hs.classify("field", "field")  # doctest: +SKIP
    >>> hyperswap.plot(land_cover, title="Field")  # doctest: +SKIP
    """
    if isinstance(land_cover, MapArrays):
        return land_cover.plot(ax, **options)
    return MapAccessor(land_cover).plot(ax, **options)
