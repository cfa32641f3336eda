"""Writes fixtures/rasters: small made-up rasters by the reference library of each format, and rasters.json with what that library reads back.

    python3 tests/parity/write_raster_fixtures.py        needs requirements-rasters.txt
"""
import hashlib, json, shutil, warnings
from pathlib import Path

import h5py, netCDF4, numpy as np, rasterio, xarray, zarr
from rasterio.transform import Affine, from_origin
from scipy.io import loadmat, savemat
from scipy.sparse import csc_matrix
from spectral.io import envi

warnings.filterwarnings("ignore")
OUT = Path(__file__).resolve().parent.parent / "fixtures" / "rasters"
H, W, B = 11, 13, 6
UTM, PLACE = "EPSG:32633", from_origin(500000, 5200000, 30, 20)
WAVELENGTHS = [450.5, 550.25, 650.0, 850.0, 1650.5, 2200.0]
WIDTHS = [9.5, 10.0, 10.5, 11.0, 12.0, 12.5]
rows = []


def cube(dtype="float32", seed=1):
    """Smooth along rows, as predictors like it, with some noise; the full range of small types."""
    r = np.random.default_rng(seed)
    base = np.linspace(0, 1, H)[:, None, None] + np.linspace(0, 1, W)[None, :, None] + np.linspace(0, 1, B) + r.random((H, W, B)) * 0.2
    base = (base - base.min()) / (base.max() - base.min())
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return (base * 3000 - 500).astype(dtype)
    limits = np.iinfo(kind)
    low, high = max(limits.min, -2**40), min(limits.max, 2**40)
    return (low + base * (high - low)).astype(dtype)


def note(file, library, values, **more):
    """Adds a row: the sha-256 of the values as float64, [height, width, bands], and what else there is to compare."""
    values = np.asarray(values)
    values = values[:, :, None] if values.ndim == 2 else values
    digest = hashlib.sha256(np.ascontiguousarray(values, dtype="<f8").tobytes()).hexdigest()
    sample = [float(v) for v in values[1, 2, :3]]
    rows.append(dict(file=file, library=library, shape=list(values.shape), digest=digest, sample=sample, **more))


def tiff(name, values, tags=None, expect=None, bands=None, **options):
    options = dict(dict(transform=PLACE, crs=UTM), **options)
    path = OUT / name
    with rasterio.open(path, "w", driver="GTiff", count=values.shape[2], height=values.shape[0], width=values.shape[1], dtype=values.dtype, **options) as out:
        out.write(np.moveaxis(values, 2, 0))
        if tags:
            out.update_tags(**tags)
        if bands:
            bands(out)
    with rasterio.open(path) as read:
        back = np.moveaxis(read.read(), 0, 2)
        more = dict(transform=list(read.transform)[:6], epsg=read.crs.to_epsg() if read.crs else None)
        if read.nodata is not None:
            more["nodata"] = repr(float(read.nodata))
        note(name, "rasterio", back, **more, **(expect or {}))


