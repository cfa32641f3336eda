"""Writes fixtures/labels: label files by the reference library of each format, and labels.json with the pixels that GDAL or the library gives.

    python3 tests/parity/write_label_fixtures.py        needs requirements-labels.txt
"""
import json, shutil, sqlite3
from pathlib import Path

import geopandas as gpd, netCDF4, numpy as np, png
from PIL import Image
from rasterio.crs import CRS
from rasterio.features import rasterize
from rasterio.transform import from_origin
from shapely.geometry import MultiPolygon, Point, Polygon, box, mapping

OUT = Path(__file__).resolve().parent.parent / "fixtures" / "labels"
H, W = 20, 22
UTM, PLACE = "EPSG:32633", from_origin(500000, 5200000, 30, 30)
shutil.rmtree(OUT, ignore_errors=True)
OUT.mkdir(parents=True)
expected = {}


def ground(column, row):
    return PLACE * (column, row)


def square(left, top, right, bottom):
    return Polygon([ground(left, top), ground(right, top), ground(right, bottom), ground(left, bottom)])


# A polygon with a hole, two islands in one feature, a triangle, and one feature off the scene.
hole = Polygon(square(2, 2, 9, 9).exterior, [square(4, 4, 7, 7).exterior])
islands = MultiPolygon([square(11, 1, 14, 4), square(16, 1, 19, 4)])
triangle = Polygon([ground(3.2, 11.1), ground(15.7, 13.4), ground(6.3, 18.9)])
shapes = [hole, islands, triangle, box(0, 0, 10, 10)]
names = ["Wälder", "Wiese", "Acker", "Acker"]
numbers = [1, 2, 3, 3]
polygons = gpd.GeoDataFrame({"CLASS": numbers, "name": names, "area": [1.5] * 4}, geometry=shapes, crs=UTM)
burnt = rasterize(zip(shapes[:3], numbers), out_shape=(H, W), transform=PLACE, dtype="uint8")
points = gpd.GeoDataFrame({"class": [1, 2, 3]}, geometry=[Point(ground(0.5, 0.5)), Point(ground(21.9, 19.9)), Point(ground(10.1, 5.2))], crs=UTM)
dots = np.zeros((H, W), np.uint8)
dots[0, 0], dots[19, 21], dots[5, 10] = 1, 2, 3

polygons.to_file(OUT / "polygons.shp", encoding="UTF-8")
# Text of Windows, and coordinates of another system.
polygons.to_crs("EPSG:4326").to_file(OUT / "longitude_latitude.shp", encoding="CP1252")
points.to_file(OUT / "points.shp")
polygons.to_file(OUT / "layers.gpkg", layer="polygons", driver="GPKG")
points.to_file(OUT / "layers.gpkg", layer="points", driver="GPKG")
polygons.to_crs("EPSG:25833").to_file(OUT / "one_layer.gpkg", layer="fields", driver="GPKG")
with_z = polygons.copy()
with_z.geometry = with_z.geometry.force_3d(7)
with_z.to_file(OUT / "with_z.shp", encoding="UTF-8")
with_z.to_file(OUT / "with_z.gpkg", layer="fields", driver="GPKG")
# As QGIS leaves a file that it has open.
database = sqlite3.connect(OUT / "one_layer.gpkg")
database.execute("pragma journal_mode = wal")
database.close()
for name in ("polygons.shp", "longitude_latitude.shp", "with_z.shp", "layers.gpkg:polygons", "one_layer.gpkg", "with_z.gpkg"):
    expected[name] = burnt.tolist()
for name in ("points.shp", "layers.gpkg:points"):
    expected[name] = dots.tolist()

# PNG: a palette and grey in each depth, straight and interlaced.
colors = [(0, 0, 0), (255, 0, 0), (0, 128, 0), (0, 0, 255)]
palette = Image.fromarray(burnt, mode="P")
palette.putpalette([channel for color in colors for channel in color])
palette.save(OUT / "palette.png")
expected["palette.png"] = burnt.tolist()
for bits in (1, 2, 4, 8, 16):
    for interlace in (False, True):
        values = np.minimum(burnt, 1) if bits == 1 else burnt
        rows = (values.astype(np.uint16) * (85 if bits == 16 else 1)).tolist()
        name = f"grey_{bits}{'_interlaced' if interlace else ''}.png"
        with open(OUT / name, "wb") as file:
            png.Writer(W, H, greyscale=True, bitdepth=bits, interlace=interlace).write(file, rows)
        expected[name] = np.array(list(png.Reader(str(OUT / name)).read()[2])).tolist()
Image.fromarray(np.zeros((H, W, 3), np.uint8)).save(OUT / "colours.png")

