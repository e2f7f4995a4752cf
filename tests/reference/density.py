"""Reference values of sample distances, bounds and summaries, from SciPy and NumPy: writes density.json beside this file.

    pip install scikit-learn && python density.py

Read by crates/metrics/tests/it/density.rs and summary.rs. JSON layout:
  versions     {python, numpy, scipy}
  samples      [{name, a: [n * 2], b: [m * 2], directions, sliced_wasserstein, energy_distance}]
  modes        [{name, points: [n * 2], modes: [{mean: [2], cov: [4]}], cutoff, of_mode, outside}]
  bounds       [{name, k, log_weights: [k * n], bound: [n]}]
  quantiles    [{values, p: [..], quantile: [..]}]             np.quantile
  percentiles  [{value, values, percentile}]                   scipy.stats.percentileofscore(kind="mean")
  t_quantiles  [{freedom, p: [..], t: [..]}]                   scipy.stats.t.ppf
  intervals    [{differences, mean, low, high}]                scipy.stats.ttest_1samp(..).confidence_interval()
Coordinates are multiples of 1/1024, exact in float32.
"""

import json
import platform
from pathlib import Path

import numpy as np
import scipy
from scipy import stats
from scipy.spatial.distance import cdist
from scipy.special import logsumexp


def exact(points):
    return np.round(np.asarray(points) * 1024) / 1024


def sample(name, a, b, directions):
    a, b = exact(a), exact(b)
    angles = np.pi * np.arange(directions) / directions
    along = np.stack([np.cos(angles), np.sin(angles)])
    sliced = [stats.wasserstein_distance(p, q) for p, q in zip((a @ along).T, (b @ along).T)]
    return {
        "name": name,
        "a": a.ravel().tolist(),
        "b": b.ravel().tolist(),
        "directions": directions,
        "sliced_wasserstein": float(np.mean(sliced)),
        "energy_distance": float(2 * cdist(a, b).mean() - cdist(a, a).mean() - cdist(b, b).mean()),
    }


def samples():
    rng = np.random.default_rng(64)
    normal = lambda n: rng.normal(size=(n, 2))
    yield sample("equal sizes", normal(50), normal(50) * [1, 2] + [0.5, 0], 64)
    yield sample("unequal sizes", normal(40), normal(31) + [0, 3], 64)
    yield sample("sizes with a common divisor", normal(24), normal(36) * 3, 64)
    yield sample("one point against many", [[2.0, -1.0]], normal(17), 5)
    yield sample("one direction, ties", rng.integers(-2, 3, (30, 2)), rng.integers(-2, 3, (20, 2)), 1)


def modes(name, points, means, covs, cutoff):
    points = exact(points)
    squared = np.stack([cdist(points, [m], "mahalanobis", VI=np.linalg.inv(c))[:, 0] ** 2 for m, c in zip(means, covs)])
    assert np.abs(squared.min(axis=0) - cutoff).min() > 1e-6
    nearest = squared.argmin(axis=0)
    return {
        "name": name,
        "points": points.ravel().tolist(),
        "modes": [{"mean": list(map(float, m)), "cov": np.ravel(c).tolist()} for m, c in zip(means, covs)],
        "cutoff": cutoff,
        "of_mode": [float((nearest == mode).mean()) for mode in range(len(means))],
        "outside": float((squared.min(axis=0) > cutoff).mean()),
    }


def mode_cases():
    rng = np.random.default_rng(138)
    means = [[0.0, 5.2], [-5.2, -2.6], [5.2, -2.6]]
    turn = lambda a: np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    covs = [turn(a) @ np.diag([3, 1 / 3]) @ turn(a).T for a in (0, 2 * np.pi / 3, np.pi / 3)]
    yield modes("three turned Gaussians, wide cloud", 4 * rng.normal(size=(100, 2)), means, covs, 13.8)
    yield modes("three turned Gaussians, tight cutoff", 4 * rng.normal(size=(100, 2)), means, covs, 1.5)


def bound(name, log_weights):
    log_weights = np.asarray(log_weights)
    k = len(log_weights)
    value = logsumexp(log_weights, axis=0) - np.log(k)
    return {"name": name, "k": k, "log_weights": log_weights.ravel().tolist(), "bound": value.tolist()}


def bounds():
    rng = np.random.default_rng(500)
    yield bound("one sample", rng.normal(size=(1, 4)) * 5 - 100)
    yield bound("500 samples around -90 nats", rng.normal(size=(500, 3)) * 8 - 90)
    yield bound("one dominating weight", [[-2000.0, 3.0], [-1000.0, 700.0]])


def quantiles():
    rng = np.random.default_rng(7)
    p = [0.0, 0.025, 0.1, 0.25, 1 / 3, 0.5, 0.75, 0.9, 0.975, 1.0]
    for values in ([2.5], [1.0, 4.0], [3.0, 3.0, 3.0, 9.0], rng.normal(size=10) * 1e6, rng.gumbel(size=101)):
        values = np.sort(values)
        yield {"values": values.tolist(), "p": p, "quantile": np.quantile(values, p).tolist()}


def percentiles():
    values = np.random.default_rng(3).integers(0, 12, 25).astype(float)
    for value in (-1.0, 0.0, 4.5, 5.0, 11.0, 12.0):
        percentile = stats.percentileofscore(values, value, kind="mean")
        yield {"value": value, "values": values.tolist(), "percentile": float(percentile)}


def t_quantiles():
    p = [1e-4, 0.025, 0.3, 0.5, 0.6, 0.9, 0.95, 0.975, 0.995, 0.9999]
    for freedom in (1, 2, 3, 4, 5, 9, 10, 29, 30, 99, 100, 1000, 23_999):
        yield {"freedom": freedom, "p": p, "t": stats.t.ppf(p, freedom).tolist()}


def intervals():
    rng = np.random.default_rng(11)
    for differences in ([0.23, 0.05, 0.12], [1.0, -1.0], rng.normal(size=5), 1e-3 * rng.normal(size=100) + 7):
        differences = np.asarray(differences)
        ends = stats.ttest_1samp(differences, 0.0).confidence_interval(0.95)
        yield {
            "differences": differences.tolist(),
            "mean": float(differences.mean()),
            "low": float(ends.low),
            "high": float(ends.high),
        }


document = {
    "versions": {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__},
    "samples": list(samples()),
    "modes": list(mode_cases()),
    "bounds": list(bounds()),
    "quantiles": list(quantiles()),
    "percentiles": list(percentiles()),
    "t_quantiles": list(t_quantiles()),
    "intervals": list(intervals()),
}
# One case a line: diffs stay readable.
lines = ['"versions": ' + json.dumps(document.pop("versions"))]
for key, cases in document.items():
    rows = ",\n".join(json.dumps(case, separators=(",", ":"), allow_nan=False) for case in cases)
    lines.append(f'"{key}": [\n{rows}\n]')
Path(__file__).with_suffix(".json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