def write_tiffs():
    u2 = cube("uint16")
    for endian in ("LITTLE", "BIG"):
        e = endian[0].lower() + "e"
        for compress in ("none", "lzw", "deflate", "packbits", "zstd"):
            tiff(f"tiff_{e}_{compress}_u2.tif", u2, ENDIANNESS=endian, compress=compress)
        for dtype in ("uint8", "int16", "uint16", "int32", "uint32", "int64"):
            for interleave in ("pixel", "band"):
                tiff(f"tiff_{e}_predictor2_{dtype}_{interleave}.tif", cube(dtype), ENDIANNESS=endian, compress="deflate", predictor=2, interleave=interleave)
        for dtype in ("float32", "float64"):
            tiff(f"tiff_{e}_predictor3_{dtype}.tif", cube(dtype), ENDIANNESS=endian, compress="lzw", predictor=3, interleave="pixel")
        tiff(f"tiff_{e}_big_tiled_planar.tif", cube("int16"), ENDIANNESS=endian, BIGTIFF="YES", tiled=True, blockxsize=16, blockysize=16, interleave="band", compress="deflate")
        tiff(f"tiff_{e}_12bit.tif", (cube("uint16") >> 4).astype("uint16"), ENDIANNESS=endian, NBITS=12, interleave="pixel")
        tiff(f"tiff_{e}_12bit_planar.tif", (cube("uint16") >> 4).astype("uint16"), ENDIANNESS=endian, NBITS=12, interleave="band", compress="lzw")
    tiff("tiff_4bit.tif", (cube("uint8") >> 4), NBITS=4, interleave="pixel")
    tiff("tiff_1bit.tif", (cube("uint8") >> 7)[:, :, :1], NBITS=1)
    tiff("tiff_float16.tif", cube("float32"), NBITS=16)
    tiff("tiff_strips_of_3.tif", cube("uint16"), blockysize=3, interleave="pixel")
    tiff("tiff_rotated.tif", cube("uint8"), transform=Affine(20, 5, 500000, 4, -25, 5200000))
    tiff("tiff_south_up.tif", cube("uint8"), transform=Affine(30, 0, 500000, 0, 20, 5200000))
    tiff("tiff_point.tif", cube("uint8"), tags=dict(AREA_OR_POINT="Point"))
    tiff("tiff_geographic.tif", cube("uint8"), crs="EPSG:4326", transform=from_origin(14.5, 47.25, 0.001, 0.002))
    tiff("tiff_no_crs.tif", cube("uint8"), crs=None, transform=from_origin(10, 20, 2, 3))
    tiff("tiff_nodata.tif", cube("float32"), nodata=-9999.5)

    def facts(out):
        for band in range(B):
            out.update_tags(band + 1, ns="IMAGERY", CENTRAL_WAVELENGTH_UM=f"{WAVELENGTHS[band] / 1000:.6f}", FWHM_UM=f"{WIDTHS[band] / 1000:.6f}")
        out.scales, out.offsets = [0.0001] * B, [0.5] * B

    tiff("tiff_wavelengths.tif", cube("int16"), bands=facts, expect=dict(wavelengths=WAVELENGTHS, fullWidths=WIDTHS, scale=0.0001, offset=0.5))

    def described(out):
        for band in range(B):
            out.set_band_description(band + 1, f"Band {band + 1} ({WAVELENGTHS[band]} nm)")

    tiff("tiff_descriptions.tif", cube("int16"), bands=described, expect=dict(wavelengths=WAVELENGTHS))
    # pages of one size are the bands of one raster
    for page in range(B):
        with rasterio.open(OUT / "tiff_pages.tif", "w", driver="GTiff", count=1, height=H, width=W, dtype="uint16", APPEND_SUBDATASET="YES" if page else "NO") as out:
            out.write(u2[:, :, page], 1)
    note("tiff_pages.tif", "rasterio", u2)
    # overviews are no bands
    with rasterio.open(OUT / "tiff_cog.tif", "w", driver="COG", count=B, height=H, width=W, dtype="uint16", crs=UTM, transform=PLACE, blocksize=128, overview_count=1, compress="deflate") as out:
        out.write(np.moveaxis(u2, 2, 0))
    note("tiff_cog.tif", "rasterio", u2, transform=list(PLACE)[:6], epsg=32633)
    with rasterio.open(OUT / "tiff_palette.tif", "w", driver="GTiff", count=1, height=H, width=W, dtype="uint8", photometric="palette") as out:
        out.write((cube("uint8")[:, :, 0] >> 6), 1)
        out.write_colormap(1, {0: (0, 0, 0), 1: (255, 0, 0), 2: (0, 128, 0), 3: (1, 2, 3)})
    note("tiff_palette.tif", "rasterio", cube("uint8")[:, :, 0] >> 6, options=dict(content="labels"))