# An EMIT scene (made up) of three stripes in the sensor's geometry, with a lookup table that turns and stretches it.
rows, columns, bands, map_rows, map_columns = 24, 30, 16, 40, 44
random = np.random.default_rng(5)
spectra = random.uniform(0.1, 0.6, (3, bands))
stripes = np.arange(columns) * 3 // columns
cube = (spectra[stripes][None] + random.normal(0, 0.01, (rows, columns, bands))).astype("f4")
r, c = np.mgrid[0:map_rows, 0:map_columns]
table_y = np.round(r * rows / map_rows + 0.1 * (c - 22)).astype(int) + 1
table_x = np.round(c * columns / map_columns + 0.15 * (r - 20)).astype(int) + 1
inside = (table_y >= 1) & (table_y <= rows) & (table_x >= 1) & (table_x <= columns)
table_y[~inside], table_x[~inside] = 0, 0
filled = random.random(inside.shape) < 0.1  # cells that the nearest pixel fills have negative numbers
table_y[filled] *= -1
table_x[filled] *= -1
x0, y0, step = 10.5, 50.25, 0.0005
with netCDF4.Dataset(OUT / "emit.nc", "w") as file:
    for name, size in (("downtrack", rows), ("crosstrack", columns), ("bands", bands), ("ortho_y", map_rows), ("ortho_x", map_columns)):
        file.createDimension(name, size)
    file.geotransform = np.array([x0, step, 0.0, y0, 0.0, -step])
    file.spatial_ref = CRS.from_epsg(4326).to_wkt()
    file.createVariable("reflectance", "f4", ("downtrack", "crosstrack", "bands"), zlib=True, fill_value=-9999.0)[:] = cube
    group = file.createGroup("sensor_band_parameters")
    group.createVariable("wavelengths", "f4", ("bands",))[:] = np.linspace(400, 2400, bands)
    group.createVariable("fwhm", "f4", ("bands",))[:] = 8.5
    group.createVariable("good_wavelengths", "u1", ("bands",))[:] = 1
    place = file.createGroup("location")
    for name, values in (("glt_x", table_x), ("glt_y", table_y)):
        place.createVariable(name, "i4", ("ortho_y", "ortho_x"), fill_value=0, zlib=True)[:] = values
# Its mask: cloud over the first rows, cirrus at one pixel, a spacecraft at another, dilated cloud at a third; water and the sum hide nothing.
layers = np.zeros((rows, columns, 8), "f4")
layers[:2, :, 0] = 1
layers[5, 6, 1] = layers[6, 7, 3] = layers[7, 8, 4] = 1
layers[10:12, :, 2] = 1
layers[..., 5], layers[..., 6] = 0.2, 1.5
layers[..., 7] = (layers[..., :5].sum(axis=2) > 0).astype("f4")
with netCDF4.Dataset(OUT / "emit_mask.nc", "w") as file:
    for name, size in (("downtrack", rows), ("crosstrack", columns), ("bands", 8), ("packed_wavelength_bands", 2)):
        file.createDimension(name, size)
    file.createVariable("mask", "f4", ("downtrack", "crosstrack", "bands"), zlib=True, fill_value=-9999.0)[:] = layers
    packed = file.createVariable("band_mask", "u1", ("downtrack", "crosstrack", "packed_wavelength_bands"), zlib=True)
    packed[:] = 0
    names = file.createGroup("sensor_band_parameters").createVariable("mask_bands", str, ("bands",))
    for index, name in enumerate(
        ("Cloud flag", "Cirrus flag", "Water flag", "Spacecraft Flag", "Dilated Cloud Flag", "AOD550", "H2O (g cm-2)", "Aggregate Flag")
    ):
        names[index] = name
# A square of each class on the map, and the pixels of the sensor that lie there.
on_map = np.zeros((map_rows, map_columns), np.uint8)
features = []
for label, left in ((1, 8), (2, 20), (3, 32)):
    square_on_map = box(x0 + left * step, y0 - 26 * step, x0 + (left + 6) * step, y0 - 12 * step)
    on_map[12:26, left : left + 6] = label
    features.append({"type": "Feature", "properties": {"label": label}, "geometry": mapping(square_on_map)})
(OUT / "emit.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
np.save(OUT / "emit_map_labels.npy", on_map)
pixels = np.zeros((rows, columns), np.uint8)
for row, column in np.argwhere(inside & (on_map > 0))[::-1]:
    pixels[abs(table_y[row, column]) - 1, abs(table_x[row, column]) - 1] = on_map[row, column]
emit = {"pixels": pixels.tolist(), "rows": (np.abs(table_y) - 1).tolist(), "columns": (np.abs(table_x) - 1).tolist()}
(OUT / "emit.json").write_text(json.dumps(emit) + "\n")

for leftover in OUT.glob("*.gpkg-*"):
    leftover.unlink()
(OUT / "labels.json").write_text(json.dumps(expected) + "\n")
