"""Reference values of the clustering metrics, from scikit-learn and SciPy: writes metrics.json beside this file.

    pip install scikit-learn && python metrics.py

Read by crates/metrics/tests/it/sklearn.rs. JSON layout:
  versions      {python, numpy, scipy, scikit_learn}
  clusterings   [{name, assignments: [n], labels: [n], metrics}]
  tables        [{name, counts: [[cluster x label]], metrics}]      tables too large to list their points
  entropies     [{name, clusters, probabilities: [n * clusters], conditional_entropy}]
metrics = {majority_accuracy, hungarian_accuracy, nmi, adjusted_rand_index, active_clusters}; null is NaN.
"""

import json
import platform
from fractions import Fraction
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy.optimize import linear_sum_assignment
from scipy.special import entr
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix


def accuracies(table):
    """(majority, Hungarian) accuracy of a cluster x label table; no points give null."""
    table = np.asarray(table, dtype=np.int64)
    total = int(table.sum())
    if total == 0:
        return None, None
    rows, columns = linear_sum_assignment(table, maximize=True)
    return int(table.max(axis=1).sum()) / total, int(table[rows, columns].sum()) / total


def clustering(name, assignments, labels):
    assignments, labels = np.asarray(assignments, dtype=np.int64), np.asarray(labels, dtype=np.int64)
    table = contingency_matrix(assignments, labels) if len(labels) else np.zeros((0, 0))
    majority, hungarian = accuracies(table)
    return {
        "name": name,
        "assignments": assignments.tolist(),
        "labels": labels.tolist(),
        "metrics": {
            "majority_accuracy": majority,
            "hungarian_accuracy": hungarian,
            "nmi": float(normalized_mutual_info_score(labels, assignments)),
            "adjusted_rand_index": float(adjusted_rand_score(labels, assignments)),
            "active_clusters": len(np.unique(assignments)),
        },
    }


