"""Writes tests/parity/fixtures/pca-*.json: what scikit-learn's PCA(svd_solver="full") makes of float32 spectra, well and badly conditioned.

Run it with `make parity-fixtures`.
"""

import base64
import json
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA

OUT = Path(__file__).parent / "fixtures"
rng = np.random.default_rng(7)
COMPONENTS = 12


def encoded(array, dtype):
    array = np.ascontiguousarray(array, dtype=dtype)
    return {"shape": list(array.shape), "base64": base64.b64encode(array.tobytes()).decode()}


def orthonormal(rows, columns):
    return np.linalg.qr(rng.normal(size=(rows, columns)))[0]


def spectra(pixels, bands, deviations, mean):
    """Pixels whose principal components have the given standard deviations, around a mean spectrum."""
    count = len(deviations)
    scores = orthonormal(pixels, count) * np.sqrt(pixels - 1) * deviations
    return mean + scores @ orthonormal(bands, count).T


def write(name, scene):
    """scene: [pixels, bands]. It is rounded to float32 first: that is what hyperswap stores."""
    scene = scene.astype(np.float32)
    pca = PCA(COMPONENTS, svd_solver="full").fit(scene.astype(np.float64))
    content = {
        "scene": encoded(scene, "<f4"),
        "mean": encoded(pca.mean_, "<f8"),
        "components": encoded(pca.components_, "<f8"),
        "explainedVariance": encoded(pca.explained_variance_, "<f8"),
        "explainedVarianceRatio": encoded(pca.explained_variance_ratio_, "<f8"),
    }
    (OUT / f"pca-{name}.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")
    ratio = pca.explained_variance_[0] / pca.explained_variance_[-1]
    print(f"{name}: {scene.shape}, variances of the first and the last component differ by {ratio:.1e}")


decades = lambda last, count: np.logspace(0, last, count)
mean40 = 3000 + 2000 * np.sin(np.linspace(0, 4, 40))

write("well", spectra(400, 40, 800 * decades(-1.5, 40), mean40))
# Variances over 9 decades: a covariance in float64 still tells them apart, with few digits left.
write("nine-decades", spectra(400, 40, 800 * decades(-4.5, 12), mean40 * 0))
# Over 14: in the covariance of the bands the last ones drown.
write("fourteen-decades", spectra(400, 40, 1e3 * decades(-7, 14), mean40 * 0))
# A mean far above the deviations.
write("offset", spectra(400, 40, 30 * decades(-2, 40), mean40 + 20000))
# Three materials without noise: what is left beside them are the rounding errors of float32.
materials = rng.uniform(0.1, 0.6, size=(3, 40))
abundances = rng.dirichlet([1, 1, 1], size=400)
write("noise-free", abundances @ materials)
# Fewer pixels than bands, well and badly conditioned.
mean300 = 3000 + 2000 * np.sin(np.linspace(0, 4, 300))
write("few-pixels", spectra(60, 300, 800 * decades(-1.5, 59), mean300))
write("few-pixels-badly", spectra(60, 300, 800 * decades(-6, 20), mean300 * 0))
