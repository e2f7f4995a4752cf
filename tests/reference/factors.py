"""Reference values of factor analysis and PCA, from scikit-learn: writes factors.json beside this file.

    pip install scikit-learn && python factors.py

Read by tests/laws/factor_analysis.rs and tests/laws/pca.rs. JSON layout:
  versions  {python, numpy, scikit-learn}
  sets      [{name, width, rows: [n * width], factors: [{latents, log_likelihood, noise: [width]}],
              components: [{latents, components: [latents * width], explained_variance, noise_variance, log_likelihood}]}]
Log-likelihoods are means over the rows in nats. scikit-learn divides variances by n - 1 in PCA and by n in factor
analysis. Coordinates are multiples of 1/1024, exact in float32. No noise variance is near a bound (asserted), so that
factor analysis has a maximum inside the domain; EM runs until a step gains less than 1e-10 nats in all.
"""

import json
import platform
from pathlib import Path

import numpy as np
import sklearn
from sklearn.datasets import load_iris, load_wine
from sklearn.decomposition import PCA, FactorAnalysis


def exact(rows):
    return np.round(np.asarray(rows, dtype=float) * 1024) / 1024


def synthetic(seed, rows, width, latents):
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=(rows, latents)) @ rng.normal(size=(latents, width))
    return signal + rng.normal(size=(rows, width)) * np.sqrt(rng.uniform(0.5, 2, size=width)) + rng.normal(size=width) * 3


def factors(rows, latents):
    model = FactorAnalysis(latents, tol=1e-10, max_iter=20_000, svd_method="lapack").fit(rows)
    assert (model.noise_variance_ / rows.var(axis=0)).min() > 1e-3, "a noise variance is near its bound"
    return {
        "latents": latents,
        "log_likelihood": float(model.score(rows)),
        "noise": model.noise_variance_.tolist(),
    }


def components(rows, latents):
    model = PCA(latents, svd_solver="full").fit(rows)
    return {
        "latents": latents,
        "components": model.components_.ravel().tolist(),
        "explained_variance": model.explained_variance_.tolist(),
        "noise_variance": float(model.noise_variance_),
        "log_likelihood": float(model.score(rows)),
    }


def data_set(name, rows, factor_latents, pca_latents):
    rows = exact(rows)
    return {
        "name": name,
        "width": rows.shape[1],
        "rows": rows.ravel().tolist(),
        "factors": [factors(rows, latents) for latents in factor_latents],
        "components": [components(rows, latents) for latents in pca_latents],
    }


wine = load_wine().data
document = {
    "versions": {"python": platform.python_version(), "numpy": np.__version__, "scikit-learn": sklearn.__version__},
    "sets": [
        data_set("synthetic, 3 factors of 12 columns", synthetic(4, 400, 12, 3), [1, 2, 3], [1, 3, 11]),
        data_set("synthetic, 2 factors of 20 columns", synthetic(5, 150, 20, 2), [1, 2], [2]),
        data_set("wine, standardised", (wine - wine.mean(axis=0)) / wine.std(axis=0), [1, 2, 3], [2, 5, 12]),
        data_set("iris", load_iris().data, [], [1, 2, 3]),
    ],
}
lines = ['"versions": ' + json.dumps(document.pop("versions"))]
rows = ",\n".join(json.dumps(case, separators=(",", ":"), allow_nan=False) for case in document["sets"])
lines.append(f'"sets": [\n{rows}\n]')
Path(__file__).with_suffix(".json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