def write_envi():
    types = ("uint8", "int16", "int32", "float32", "float64", "uint16", "uint32", "int64", "uint64")
    for index, dtype in enumerate(types):
        for order in (0, 1):
            interleave = ("bsq", "bil", "bip")[(index + order) % 3]
            name = f"envi_{dtype}_{interleave}_{order}"
            metadata = {"wavelength": [w / 1000 for w in WAVELENGTHS], "wavelength units": "Micrometers", "fwhm": [w / 1000 for w in WIDTHS], "bbl": [1, 1, 0, 1, 1, 0],
                        "data ignore value": -1, "reflectance scale factor": 10000}
            envi.save_image(str(OUT / f"{name}.hdr"), cube(dtype), dtype=dtype, interleave=interleave, byteorder=order, ext=".img", force=True, metadata=metadata)
            read = envi.open(str(OUT / f"{name}.hdr"))
            read.scale_factor = 1
            common = dict(wavelengths=WAVELENGTHS, fullWidths=WIDTHS, goodBands=[True, True, False, True, True, False], nodata="-1.0", scale=0.0001)
            note(f"{name}.img", "spectral", cube(dtype), **common)
            if index == 0:
                note(f"{name}.hdr", "spectral", np.asarray(read.load(dtype=np.float64, scale=False)), **common)
    for name, options in (("envi_gdal_utm", dict(crs=UTM, transform=PLACE)), ("envi_gdal_rotated", dict(crs="EPSG:32733", transform=Affine(20 * np.cos(0.3), 20 * np.sin(0.3), 500000, 20 * np.sin(0.3), -20 * np.cos(0.3), 5200000))),
                          ("envi_gdal_lambert", dict(crs="EPSG:3035", transform=from_origin(4300000, 3200000, 25, 25))), ("envi_gdal_geographic", dict(crs="EPSG:4326", transform=from_origin(14.5, 47.25, 0.001, 0.002)))):
        with rasterio.open(OUT / f"{name}.dat", "w", driver="ENVI", count=B, height=H, width=W, dtype="int16", nodata=-32768, INTERLEAVE="BIL", **options) as out:
            out.write(np.moveaxis(cube("int16"), 2, 0))
        (OUT / f"{name}.dat.aux.xml").unlink(missing_ok=True)
        with rasterio.open(OUT / f"{name}.dat") as read:
            note(f"{name}.dat", "rasterio", np.moveaxis(read.read(), 0, 2), transform=list(read.transform)[:6], epsg=read.crs.to_epsg() if "lambert" not in name else None, nodata="-32768.0")
    with open(OUT / "envi_offset", "wb") as out:
        out.write(b"\0" * 37 + cube("int16").tobytes())
    (OUT / "envi_offset.HDR").write_text(f"ENVI\r\n; a comment\r\nSamples = {W}\r\nLines= {H}\r\nBANDS ={B}\r\nheader offset = 37\r\ndata type = 2\r\ninterleave = BIP\r\nbyte order = 0\r\nwavelength = {{\r\n"
                                         + ",\r\n".join(map(str, WAVELENGTHS)) + "}\r\nwavelength units = Unknown\r\n")
    note("envi_offset", "numpy", cube("int16"), wavelengths=WAVELENGTHS)
    classes = (cube("uint8")[:, :, 0] >> 6)
    envi.save_classification(str(OUT / "envi_classes.hdr"), classes, dtype=np.uint8, ext=".img", force=True, class_names=["Unclassified", "Water", "Forest", "Town"], class_colors=[(0, 0, 0), (0, 0, 255), (0, 128, 0), (200, 10, 20)])
    note("envi_classes.img", "spectral", classes, options=dict(content="labels"), classNames=["Unclassified", "Water", "Forest", "Town"])


def write_numpy():
    for dtype in ("|u1", "|i1", "<u2", ">u2", "<i2", ">i4", "<u4", "<i8", ">u8", "<f2", ">f4", "<f8"):
        values = cube(dtype)
        name = f"npy_{'be' if dtype[0] == '>' else 'le'}_{dtype[1:]}.npy"
        np.save(OUT / name, values)
        note(name, "numpy", np.load(OUT / name))
    np.save(OUT / "npy_fortran.npy", np.asfortranarray(cube()))
    note("npy_fortran.npy", "numpy", cube())
    np.save(OUT / "npy_bands_first.npy", np.moveaxis(cube(), 2, 0))
    note("npy_bands_first.npy", "numpy", cube(), options=dict(axes="bands-first"))
    labels = cube("uint8")[:, :, 0] >> 6
    np.savez(OUT / "npz_stored.npz", image=cube("uint16"), gt=labels, names=np.array(["a", "b"], dtype=object))
    np.savez_compressed(OUT / "npz_compressed.npz", image=cube("uint16"), gt=labels)
    for name in ("npz_stored.npz", "npz_compressed.npz"):
        note(name, "numpy", cube("uint16"))
        note(name, "numpy", labels, options=dict(variable="gt", content="labels"))


