"""Writes fixtures/labels: label files by the reference library of each format, and labels.json with the pixels that GDAL or the library gives.

    python3 tests/parity/write_label_fixtures.py        needs requirements-labels.txt
"""
import json, shutil, sqlite3
from pathlib import Path

import geopandas as gpd, numpy as np, png
from PIL import Image
from rasterio.features import rasterize
from rasterio.transform import from_origin
from shapely.geometry import MultiPolygon, Point, Polygon, box

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

for leftover in OUT.glob("*.gpkg-*"):
    leftover.unlink()
(OUT / "labels.json").write_text(json.dumps(expected) + "\n")
