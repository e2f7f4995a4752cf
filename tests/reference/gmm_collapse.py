"""Reference of `gmm-stability`: when the anchor's probability is 0 under the largest penalty, in single and double precision, from PyTorch.

    python gmm_collapse.py RUN/checkpoints/last.safetensors DIR > ../../crates/cli/src/study/reference/gmm-collapse.csv

Arguments and latents are those of gmm_stability.py, the training loop that of natural_gmm.py; k-means is that of scikit-learn. K = 20,
lwr_prs_reg = 1e-2, 100 steps, at most 500 epochs. Lines: element type, seed, whole epochs before 1 - sum is 0 (empty: never), the smallest
1 - sum of an epoch that is not 0.
"""

import platform
import sys

import numpy as np
import sklearn
import torch
from sklearn.cluster import KMeans

import natural_gmm
from gmm_stability import standardised

K, EPOCHS = 20, 500
SETTINGS = natural_gmm.DEFAULTS | {"batch_steps": 100, "lr": 1e-4, "lwr_prs_reg": 1e-2}


def epochs(rows, seed):
    """Whole epochs before the anchor's probability is 0, or None, and the smallest one that is not 0."""
    d = rows.shape[1]
    found = KMeans(K, n_init=1, random_state=seed).fit(rows)
    x = torch.tensor(rows, dtype=torch.get_default_dtype())
    var = torch.full((K, d), max(found.inertia_ / rows.size, 1e-3))
    means = torch.tensor(found.cluster_centers_, dtype=x.dtype)
    vector, least = natural_gmm.start(torch.full((K,), 1 / K), means, var, K, d), 1.0
    for epoch in range(EPOCHS):
        with torch.no_grad():
            mean, _ = natural_gmm.e_step(vector, x, K, d)
            anchor = (1 - natural_gmm.split(mean, K, d)[2].sum()).item()
        if anchor == 0:
            return epoch, least
        least = min(least, abs(anchor))
        target = natural_gmm.bounds(mean, K, d, SETTINGS)
        vector, _ = natural_gmm.m_step(vector, target, K, d, SETTINGS, natural_gmm.fresh(vector))
    return None, least


if __name__ == "__main__":
    train, _, _, _ = standardised(sys.argv[1], sys.argv[2])
    print(f"# PyTorch {torch.__version__}, scikit-learn {sklearn.__version__}, NumPy {np.__version__}, Python {platform.python_version()}")
    print("type,seed,epochs,least")
    for name in ("float32", "float64"):
        torch.set_default_dtype(getattr(torch, name))
        for seed in range(3):
            epoch, least = epochs(train.astype(name), seed)
            print(f"{name},{seed},{'' if epoch is None else epoch},{least:.1e}", flush=True)
