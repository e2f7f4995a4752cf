"""Reference of `gmm-stability`: EM for mixtures of diagonal normals on factors of MNIST, from scikit-learn.

    elbo train factor-analysis --set data.name=mnist --set data.valid_rows=0 --set data.train_rows=0 \
      --set data.test_rows=0 --set model.latents=50 --data-dir DIR --out RUN
    python gmm_stability.py RUN/checkpoints/last.safetensors DIR > ../../crates/cli/src/study/reference/gmm-stability.csv

The latents are the posterior means of the factor analysis of the first command, computed here from its parameters in
float64, each dimension standardised over the training rows; DIR holds the four gzipped files of MNIST. Lines:
k, seed, NMI on training and test rows, clusters with a training row, mean log-likelihood of the training rows.
"""

import gzip
import platform
import sys
from pathlib import Path

import numpy as np
import sklearn
from safetensors.numpy import load_file
from sklearn.metrics import normalized_mutual_info_score
from sklearn.mixture import GaussianMixture


def idx(path, offset):
    return np.frombuffer(gzip.open(path).read(), np.uint8, offset=offset)


def standardised(checkpoint, directory):
    """Latents and labels of the training and the test rows."""
    state, folder = load_file(checkpoint), Path(directory)
    mean, noise = state["mean"], state["noise"]
    loadings = state["loadings"].reshape(len(mean), -1)
    # The canonical coordinates, which diagonalise the information of the latents.
    loadings = loadings @ np.linalg.eigh(loadings.T @ (loadings / noise[:, None]))[1][:, ::-1]
    scaled = loadings / noise[:, None]
    precision = np.eye(loadings.shape[1]) + loadings.T @ scaled

    def latents(name):
        x = idx(folder / f"{name}-images-idx3-ubyte.gz", 16).reshape(-1, len(mean)) / np.float64(255)
        return np.linalg.solve(precision, scaled.T @ (x - mean).T).T, idx(folder / f"{name}-labels-idx1-ubyte.gz", 8)

    (train, train_labels), (test, test_labels) = latents("train"), latents("t10k")
    centre, std = train.mean(axis=0), train.std(axis=0)
    return (train - centre) / std, train_labels, (test - centre) / std, test_labels


if __name__ == "__main__":
    train, train_labels, test, test_labels = standardised(sys.argv[1], sys.argv[2])
    print(f"# scikit-learn {sklearn.__version__}, NumPy {np.__version__}, Python {platform.python_version()}")
    print("# GaussianMixture(k, covariance_type='diag', n_init=5, max_iter=500, random_state=seed)")
    print("k,seed,train_nmi,test_nmi,active,log_likelihood")
    for k in (20, 50):
        for seed in range(3):
            model = GaussianMixture(k, covariance_type="diag", n_init=5, max_iter=500, random_state=seed).fit(train)
            found = model.predict(train)
            nmi = normalized_mutual_info_score(train_labels, found)
            held_out = normalized_mutual_info_score(test_labels, model.predict(test))
            print(f"{k},{seed},{nmi:.6f},{held_out:.6f},{len(set(found))},{model.score(train):.6f}", flush=True)