def write_matlab():
    values, labels = cube("uint16"), cube("uint8")[:, :, 0] >> 6
    cell = np.empty((1, 2), object)
    cell[0, 0], cell[0, 1] = values, "text"
    content = dict(cube=values, doubles=cube("float64")[:, :, 0], gt=labels.astype("int64"), sparse=csc_matrix(labels.astype(float)), cells=cell, scene={"meta": {"Data": cube("int16")}, "names": "x"}, word="hello")
    for name, options in (("mat5_plain.mat", dict(do_compression=False)), ("mat5_compressed.mat", dict(do_compression=True))):
        savemat(OUT / name, content, **options)
        read = loadmat(OUT / name)
        note(name, "scipy", read["cube"], options=dict(variable="cube"))
        note(name, "scipy", read["gt"], options=dict(variable="gt", content="labels"))
        note(name, "scipy", read["sparse"].toarray(), options=dict(variable="sparse", content="labels"))
        note(name, "scipy", read["cells"][0, 0], options=dict(variable="cells{1}"))
        note(name, "scipy", read["scene"]["meta"][0, 0]["Data"][0, 0], options=dict(variable="scene.meta.Data"))
    savemat(OUT / "mat4.mat", dict(gt=labels.astype(float), other=labels[:1]), format="4")
    note("mat4.mat", "scipy", loadmat(OUT / "mat4.mat")["gt"], options=dict(variable="gt", content="labels"))


def write_hdf5():
    values, labels = cube("uint16"), cube("uint8")[:, :, 0] >> 6
    with h5py.File(OUT / "mat73.mat", "w", userblock_size=512) as file:
        for key, array in (("cube", values), ("gt", labels)):
            file.create_dataset(key, data=array.T, compression="gzip").attrs["MATLAB_class"] = np.bytes_(array.dtype.name)
        file.create_group("hsi").create_dataset("Data", data=cube("float64").T, compression="gzip", shuffle=True).attrs["MATLAB_class"] = np.bytes_("double")
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan  1 00:00:00 2024 HDF5 schema 1.00 .".ljust(116) + b"\0" * 8
    with open(OUT / "mat73.mat", "r+b") as file:
        file.write(header + (0x0200).to_bytes(2, "little") + b"IM")
    note("mat73.mat", "h5py", values, options=dict(variable="cube"))
    note("mat73.mat", "h5py", labels, options=dict(variable="gt", content="labels"))
    note("mat73.mat", "h5py", cube("float64"), options=dict(variable="hsi.Data"))

    with h5py.File(OUT / "hdf5.h5", "w") as file:
        group = file.create_group("scene/data")
        for dtype in ("<i2", ">u2", "<f4", ">f8", "<i8"):
            group.create_dataset(dtype.replace("<", "le_").replace(">", "be_"), data=cube(dtype), chunks=(4, 5, 3), compression="gzip", shuffle=True, fletcher32=True)
        first = file.create_dataset("bands_first", data=np.moveaxis(cube("int16"), 2, 0))
        first.attrs["wavelength"] = WAVELENGTHS
        first.attrs["_FillValue"] = np.int16(-9999)
        file.create_dataset("text", data="hello")
    for key in ("le_i2", "be_u2", "le_f4", "be_f8", "le_i8"):
        with h5py.File(OUT / "hdf5.h5") as file:
            note("hdf5.h5", "h5py", file[f"scene/data/{key}"][:], options=dict(variable=f"scene/data/{key}"))
    note("hdf5.h5", "h5py", cube("int16"), options=dict(variable="/bands_first", axes="bands-first"), nodata="-9999.0", wavelengths=WAVELENGTHS)

    with netCDF4.Dataset(OUT / "netcdf4.nc", "w") as file:
        for name, size in (("y", H), ("x", W), ("wavelength", B)):
            file.createDimension(name, size)
        variable = file.createVariable("reflectance", "i2", ("y", "x", "wavelength"), zlib=True, fill_value=-32768)
        variable.set_auto_maskandscale(False)
        variable.scale_factor, variable.add_offset = 0.0002, 0.1
        variable[:] = cube("int16")
        file.createVariable("wavelength", "f8", ("wavelength",))[:] = WAVELENGTHS
    note("netcdf4.nc", "netCDF4", cube("int16"), nodata="-32768.0", scale=0.0002, offset=0.1, wavelengths=WAVELENGTHS)


