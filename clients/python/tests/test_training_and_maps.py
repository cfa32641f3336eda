"""From labels to a map: trainings, maps, streams of tiles, adapters and jobs."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import Toy, crs, make_toy, names, transform
from numpy.typing import NDArray

import hyperswap
from hyperswap import errors

xarray = pytest.importorskip("xarray")


def run_command(hs: hyperswap.Client, *arguments: str) -> str:
    """Run the command line on the server of these tests."""
    words = shlex.split(os.environ["HYPERSWAP_COMMAND"])
    command = [*words, "--endpoint", hs.endpoint, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_a_training_tells_losses_and_accuracies(trained: hyperswap.Training) -> None:
    assert trained.done and trained.loss.shape == (4,)
    assert trained.loss[-1] < trained.loss[0]
    assert trained.adapter is not None and trained.adapter.class_names == names
    assert trained.metrics is not None and trained.metrics.overall_accuracy > 0.8
    confusion = trained.confusion
    assert confusion is not None and confusion.shape == (3, 3)
    assert trained.result is not None and confusion.sum() == trained.result.test_pixels
    assert np.trace(confusion) / confusion.sum() == pytest.approx(trained.metrics.overall_accuracy)
    metrics = trained.metrics
    assert metrics.patch_overlap is not None and 0 < metrics.patch_overlap <= 1
    assert metrics.by_distance[0].start == 1 and metrics.by_distance[-1].end is None
    tested = sum(one.pixels for one in metrics.by_distance)
    assert tested == metrics.distance_histogram.sum() == trained.result.test_pixels
    assert sum(one.correct for one in metrics.by_distance) / tested == pytest.approx(metrics.overall_accuracy)
    assert sum(one.pixels for one in metrics.reliability) == tested
    assert metrics.calibration_error is not None and 0 <= metrics.calibration_error < 1
    html = trained._repr_html_()
    assert "<svg" in html and "Wheat" in html


def test_progress_tells_epochs_and_losses_in_the_calling_thread(hs: hyperswap.Client, field: hyperswap.Scene) -> None:
    told: list[tuple[hyperswap.Progress, threading.Thread]] = []
    hs.train(
        field,
        method="linear-probe",
        adapter="told",
        split="12:4",
        patch_size=9,
        epochs=3,
        progress=lambda one: told.append((one, threading.current_thread())),
    )
    assert {thread for _, thread in told} == {threading.current_thread()}
    assert any(one.loss is not None and one.epoch > 0 for one, _ in told)
    assert told[-1][0].done == told[-1][0].total > 0


def test_a_training_that_is_cancelled_registers_nothing(hs: hyperswap.Client, field: hyperswap.Scene) -> None:
    training = hs.train(field, method="lora", adapter="never", split="12:4", patch_size=9, epochs=5000, wait=False)
    assert not training.done
    with pytest.raises(errors.JobNotDoneError):
        _ = training.metrics
    for _ in training.watch():
        break
    training.cancel()
    with pytest.raises(errors.CancelledError):
        training.wait(progress=False)
    assert "never" not in {adapter.name for adapter in hs.adapters.list()}


def test_settings_that_do_not_exist_are_refused(hs: hyperswap.Client, field: hyperswap.Scene) -> None:
    with pytest.raises(errors.MethodSettingsError, match="warmth"):
        hs.train(field, method="lora", warmth=3, progress=False)
    with pytest.raises(errors.MethodUnknownError):
        hs.train(field, method="magic", progress=False)
    with pytest.raises(errors.FieldInvalidError, match="split"):
        hs.train(field, split="some", progress=False)


def test_a_map_has_classes_colours_confidence_and_place(
    hs: hyperswap.Client, field: hyperswap.Scene, trained: hyperswap.Training, toy: Toy
) -> None:
    land_cover = hs.classify(field, trained, progress=False)
    assert land_cover.dims == ("y", "x") and land_cover.dtype == np.uint8
    assert land_cover.attrs["class_names"] == names
    assert land_cover.attrs["adapter"] == trained.reference
    assert land_cover.attrs["grid_mapping"] == "spatial_ref"
    assert [float(land_cover.x[0]), float(land_cover.y[0])] == [500_010, 4_479_990]
    rasterio = pytest.importorskip("rasterio")
    assert rasterio.crs.CRS.from_wkt(land_cover.spatial_ref.attrs["crs_wkt"]).to_epsg() == crs
    assert land_cover.spatial_ref.attrs["GeoTransform"] == "500000.0 20.0 0.0 4480000.0 0.0 -20.0"
    confidence = land_cover.coords["confidence"]
    assert 0 < float(confidence.min()) <= float(confidence.max()) <= 1
    labelled = toy.labels > 0
    assert (land_cover.values[labelled] == toy.labels[labelled]).mean() > 0.8


def test_labels_through_python_are_those_of_the_command_line(
    hs: hyperswap.Client, field: hyperswap.Scene, trained: hyperswap.Training, toy: Toy, tmp_path: Path
) -> None:
    rasterio = pytest.importorskip("rasterio")
    holes = make_toy(2, 70, 75).pixels.astype(np.float32)
    holes[5:9, 60:70] = np.nan
    np.save(tmp_path / "holes.npy", holes)
    for scene in ("field", str(tmp_path / "holes.npy")):
        out = tmp_path / f"out-{Path(scene).stem}"
        options = ["--bands-last"] if scene != "field" else []
        run_command(hs, "classify", "--scene", scene, "--adapter", trained.reference, "--out", str(out), *options)
        found = hs.classify(scene, trained, output="numpy", progress=False)
        with rasterio.open(out / "labels.tif") as file:
            assert np.array_equal(file.read(1), found.labels)
        with rasterio.open(out / "confidence.tif") as file:
            confidence = file.read(1)
            scale = 1.0 if confidence.dtype.kind == "f" else 255.0
            assert np.allclose(confidence / scale, found.confidence, atol=1 / 254)


def test_a_scene_that_the_command_line_prepares_has_the_same_digest(
    hs: hyperswap.Client, toy: Toy, tmp_path: Path
) -> None:
    np.save(tmp_path / "both.npy", toy.pixels)
    np.save(tmp_path / "truth.npy", toy.labels)
    ours = hs.prepare(tmp_path / "both.npy", labels=tmp_path / "truth.npy", progress=False)
    told = json.loads(
        run_command(
            hs, "--json", "scenes", "prepare", str(tmp_path / "both.npy"), "--bands-last", "--labels",
            str(tmp_path / "truth.npy"),
        )
    )  # fmt: skip
    assert told["digest"] == ours.digest
    ours.delete()


def test_arrays_files_and_prepared_scenes_give_the_same_labels(
    hs: hyperswap.Client, field: hyperswap.Scene, trained: hyperswap.Training, toy: Toy, tmp_path: Path
) -> None:
    np.save(tmp_path / "cube.npy", toy.pixels)
    array = xarray.DataArray(toy.pixels, dims=("y", "x", "band"))
    prepared = hs.classify("field", "field", progress=False)
    for raw in (toy.pixels, array, tmp_path / "cube.npy", str(tmp_path / "cube.npy")):
        found = hs.classify(raw, trained, progress=False)
        assert (found.values == prepared.values).mean() > 0.99
    placed = hs.classify(toy.pixels, trained, crs=crs, transform=transform, progress=False)
    assert placed.spatial_ref.attrs == prepared.spatial_ref.attrs


def test_pixels_without_data_are_zero_in_the_map(hs: hyperswap.Client, trained: hyperswap.Training, toy: Toy) -> None:
    pixels = toy.pixels.astype(np.float32)
    pixels[:, :10] = np.nan
    pixels[0, 12] = -1
    found = hs.classify(pixels, trained, output="numpy", nodata=-1, progress=False)
    empty = np.isnan(pixels).any(axis=2) | (pixels == -1).all(axis=2)
    assert np.array_equal(found.labels == 0, empty) and np.array_equal(found.confidence == 0, empty)


def test_probabilities_add_up_and_their_largest_is_the_class(
    hs: hyperswap.Client, field: hyperswap.Scene, trained: hyperswap.Training, toy: Toy
) -> None:
    for data in (field, toy.pixels):
        found = hs.classify_proba(data, trained, progress=False)
        assert found.dims == ("y", "x", "class") and list(found["class"].values) == names
        assert np.allclose(found.sum("class"), 1, atol=3 / 255)
        sure = found.max("class") > 0.6
        assert ((found.argmax("class") + 1 == found.labels) | ~sure).all()


def test_an_adaptive_map_tells_the_agreement_that_the_job_measured(
    hs: hyperswap.Client, field: hyperswap.Scene, trained: hyperswap.Training, toy: Toy
) -> None:
    exact = hs.classify(field, trained, progress=False)
    adaptive = hs.classify(field, trained, agreement=0.95, progress=False)
    assert 0 < adaptive.attrs["agreement_classified"] <= 1
    assert adaptive.attrs["agreement_low"] <= adaptive.attrs["agreement_value"] <= adaptive.attrs["agreement_high"]
    assert adaptive.attrs["agreement_wanted"] == 0.95
    assert (adaptive.values == exact.values).mean() > 0.9
    assert "agreement_value" not in exact.attrs
    arrays = hs.classify(field, trained, agreement=0.95, output="numpy", progress=False)
    assert isinstance(arrays.agreement, hyperswap.Agreement)
    with pytest.raises(errors.FieldInvalidError, match="agreement"):
        hs.classify(toy.pixels, trained, agreement=0.95, progress=False)
    with pytest.raises(errors.FieldInvalidError, match="agreement"):
        hs.classify(field, trained, agreement=0.5, progress=False)


def test_smoothing_needs_a_prepared_scene(
    hs: hyperswap.Client, field: hyperswap.Scene, trained: hyperswap.Training, toy: Toy
) -> None:
    smooth = hs.classify(field, trained, smooth=3, progress=False)
    labelled = toy.labels > 0
    assert (smooth.values[labelled] == toy.labels[labelled]).mean() > 0.9
    with pytest.raises(errors.FieldInvalidError, match="smooth"):
        hs.classify(toy.pixels, trained, smooth=3, progress=False)


def test_a_picture_has_the_colours_of_the_classes(
    hs: hyperswap.Client, field: hyperswap.Scene, trained: hyperswap.Training
) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    land_cover = hs.classify(field, trained, progress=False)
    for axes in (hyperswap.plot(land_cover), land_cover.hyperswap.plot(title="Field")):
        drawn = axes.get_images()[0].get_array()
        assert drawn is not None
        colour = tuple(round(255 * one) for one in drawn[0, 0, :3])
        assert f"#{colour[0]:02x}{colour[1]:02x}{colour[2]:02x}" == field.classes[int(land_cover[0, 0]) - 1].color
        assert [text.get_text() for text in axes.get_legend().get_texts()] == names
    matplotlib.pyplot.close("all")


def tiles_of(toy: Toy, count: int) -> Iterator[NDArray[np.uint16]]:
    for step in range(count):
        yield toy.pixels[step % 8 : step % 8 + 9, step % 16 : step % 16 + 11]


def test_a_stream_answers_in_the_order_of_its_tiles(
    hs: hyperswap.Client, trained: hyperswap.Training, toy: Toy
) -> None:
    found = list(hs.stream(tiles_of(toy, 150), trained, probabilities=True))
    assert [one.id for one in found] == [str(number) for number in range(150)]
    assert np.array_equal(found[3].labels, found[147].labels) is (3 % 16 == 147 % 16 and 3 % 8 == 147 % 8)
    assert found[0].probabilities is not None and found[0].probabilities.shape == (9, 11, 3)
    assert found[0].confidence is not None and found[0].adapter == trained.reference
    ready = list(hs.stream(tiles_of(toy, 20), trained, order="ready"))
    assert {one.id for one in ready} == {str(number) for number in range(20)}
    for one in ready:
        assert np.array_equal(one.labels, found[int(one.id)].labels)


def test_a_stream_takes_no_more_tiles_than_its_reader_lets_it(
    hs: hyperswap.Client, trained: hyperswap.Training, toy: Toy
) -> None:
    taken = 0

    def endless() -> Iterator[NDArray[np.uint16]]:
        nonlocal taken
        while True:
            taken += 1
            yield toy.pixels[:9, :9]

    results = hs.stream(endless(), trained)
    for _ in range(10):
        next(results)
    threading.Event().wait(1.0)
    assert 10 <= taken <= 10 + 64 + 1
    results.close()  # type: ignore[attr-defined]
    before = taken
    threading.Event().wait(0.3)
    assert taken == before


def test_tiles_of_a_prepared_scene_stream_through_the_same_client(
    hs: hyperswap.Client, field: hyperswap.Scene, trained: hyperswap.Training
) -> None:
    whole = hs.classify(field, trained, output="numpy", progress=False)
    tiles = field.tiles(tile_size=16, halo=4)
    found = np.zeros_like(whole.labels)
    for one in hs.stream(tiles, trained, content="prepared", scene=field, pad=False):
        height, width = one.labels.shape
        found[one.row : one.row + height, one.column : one.column + width] = one.labels
    assert np.array_equal(found, whole.labels)


def test_a_tile_that_fails_ends_the_stream_or_is_returned(
    hs: hyperswap.Client, trained: hyperswap.Training, toy: Toy
) -> None:
    def tiles() -> Iterator[hyperswap.Tile]:
        for number in range(3):
            adapter = "no-such-adapter" if number == 1 else ""
            yield hyperswap.Tile(toy.pixels[:9, :9], f"tile {number}", adapter=adapter)

    with pytest.raises(errors.AdapterNotFoundError):
        list(hs.stream(tiles(), trained))
    found = list(hs.stream(tiles(), trained, errors="return"))
    assert [one.id for one in found] == ["tile 0", "tile 1", "tile 2"]
    assert isinstance(found[1].error, errors.AdapterNotFoundError)
    assert found[0].error is None and found[2].labels.shape == (9, 9)


def test_an_error_of_the_tiles_reaches_the_reader(hs: hyperswap.Client, trained: hyperswap.Training, toy: Toy) -> None:
    def tiles() -> Iterator[NDArray[np.uint16]]:
        yield toy.pixels[:9, :9]
        raise ZeroDivisionError("the camera")

    with pytest.raises(ZeroDivisionError, match="the camera"):
        list(hs.stream(tiles(), trained))
    with pytest.raises(errors.FieldInvalidError, match="bands"):
        list(hs.stream([toy.pixels[:9, :9], toy.pixels[:9, :9, :15]], trained))
    assert list(hs.stream([], trained)) == []


def test_adapters_are_listed_named_pinned_retired_and_moved(
    hs: hyperswap.Client, trained: hyperswap.Training, tmp_path: Path
) -> None:
    assert trained.reference in [one.reference for one in hs.adapters.list()]
    assert "stable" in hs.adapters.alias(trained, "stable").aliases
    assert hs.adapters.get("field:stable").digest == hs.adapters.get(trained).digest
    assert "field:stable" in hs.adapters.pin("field:stable").pins
    assert hs.adapters.pin("field:stable", undo=True).pins == ()
    (path,) = hs.adapters.export(trained, tmp_path / "out")
    copy = hs.adapters.import_(path, "copy")
    assert copy.reference == "copy@1" and copy.classes == hs.adapters.get(trained).classes
    assert hs.adapters.retire(copy).retired
    with pytest.raises(errors.AdapterRetiredError):
        hs.classify("field", copy, progress=False)
    assert not hs.adapters.retire(copy, undo=True).retired


def test_two_adapters_are_compared_by_mcnemar(
    hs: hyperswap.Client, field: hyperswap.Scene, trained: hyperswap.Training, toy: Toy
) -> None:
    other = hs.train(field, method="linear-probe", adapter="other", split="5:3", patch_size=9, epochs=1, progress=False)
    found = hs.adapters.compare(trained, other, field, progress=False)
    labelled = toy.labels > 0
    right = [
        hs.classify(field, one, output="numpy", progress=False).labels[labelled] == toy.labels[labelled]
        for one in (trained, other)
    ]
    assert found.pixels == labelled.sum()
    assert found.only_first == (right[0] & ~right[1]).sum() and found.only_second == (right[1] & ~right[0]).sum()
    assert found.first.overall_accuracy == pytest.approx(right[0].mean())
    assert 0 <= found.p_value <= 1


def test_jobs_of_all_kinds_are_listed_and_watched(hs: hyperswap.Client, trained: hyperswap.Training) -> None:
    hs.classify("field", trained, output="numpy", progress=False)
    jobs = hs.jobs.list()
    assert {"preparation", "training", "scene"} <= {one.kind for one in jobs}
    assert [one.created_at for one in jobs] == sorted((one.created_at for one in jobs), reverse=True)
    job = hs.jobs.get(trained.id)
    assert (job.kind, job.state, job.subject) == ("training", "done", "linear-probe on field")
    list(hs.jobs.watch(job))
    running = hs.train("field", method="lora", adapter="gone", split="12:4", patch_size=9, epochs=5000, wait=False)
    hs.jobs.cancel(running.id)
    with pytest.raises(errors.CancelledError):
        list(hs.jobs.watch(running.id))
    with pytest.raises(errors.JobNotFoundError):
        hs.jobs.get("0c5e9c1e-2f0c-4f43-9d4e-2f6f3d2b8f11")


def test_methods_and_status_are_told(hs: hyperswap.Client) -> None:
    methods = {one.name: one for one in hs.methods()}
    assert methods["krona+"].kind == "adapter" and "lambda" in methods["krona+"].settings
    status = hs.status()
    assert status.backbone == "spectralgpt-mini" and status.precision in ("float32", "bfloat16", "int8")
