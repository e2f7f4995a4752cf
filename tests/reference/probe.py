"""Reference values of the linear probe, from scikit-learn: writes probe.json beside this file.

    pip install scikit-learn && python probe.py

Read by crates/metrics/tests/it/probe.rs. JSON layout:
  versions  {python, numpy, scikit_learn}
  cases     [{name, width, classes, l2, x: [n * width], labels: [n], mean: [width], scale: [width],
              weights: [classes * width], bias: [classes], accuracy}]
The features are multiples of 1/1024, exact in float32. weights and bias are those of LogisticRegression on standardised
features, shifted to sum to 0 over the classes. Our objective is the mean cross-entropy + l2/2 |W|^2, scikit-learn's is
C * (summed cross-entropy) + 1/2 |W|^2, so C = 1/(n l2). Of two classes scikit-learn fits the difference w of the
two weight vectors, where |W|^2 = |w|^2 / 2: C = 2/(n l2).
"""

import json
import platform
from pathlib import Path

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler


def case(name, x, labels, l2):
    x, labels = np.round(np.asarray(x) * 1024) / 1024, np.asarray(labels)
    (n, width), classes = x.shape, int(labels.max()) + 1
    scaler = StandardScaler().fit(x)
    inputs = scaler.transform(x)
    c = (2 if classes == 2 else 1) / (n * l2)
    fit = LogisticRegression(C=c, solver="newton-cholesky", tol=1e-13, max_iter=1000).fit(inputs, labels)
    weights, bias = fit.coef_, fit.intercept_
    if classes == 2:
        weights, bias = np.vstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    weights, bias = weights - weights.mean(axis=0), bias - bias.mean()

    # The gradient of our own objective vanishes there.
    logits = inputs @ weights.T + bias
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    residuals = (p / p.sum(axis=1, keepdims=True) - np.eye(classes)[labels]) / n
    gradient = np.abs(np.hstack([(residuals.T @ inputs + l2 * weights).ravel(), residuals.sum(axis=0)])).max()
    assert gradient < 1e-8 * l2, f"{name}: gradient {gradient}"
    return {
        "name": name,
        "width": width,
        "classes": classes,
        "l2": l2,
        "x": x.ravel().tolist(),
        "labels": labels.tolist(),
        "mean": scaler.mean_.tolist(),
        "scale": scaler.scale_.tolist(),
        "weights": weights.ravel().tolist(),
        "bias": bias.tolist(),
        "accuracy": float(fit.score(inputs, labels)),
    }


def cases():
    rng = np.random.default_rng(80)
    labels = rng.integers(0, 3, 192)
    means = np.array([[4, 0], [0, 4], [-4, 0]])
    for spread, name in [(0.3, "separable"), (0.7, "nearly separable"), (2.5, "overlapping")]:
        x = means[labels] + spread * rng.normal(size=(192, 2))
        yield case(f"3 classes in the plane, {name}", x, labels, 1e-4)
    yield case("3 classes in the plane, collapsed", 0.05 * rng.normal(size=(192, 2)), labels, 1e-4)
    yield case("strong penalty", means[labels] + rng.normal(size=(192, 2)), labels, 0.5)
    labels = rng.permutation(np.arange(60) % 2)
    yield case("2 classes on a line", (labels + rng.normal(size=60))[:, None], labels, 1e-3)
    labels = rng.permutation(np.minimum(np.arange(80) // 9, 4))
    mixing = rng.normal(size=(6, 6)) * [10, 1, 1, 0.1, 3, 1]
    x = (rng.normal(size=(5, 6))[labels] + rng.normal(size=(80, 6))) @ mixing + [100, 0, -7, 0, 0, 1]
    yield case("5 unequal classes, correlated features of unequal scale", x, labels, 1e-4)
    yield case("a constant feature", np.hstack([x[:, :2], np.full((80, 1), 3.0)]), labels, 1e-2)
    labels = rng.permutation(np.arange(112) % 7)
    x = (1.2 * rng.normal(size=(7, 10))[labels] + rng.normal(size=(112, 10))) @ rng.normal(size=(10, 10))
    yield case("7 classes, more parameters than are solved for densely", x, labels, 1e-3)


document = {
    "versions": {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scikit_learn": sklearn.__version__,
    },
    "cases": list(cases()),
}
# One case a line: diffs stay readable.
lines = ['"versions": ' + json.dumps(document["versions"])]
rows = ",\n".join(json.dumps(case, separators=(",", ":"), allow_nan=False) for case in document["cases"])
lines.append(f'"cases": [\n{rows}\n]')
Path(__file__).with_suffix(".json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