def table(name, counts):
    """The same from counts alone: scikit-learn's formulas, the Rand index in exact rationals."""
    counts = np.asarray(counts, dtype=np.int64)
    majority, hungarian = accuracies(counts)
    total, rows, columns = int(counts.sum()), counts.sum(axis=1), counts.sum(axis=0)

    def pairs(values):
        return sum(int(value) * (int(value) - 1) // 2 for value in np.ravel(values))

    expected = Fraction(pairs(rows) * pairs(columns), pairs(total))
    largest = Fraction(pairs(rows) + pairs(columns), 2)
    p = counts / total
    joint, h_rows, h_columns = entr(p).sum(), entr(p.sum(axis=1)).sum(), entr(p.sum(axis=0)).sum()
    return {
        "name": name,
        "counts": counts.tolist(),
        "metrics": {
            "majority_accuracy": majority,
            "hungarian_accuracy": hungarian,
            "nmi": float(2 * (h_rows + h_columns - joint) / (h_rows + h_columns)),
            "adjusted_rand_index": float((pairs(counts) - expected) / (largest - expected)),
            "active_clusters": int((rows > 0).sum()),
        },
    }


def entropy(name, probabilities):
    q = np.atleast_2d(np.asarray(probabilities, dtype=np.float64))
    return {
        "name": name,
        "clusters": q.shape[1],
        "probabilities": q.ravel().tolist(),
        "conditional_entropy": float(entr(q).sum(axis=1).mean()),
    }


def clusterings():
    rng = np.random.default_rng(20240229)
    yield clustering("no points", [], [])
    yield clustering("one point", [3], [5])
    yield clustering("two points together, labels apart", [0, 0], [0, 1])
    yield clustering("two points apart, labels together", [0, 1], [0, 0])
    yield clustering("one cluster, one label", [0] * 7, [4] * 7)
    yield clustering("one cluster, several labels", [2] * 9, [0, 1, 2, 1, 1, 0, 2, 2, 2])
    yield clustering("several clusters, one label", [0, 1, 2, 1, 1, 0, 2, 2, 2], [6] * 9)
    yield clustering("singletons against singletons", range(8), [5, 3, 1, 7, 0, 2, 6, 4])
    yield clustering("singletons against labels", range(12), [0, 1, 2] * 4)
    yield clustering("labels against singletons", [0, 1, 2] * 4, range(12))
    yield clustering("identical", [0, 0, 1, 1, 2, 2, 2], [0, 0, 1, 1, 2, 2, 2])
    yield clustering("exactly independent", np.repeat(range(4), 15), np.tile(range(5), 12))
    yield clustering("worse than chance", [0, 1, 0, 1], [0, 0, 1, 1])
    yield clustering("greedy matching is not the best", [0] * 5 + [1] * 4, [0, 0, 0, 1, 1, 0, 0, 0, 0])
    yield clustering("ties", [0, 0, 1, 1, 2, 2], [0, 1, 1, 2, 2, 0])
    yield clustering("sparse ids up to the largest u32", [4294967295, 7, 7, 4294967295, 0], [4294967295, 1, 1, 0, 0])
    labels = rng.integers(0, 10, 200)
    yield clustering("relabelled", rng.permutation(10)[labels], labels)
    for clusters, classes, n in [(2, 2, 50), (3, 3, 90), (10, 10, 200), (16, 10, 200), (4, 10, 200), (20, 3, 120), (1, 5, 40)]:
        yield clustering(f"independent draws {clusters} x {classes}", rng.integers(0, clusters, n), rng.integers(0, classes, n))
    for clusters, noise in [(10, 0.1), (10, 0.4), (16, 0.3), (6, 0.2)]:
        labels = rng.integers(0, 10, 200)
        wrong = rng.random(200) < noise
        found = np.where(wrong, rng.integers(0, clusters, 200), labels % clusters)
        yield clustering(f"noisy {clusters} clusters, {noise:.0%} redrawn", found, labels)
    skewed = np.minimum(rng.geometric(0.5, 200) - 1, 6)
    yield clustering("skewed sizes", np.minimum(skewed, rng.integers(0, 7, 200)), skewed)


def tables():
    rng = np.random.default_rng(1798)
    yield table("1e9 points, equal partitions", np.diag([500_000_000, 300_000_000, 200_000_000]))
    yield table("1e9 points, one cluster wrong", [[5 * 10**8, 10**6, 3], [7, 4 * 10**8, 5 * 10**7], [0, 1, 48_999_989]])
    yield table("1e9 points, random", rng.multinomial(10**9, rng.dirichlet(np.ones(60))).reshape(10, 6))
    yield table("4e9 points, random", rng.multinomial(4 * 10**9, rng.dirichlet(np.ones(12))).reshape(3, 4))


def entropies():
    rng = np.random.default_rng(7)
    yield entropy("certain", np.eye(4)[[0, 3, 3, 1]])
    yield entropy("uniform over 10", np.full((3, 10), 0.1))
    yield entropy("one cluster", np.ones((5, 1)))
    yield entropy("zeros and subnormals", [[0.0, 1.0, 5e-324], [1e-310, 0.5, 0.5]])
    yield entropy("Dirichlet(1)", rng.dirichlet(np.ones(10), 20))
    yield entropy("Dirichlet(0.1)", rng.dirichlet(np.full(6, 0.1), 20))


document = {
    "versions": {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit_learn": sklearn.__version__,
    },
    "clusterings": list(clusterings()),
    "tables": list(tables()),
    "entropies": list(entropies()),
}
# One case a line: diffs stay readable.
lines = ['"versions": ' + json.dumps(document["versions"])]
for key in ("clusterings", "tables", "entropies"):
    cases = ",\n".join(json.dumps(case, separators=(",", ":"), allow_nan=False) for case in document[key])
    lines.append(f'"{key}": [\n{cases}\n]')
Path(__file__).with_suffix(".json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
