"""Scenes: what is sent, from which objects and files, and what comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Toy, colors, crs, names, transform

import hyperswap
from hyperswap import errors

xarray = pytest.importorskip("xarray")


def test_a_prepared_scene_tells_what_was_given(field: hyperswap.Scene, toy: Toy) -> None:
    assert field.name == "field"
    assert field.shape == toy.pixels.shape
    assert field.class_names == names
    assert [one.color for one in field.classes] == colors
    assert np.allclose(field.wavelengths, toy.wavelengths)
    assert field.epsg == crs and field.transform == transform
    assert field.label_maps[0].labelled_pixels == (toy.labels > 0).sum()
    assert field.explained_variance_ratio.shape == (12,)


def test_labels_and_pixels_come_back_as_they_were_sent(field: hyperswap.Scene, toy: Toy) -> None:
    assert np.array_equal(field.labels(), toy.labels)
    assert np.array_equal(field.pixels(), toy.pixels)
    part = field.pixels(bands=[5, 0], window=(3, 4, 8, 7))
    assert np.array_equal(part, toy.pixels[3:11, 4:11][:, :, [5, 0]])


def test_labels_as_xarray_have_classes_and_place(field: hyperswap.Scene, toy: Toy) -> None:
    labels = field.to_xarray()
    assert labels.dims == ("y", "x")
    assert labels.attrs["class_names"] == names
    assert float(labels.x[0]) == 500_010 and float(labels.y[0]) == 4_479_990
    assert labels.hyperswap.pixel_counts() == {name: int((toy.labels == n + 1).sum()) for n, name in enumerate(names)}


def test_the_same_content_gives_the_same_digest_from_each_kind_of_input(
    hs: hyperswap.Client, toy: Toy, tmp_path: Path
) -> None:
    rasterio = pytest.importorskip("rasterio")
    scipy_io = pytest.importorskip("scipy.io")
    height, width, bands = toy.pixels.shape
    np.save(tmp_path / "cube.npy", toy.pixels)
    np.savez(tmp_path / "cube.npz", pixels=toy.pixels, labels=toy.labels)
    scipy_io.savemat(tmp_path / "cube.mat", {"pixels": toy.pixels, "labels": toy.labels})
    affine = rasterio.Affine(*transform)
    profile = {"driver": "GTiff", "height": height, "width": width, "crs": f"EPSG:{crs}", "transform": affine}
    with rasterio.open(tmp_path / "cube.tif", "w", count=bands, dtype="uint16", **profile) as file:
        file.write(np.moveaxis(toy.pixels, 2, 0))
    with rasterio.open(tmp_path / "labels.tif", "w", count=1, dtype="uint8", nodata=255, **profile) as file:
        file.write(np.where(toy.labels == 0, 255, toy.labels)[None].astype("uint8"))
    with rasterio.open(tmp_path / "cube.tif") as file:
        wkt = file.crs.to_wkt()
    array = xarray.DataArray(
        np.moveaxis(toy.pixels, 2, 0),
        dims=("band", "y", "x"),
        coords={"spatial_ref": ((), 0, {"crs_wkt": wkt, "GeoTransform": "500000 20 0 4480000 0 -20"})},
    )
    placed: dict[str, Any] = {"crs": wkt, "transform": transform}
    inputs: list[tuple[Any, Any, dict[str, Any]]] = [
        (toy.pixels, toy.labels, placed),
        (np.moveaxis(toy.pixels, 2, 0), toy.labels, {"axes": "bands-first", **placed}),
        (tmp_path / "cube.npy", toy.labels.astype(float), placed),
        (str(tmp_path / "cube.npz"), tmp_path / "cube.npz", placed),
        (tmp_path / "cube.mat", tmp_path / "cube.mat", placed),
        (tmp_path / "cube.tif", tmp_path / "labels.tif", {}),
        (array, xarray.DataArray(toy.labels, dims=("y", "x")), {}),
    ]
    found = [
        hs.prepare(data, labels=labels, name="same", progress=False, **options).digest
        for data, labels, options in inputs
    ]
    assert len(set(found)) == 1, found
    hs.scenes.delete("same")


def test_the_name_of_a_scene_is_its_files_unless_one_is_given(hs: hyperswap.Client, toy: Toy, tmp_path: Path) -> None:
    np.save(tmp_path / "My Field 7.npy", toy.pixels)
    scene = hs.prepare(tmp_path / "My Field 7.npy", progress=False)
    assert scene.name == "my-field-7"
    scene.delete()
    with pytest.raises(errors.SceneNotFoundError):
        hs.scenes.get("my-field-7")
    with pytest.raises(errors.FieldInvalidError, match="name"):
        hs.prepare(toy.pixels, progress=False)


def test_codes_become_the_classes_that_are_named(hs: hyperswap.Client, toy: Toy) -> None:
    codes = np.array([0, 11, 4100, 52])[toy.labels]
    scene = hs.prepare(
        toy.pixels, labels=codes, name="codes", class_names={4100: "Forest", 11: "Water"}, progress=False
    )
    assert scene.class_names == ["Forest", "Water"]
    wanted = np.array([0, 2, 1, 0])[toy.labels]
    assert np.array_equal(scene.labels(), wanted)
    scene.delete()


def test_pixels_without_data_are_masked(hs: hyperswap.Client, toy: Toy) -> None:
    pixels = toy.pixels.astype(np.float32)
    pixels[2, 3] = np.nan
    pixels[4, 5] = -9999
    scene = hs.prepare(pixels, labels=toy.labels, name="holes", nodata=-9999, progress=False)
    assert scene.valid_pixels == toy.labels.size - 2
    masked = scene.pixels()
    assert masked.mask[2, 3].all() and masked.mask[4, 5].all() and masked.mask.any(axis=2).sum() == 2
    scene.delete()


def test_wavelengths_of_a_data_array_are_those_of_the_scene(hs: hyperswap.Client, toy: Toy) -> None:
    array = xarray.DataArray(
        toy.pixels,
        dims=("y", "x", "wavelength"),
        coords={"wavelength": ("wavelength", toy.wavelengths / 1000, {"units": "um"})},
        name="micrometres",
    )
    scene = hs.prepare(array, progress=False)
    assert scene.name == "micrometres"
    assert np.allclose(scene.wavelengths, toy.wavelengths)
    scene.delete()


@pytest.mark.parametrize(
    ("error", "change"),
    [
        (errors.LabelsShapeError, {"labels": np.ones((3, 3), int)}),
        (errors.LabelsValuesError, {"labels": np.full((24, 30), 300)}),
        (errors.LabelsValuesError, {"labels": np.full((24, 30), 1.5)}),
        (errors.SceneShapeError, {"data": np.zeros((24, 30))}),
        (errors.FieldInvalidError, {"wavelengths": [400.0, 500.0]}),
        (errors.FieldInvalidError, {"crs": "EPSG:32616"}),
        (errors.NameInvalidError, {"name": "No Name"}),
        (errors.FileUnreadableError, {"data": "missing.npy"}),
        (errors.ClassesInvalidError, {"class_names": ["A", "A", "B"]}),
        (errors.TooFewBandsError, {"data": np.zeros((24, 30, 3), "uint8")}),
    ],
)
def test_bad_input_is_refused_with_its_own_exception(
    hs: hyperswap.Client, toy: Toy, error: type[hyperswap.HyperswapError], change: dict[str, Any]
) -> None:
    given = {"data": toy.pixels, "labels": toy.labels, "name": "bad", "progress": False, **change}
    with pytest.raises(error) as caught:
        hs.prepare(**given)
    assert caught.value.code == error.code
    assert isinstance(caught.value, ValueError)
    assert "bad" not in [scene.name for scene in hs.scenes.list()]


def test_a_scene_of_other_content_is_kept_unless_it_is_replaced(
    hs: hyperswap.Client, field: hyperswap.Scene, toy: Toy
) -> None:
    scene = hs.prepare(toy.pixels, name="twice", progress=False)
    with pytest.raises(errors.SceneExistsError) as caught:
        hs.prepare(toy.pixels + 1, name="twice", progress=False)
    assert caught.value.details == {"scene": "twice"}
    assert hs.prepare(toy.pixels + 1, name="twice", replace=True, progress=False).digest != scene.digest
    hs.scenes.delete("twice")