def write_products():
    """The layout of each product, with made-up values (facts: see docs/formats.md)."""
    with netCDF4.Dataset(OUT / "EMIT_L2A_RFL_made_up.nc", "w") as file:
        for name, size in (("downtrack", H), ("crosstrack", W), ("bands", B), ("ortho_y", 3), ("ortho_x", 4)):
            file.createDimension(name, size)
        file.geotransform = np.array([10.5, 0.0005, 0.0, 50.25, 0.0, -0.0005])
        file.spatial_ref = 'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433],AUTHORITY["EPSG","4326"]]'
        variable = file.createVariable("reflectance", "f4", ("downtrack", "crosstrack", "bands"), zlib=True, fill_value=-9999.0)
        variable[:] = cube()
        group = file.createGroup("sensor_band_parameters")
        group.createVariable("wavelengths", "f4", ("bands",))[:] = WAVELENGTHS
        group.createVariable("fwhm", "f4", ("bands",))[:] = WIDTHS
        group.createVariable("good_wavelengths", "u1", ("bands",))[:] = [1, 1, 0, 1, 1, 1]
        place = file.createGroup("location")
        for name in ("lat", "lon", "elev"):
            place.createVariable(name, "f8", ("downtrack", "crosstrack"))[:] = 1.0
        for name in ("glt_x", "glt_y"):
            place.createVariable(name, "i4", ("ortho_y", "ortho_x"), fill_value=0)[:] = 1
    with netCDF4.Dataset(OUT / "EMIT_L2A_RFL_made_up.nc") as file:
        file.set_auto_mask(False)
        note("EMIT_L2A_RFL_made_up.nc", "netCDF4", file["reflectance"][:], wavelengths=WAVELENGTHS, fullWidths=WIDTHS, goodBands=[True, True, False, True, True, True], nodata="-9999.0")

    vnir, swir = cube("uint16", 2)[:, :, :4], cube("uint16", 3)
    vnir[0, 0], swir[0, 0] = 0, 0
    with h5py.File(OUT / "PRS_L2D_STD_made_up.he5", "w") as file:
        fields = file.create_group("HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields")
        fields.create_dataset("VNIR_Cube", data=np.moveaxis(vnir, 2, 1), compression="gzip")
        fields.create_dataset("SWIR_Cube", data=np.moveaxis(swir, 2, 1), compression="gzip")
        cw_vnir, cw_swir = [1000.0, 700.0, 450.0, 0.0], [2400.0, 2000.0, 1600.0, 1200.0, 960.0, 0.0]
        attributes = dict(List_Cw_Vnir=cw_vnir, List_Cw_Swir=cw_swir, List_Fwhm_Vnir=[12.0, 11.0, 10.0, 0.0], List_Fwhm_Swir=[9.0, 9.5, 10.0, 10.5, 11.0, 0.0])
        for key, value in attributes.items():
            file.attrs[key] = np.array(value, "f4")
        for key, value in dict(L2ScaleVnirMin=0.0, L2ScaleVnirMax=1.25, L2ScaleSwirMin=-0.125, L2ScaleSwirMax=1.5, Product_ULcorner_easting=500015.0, Product_ULcorner_northing=5199985.0, Product_LRcorner_easting=500015.0 + 30 * (W - 1),
                               Product_LRcorner_northing=5199985.0 - 30 * (H - 1)).items():
            file.attrs[key] = np.float64(value)
        file.attrs["Epsg_Code"] = np.int64(32633)
    # from short to long wavelengths; of the overlap the SWIR bands are left out
    chosen = [(vnir, 2, 450.0, 10.0), (vnir, 1, 700.0, 11.0), (vnir, 0, 1000.0, 12.0), (swir, 3, 1200.0, 10.5), (swir, 2, 1600.0, 10.0), (swir, 1, 2000.0, 9.5), (swir, 0, 2400.0, 9.0)]
    planes = [np.float32(np.float64(source[:, :, band]) / 65535 * (1.25 if source is vnir else 1.625) + (0 if source is vnir else -0.125)) for source, band, _, _ in chosen]
    expected = np.stack(planes, 2)
    expected[0, 0] = 0
    note("PRS_L2D_STD_made_up.he5", "h5py", expected, wavelengths=[c[2] for c in chosen], fullWidths=[c[3] for c in chosen], transform=list(from_origin(500000, 5200000, 30, 30))[:6], epsg=32633)

    values = cube("int16")
    name = "ENMAP01-____L2A-DT0000000001_made_up"
    with rasterio.open(OUT / f"{name}-SPECTRAL_IMAGE.TIF", "w", driver="GTiff", count=B, height=H, width=W, dtype="int16", crs=UTM, transform=PLACE, nodata=-32768, compress="deflate") as out:
        out.write(np.moveaxis(values, 2, 0))
    bands = "".join(f'<bandID number="{i + 1}"><wavelengthCenterOfBand>{WAVELENGTHS[i]}</wavelengthCenterOfBand><FWHMOfBand>{WIDTHS[i]}</FWHMOfBand><GainOfBand>0.0001</GainOfBand><OffsetOfBand>0</OffsetOfBand></bandID>' for i in range(B))
    statistics = "".join(f'<bandID number="{i + 1}"><mean>{-1000000 if i == 4 else 12.5}</mean><stdDeviation>{0 if i == 4 else 3.5}</stdDeviation></bandID>' for i in range(B))
    (OUT / f"{name}-METADATA.xml").write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n<level_X><product><bandStatistics>{statistics}</bandStatistics></product><specific><backgroundValue>-32768</backgroundValue><bandCharacterisation>{bands}</bandCharacterisation></specific></level_X>\n')
    common = dict(wavelengths=WAVELENGTHS, fullWidths=WIDTHS, goodBands=[True, True, True, True, False, True], nodata="-32768.0", scale=0.0001, transform=list(PLACE)[:6], epsg=32633)
    note(f"{name}-METADATA.xml", "rasterio", values, **common)
    note(f"{name}-SPECTRAL_IMAGE.TIF", "rasterio", values, **common)


