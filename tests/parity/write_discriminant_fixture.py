"""Writes fixtures/discriminant.json: the linear layer of scikit-learn's discriminant analysis with shrinkage 0.3.

Features are divided by their deviation within the classes first. Run it with `make parity-fixtures`.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

rng = np.random.default_rng(11)
counts, width = [14, 9, 20], 40
labels = np.repeat(np.arange(3), counts)
mixing = rng.normal(size=(width, width)) / 6
features = (rng.normal(size=(len(labels), width)) @ mixing + 0.4 * rng.normal(size=(3, width))[labels]).astype(np.float32)
features[:, 3] = 2.5
rest = features - np.stack([features[labels == c].mean(0) for c in range(3)])[labels]
deviation = np.sqrt((rest.astype(float) ** 2).mean(0) + 1e-6)
model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3).fit(features / deviation, labels)
posterior = model.predict_log_proba(features / deviation)
out = Path(__file__).parent / "fixtures" / "discriminant.json"
values = lambda a: {"shape": list(a.shape), "values": [round(float(v), 7) for v in a.ravel()]}
out.write_text(
    json.dumps({"features": values(features), "labels": labels.tolist(), "log_posterior": values(posterior)})
)
