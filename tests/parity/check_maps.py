"""Reads the files of a map with rasterio and pyogrio (GDAL), rio-cogeo, pystac, pyproj and shapely, and prints what it finds as JSON.

Arguments: the folder of the STAC schemas, and folders of maps.
"""

import json
import re
import sys
import warnings
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pyogrio.raw
import pystac
import rasterio
import rasterio.shutil
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from rasterio.features import rasterize
from rasterio.warp import transform_geom
from rio_cogeo import cog_validate
from shapely import from_wkb
from shapely.geometry import shape

warnings.filterwarnings("ignore", category=rasterio.errors.NotGeoreferencedWarning)


def read_raster(file: Path) -> dict:
    with rasterio.open(file) as raster:
        # A virtual raster names the categories, which rasterio itself does not tell.
        virtual = ElementTree.fromstring(raster_as_vrt(file))
        found = {
            "driver": raster.driver,
            "epsg": raster.crs.to_epsg() if raster.crs else None,
            "crs": raster.crs.to_dict() if raster.crs else None,
            "transform": list(raster.transform)[:6],
            "nodata": raster.nodata,
            "types": list(raster.dtypes),
            "descriptions": list(raster.descriptions),
            "scales": list(raster.scales),
            "tags": raster.tags(),
            "categories": [category.text for category in virtual.iterfind("VRTRasterBand/CategoryNames/Category")],
            "colors": colors(raster),
            "attributes": attributes(virtual),
            "values": raster.read().tolist(),
        }
        overviews = len(raster.overviews(1))
    found["overviews"] = []
    for level in range(overviews):
        with rasterio.open(file, overview_level=level) as overview:
            found["overviews"].append(overview.read().tolist())
    if file.suffix == ".tif":
        valid, errors, remarks = cog_validate(str(file), strict=True, quiet=True)
        found["cog"] = {"valid": valid, "errors": errors, "warnings": remarks}
    return found


def raster_as_vrt(file: Path) -> str:
    with rasterio.MemoryFile(ext=".vrt") as memory:
        rasterio.shutil.copy(file, memory.name, driver="VRT")
        return memory.read().decode()


def attributes(virtual) -> list:
    """Rows of the raster attribute table: numbers, and the name of the class."""
    rows = virtual.iterfind("VRTRasterBand/GDALRasterAttributeTable/Row")
    cells = [[cell.text for cell in row.iterfind("F")] for row in rows]
    return [[text if index == 1 else int(text) for index, text in enumerate(row)] for row in cells]


def colors(raster) -> list | None:
    try:
        found = raster.colormap(1)
        return [found[value] for value in range(max(found) + 1)]
    except ValueError:
        return None


def validate_item(file: Path, schemas: Path) -> list:
    validator = JsonSchemaSTACValidator()
    for schema in schemas.glob("*.json"):
        name, version = re.fullmatch(r"(\w+)-([\d.]+)", schema.stem).groups()
        uri = f"https://stac-extensions.github.io/{name}/v{version}/schema.json"
        validator.schema_cache[uri] = json.loads(schema.read_text())
    pystac.Item.from_file(str(file))
    # As it is written: an item that pystac has read names newer versions of extensions.
    item = json.loads(file.read_text())
    return validator.validate(item, pystac.STACObjectType.ITEM, item["stac_version"], item["stac_extensions"])


def burn_polygons(file: Path, labels: Path) -> dict:
    features = json.loads(file.read_text())["features"]
    shapes = [shape(feature["geometry"]) for feature in features]
    with rasterio.open(labels) as raster:
        projected = [
            (transform_geom("OGC:CRS84", raster.crs, feature["geometry"]), feature["properties"]["class"])
            for feature in features
        ]
        burnt = rasterize(projected, out_shape=raster.shape, transform=raster.transform) if features else None
    return {
        "values": None if burnt is None else burnt.tolist(),
        "valid": all(found.is_valid for found in shapes),
        "counterclockwise": all(found.exterior.is_ccw for found in shapes),
        "holes": sum(len(found.interiors) for found in shapes),
    }


def read_layer(file: Path, labels: Path) -> dict:
    """Polygons in the reference system of the map, burnt into its raster, and the columns of the first."""
    meta, _, geometry, columns = pyogrio.raw.read(file)
    shapes = [from_wkb(blob) for blob in geometry]
    table = dict(zip(meta["fields"], columns))
    with rasterio.open(labels) as raster:
        burnt = rasterize(
            zip(shapes, [int(value) for value in table["class"]]), out_shape=raster.shape, transform=raster.transform
        )
        crs = rasterio.crs.CRS.from_user_input(meta["crs"]) if meta["crs"] else None
        same = crs == raster.crs
    return {
        "values": burnt.tolist(),
        "valid": all(found.is_valid for found in shapes),
        "sameCrs": same,
        "epsg": crs.to_epsg() if crs else None,
        "area": sum(found.area for found in shapes),
        "columns": {name: str(values[0]) for name, values in table.items()},
        "names": sorted(set(table["name"])),
    }


def check(folder: Path, schemas: Path) -> dict:
    rasters = sorted([*folder.glob("*.tif"), *folder.glob("*.dat")])
    found = {"rasters": {file.name: read_raster(file) for file in rasters}}
    for item in folder.glob("item.json"):
        found["schemas"] = validate_item(item, schemas)
    layers = [folder / name for name in ("polygons.gpkg", "polygons.shp") if (folder / name).exists()]
    found["layers"] = {file.name: read_layer(file, folder / "labels.tif") for file in layers}
    for polygons in folder.glob("polygons.geojson"):
        found["polygons"] = burn_polygons(polygons, folder / "labels.tif")
    return found


schemas, *folders = map(Path, sys.argv[1:])
print(json.dumps([check(folder, schemas) for folder in folders]))