def write_zarr():
    values = cube("uint16")
    for version in (2, 3):
        name = f"zarr_v{version}.zarr"
        root = zarr.create_group(OUT / name, zarr_format=version)
        array = root.create_array("scene", shape=values.shape, chunks=(4, 5, 6), dtype="uint16", fill_value=7)
        array[:] = values
        array.attrs["wavelength"] = WAVELENGTHS
        root.create_array("labels", shape=(H, W), chunks=(5, 5), dtype="uint8")[:] = cube("uint8")[:, :, 0] >> 6
        note(name, "zarr", zarr.open_group(OUT / name, mode="r")["scene"][:], options=dict(variable="scene"), wavelengths=WAVELENGTHS)
        note(name, "zarr", zarr.open_group(OUT / name, mode="r")["labels"][:], options=dict(variable="labels", content="labels"))
    zarr.create_array(OUT / "zarr_array.zarr", data=cube("float32"), chunks=(11, 6, 2), zarr_format=3)
    note("zarr_array.zarr", "zarr", cube("float32"))


def check_by_xarray():
    """xarray reads the same values and attributes as netCDF4."""
    for file in ("netcdf4.nc", "EMIT_L2A_RFL_made_up.nc"):
        wanted = next(row for row in rows if row["file"] == file)
        with xarray.open_dataset(OUT / file, mask_and_scale=False, engine="netcdf4") as data:
            found = data["reflectance"]
            digest = hashlib.sha256(np.ascontiguousarray(found.values, dtype="<f8").tobytes()).hexdigest()
            assert digest == wanted["digest"], file
            assert float(found.attrs["_FillValue"]) == float(wanted["nodata"]), file
            assert found.attrs.get("scale_factor", 1) == wanted.get("scale", 1), file
            if "wavelength" in data.coords:
                assert data["wavelength"].values.tolist() == wanted["wavelengths"], file


if __name__ == "__main__":
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    for write in (write_tiffs, write_envi, write_numpy, write_matlab, write_hdf5, write_products, write_zarr, check_by_xarray):
        write()
    (OUT / "rasters.json").write_text(json.dumps(rows, indent=1) + "\n")
    print(len(rows), "rasters")
