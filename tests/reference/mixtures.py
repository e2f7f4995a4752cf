"""Reference values of k-means and of EM for mixtures of normals, from scikit-learn: writes mixtures.json beside this file.

    pip install scikit-learn && python mixtures.py

Read by tests/laws/reference_mixtures.rs. JSON layout:
  versions  {python, numpy, scikit_learn}
  sets      [{name, rows, width, x: [rows * width], k, start: [k], mixtures, kmeans}]
`start` are the rows that are the first means and centres. The first covariances are diagonal, the rows' variances over all
rows divided by k, and the first weights 1/k.
  mixtures  [{covariance, step, optimum}]
    step    after one iteration: {log_likelihood (of the start), weights, means, covariances}
    optimum after iterations that change the mean log-likelihood by less than 1e-13: {log_likelihood, bic, aic,
            responsibilities: [40 * k] (of the first 40 rows)}
  kmeans    [{tol, inertia, iterations, centres: [k * width]}]
"""

import json
import platform
import warnings
from pathlib import Path

import numpy as np
import sklearn
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris, load_wine
from sklearn.mixture import GaussianMixture

warnings.filterwarnings("ignore")  # one iteration is not convergence
KINDS = {"diagonal": "diag", "full": "full", "tied": "tied", "spherical": "spherical"}


def flat(array):
    return np.asarray(array, dtype=np.float64).ravel().tolist()


def mixture(x, kind, means):
    k, d = means.shape
    variances = x.var(axis=0) / k
    precisions = {
        "diag": np.tile(1 / variances, (k, 1)),
        "full": np.tile(np.diag(1 / variances), (k, 1, 1)),
        "tied": np.diag(1 / variances),
        "spherical": np.full(k, 1 / variances.mean()),
    }[KINDS[kind]]

    def fit(**limits):
        model = GaussianMixture(
            k, covariance_type=KINDS[kind], weights_init=np.full(k, 1 / k), means_init=means, precisions_init=precisions, **limits
        )
        return model.fit(x)

    one, optimum = fit(max_iter=1, tol=0), fit(max_iter=100_000, tol=1e-13)
    assert optimum.converged_, kind
    return {
        "covariance": kind,
        "step": {
            "log_likelihood": float(one.lower_bound_),
            "weights": flat(one.weights_),
            "means": flat(one.means_),
            "covariances": flat(one.covariances_),
        },
        "optimum": {
            "log_likelihood": float(optimum.score(x)),
            "bic": float(optimum.bic(x)),
            "aic": float(optimum.aic(x)),
            "responsibilities": flat(optimum.predict_proba(x)[:40]),
        },
    }


def kmeans(x, tol, centres):
    model = KMeans(len(centres), init=centres, n_init=1, tol=tol, max_iter=300, algorithm="lloyd").fit(x)
    return {
        "tol": tol,
        "inertia": float(model.inertia_),
        "iterations": int(model.n_iter_),
        "centres": flat(model.cluster_centers_),
    }


def case(name, x, start):
    means = x[start]
    return {
        "name": name,
        "rows": len(x),
        "width": x.shape[1],
        "x": flat(x),
        "k": len(start),
        "start": start,
        "mixtures": [mixture(x, kind, means) for kind in KINDS],
        "kmeans": [kmeans(x, tol, means) for tol in (0.0, 1e-2)],
    }


def on_grid(x):
    """Multiples of 1/256, which f32 holds exactly."""
    return np.round(np.asarray(x) * 256) / 256


def cases():
    yield case("iris", on_grid(load_iris().data), [0, 60, 110])
    wine = load_wine().data
    yield case("wine, standardised", on_grid((wine - wine.mean(axis=0)) / wine.std(axis=0)), [5, 80, 150])
    rng = np.random.default_rng(4)
    factors = rng.normal(size=(5, 3, 3)) * 0.6
    centres = rng.normal(size=(5, 3)) * 3
    labels = rng.integers(0, 5, 400)
    synthetic = centres[labels] + np.einsum("nij,nj->ni", factors[labels], rng.normal(size=(400, 3)))
    yield case("five correlated components, overlapping", on_grid(synthetic), [int(np.argmax(labels == j)) for j in range(5)])


lines = ['"versions": ' + json.dumps({"python": platform.python_version(), "numpy": np.__version__, "scikit_learn": sklearn.__version__})]
sets = ",\n".join(json.dumps(one, separators=(",", ":"), allow_nan=False) for one in cases())
lines.append(f'"sets": [\n{sets}\n]')
Path(__file__).with_suffix(".json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
