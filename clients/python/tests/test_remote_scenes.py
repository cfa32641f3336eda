"""Scenes that the service reads itself, from a real HTTP server."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from conftest import Toy, crs, transform

import hyperswap
from hyperswap import errors

rasterio = pytest.importorskip("rasterio")


@pytest.fixture
def origin(toy: Toy, tmp_path: Path) -> Iterator[str]:
    height, width, bands = toy.pixels.shape
    profile = {"height": height, "width": width, "crs": f"EPSG:{crs}", "transform": rasterio.Affine(*transform)}
    with rasterio.open(tmp_path / "far.tif", "w", driver="GTiff", count=bands, dtype="uint16", **profile) as file:
        file.write(np.moveaxis(toy.pixels, 2, 0))
    content = (tmp_path / "far.tif").read_bytes()

    class Ranges(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            wanted = re.match(r"bytes=(\d+)-(\d+)$", self.headers["range"])
            assert wanted is not None
            first, last = int(wanted[1]), min(int(wanted[2]), len(content) - 1)
            self.send_response(206)
            self.send_header("content-range", f"bytes {first}-{last}/{len(content)}")
            self.send_header("content-length", str(last + 1 - first))
            self.end_headers()
            self.wfile.write(content[first : last + 1])

        def log_message(self, format: str, *args: object) -> None:
            """Keep the output of the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Ranges)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/open"
    server.shutdown()


def test_the_service_reads_a_geotiff_at_a_url(
    origin: str, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HYPERSWAP_SCENE_URLS", origin)
    with hyperswap.connect(home=tmp_path / "home") as hs:
        scene = hs.prepare(f"{origin}/far.tif", labels=toy.labels, wavelengths=toy.wavelengths, progress=False)
        assert scene.name == "far" and scene.epsg == crs
        assert np.array_equal(scene.pixels(), toy.pixels)
        assert np.array_equal(scene.labels(), toy.labels)
        assert np.allclose(scene.wavelengths, toy.wavelengths)
        for place in ("https://example.org/far.tif", "store:../far.tif"):
            with pytest.raises(errors.SceneSourceRefusedError, match="HYPERSWAP_SCENE_URLS"):
                hs.prepare(place, progress=False)
        with pytest.raises(errors.SceneSourceUnreadableError, match="no object uploads/none"):
            hs.prepare("store:none.tif", progress=False)
        with pytest.raises(errors.FieldInvalidError, match="variable"):
            hs.prepare(f"{origin}/far.tif", variable="x", progress=False)
