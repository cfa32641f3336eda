"""Writes fixtures/resampling.json: spectra resampled by BandResampler of Spectral Python and by numpy.interp.

    python3 tests/parity/write_resampling_fixtures.py        needs requirements-rasters.txt
"""
import json
from pathlib import Path

import numpy as np
from spectral import BandResampler

OUT = Path(__file__).resolve().parent / "fixtures" / "resampling.json"
random = np.random.default_rng(3)
# A sensor of 7.5 nm and one of 5 to 12 nm whose bands are not evenly spaced.
source = np.round(np.arange(400, 1000, 7.5) + random.uniform(-0.5, 0.5, 80), 2)
source_widths = np.round(random.uniform(7, 9, source.size), 2)
target = np.round(np.sort(random.uniform(405, 985, 50)), 2)
target_widths = np.round(random.uniform(5, 12, target.size), 2)
spectra = np.round(random.uniform(0, 5000, (4, source.size)), 1)
resampler = BandResampler(source, target, source_widths, target_widths)
gaussian = np.array([resampler(spectrum) for spectrum in spectra])
assert np.isfinite(gaussian).all()
linear = np.array([np.interp(target, source, spectrum) for spectrum in spectra])
lists = dict(source=source, sourceWidths=source_widths, target=target, targetWidths=target_widths, spectra=spectra, gaussian=gaussian, linear=linear)
OUT.write_text(json.dumps({name: values.tolist() for name, values in lists.items()}) + "\n")
