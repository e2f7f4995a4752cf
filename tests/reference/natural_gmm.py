"""Reference epochs of the mixture trained in natural parameters, from PyTorch in float64: writes natural_gmm.json beside this file.

    pip install torch && python natural_gmm.py

Read by tests/laws/natural_gmm.rs. The training loop is written down once more, in one anchored vector [theta_X | Theta | theta_Z], with
gradients by torch.autograd: E-step, bounds in mean coordinates (anchor by differences, division, floor, clip), frozen target,
clipping by the global norm, Adam. JSON layout:
  versions  {python, torch, numpy}
  cases     [{name, k, d, x: [n * d], weights: [k], means: [k * d], var: [k * d], settings: {name: number or bool},
              log_likelihood: [epochs] (per row, before each epoch's update), theta: [epochs][2d + 2d(k-1) + k-1]}]
Rows and starts are multiples of 1/1024, exact in float32.
"""

import json
import math
import platform
from pathlib import Path

import numpy as np
import torch

torch.set_default_dtype(torch.float64)
EPOCHS = 2


def exact(values):
    return np.round(np.asarray(values) * 1024) / 1024


def psi(theta):
    n, h = theta.chunk(2, dim=-1)
    return (-n * n / (4 * h) - 0.5 * torch.log(-2 * h)).sum(-1)


def split(vector, k, d):
    anchor, rest = vector[: 2 * d], vector[2 * d :]
    shifts, logits = rest[: 2 * d * (k - 1)].reshape(k - 1, 2 * d), rest[2 * d * (k - 1) :]
    return anchor, shifts, logits


def components(vector, k, d):
    anchor, shifts, _ = split(vector, k, d)
    return torch.cat([anchor[None], anchor + shifts])


def log_partition(vector, k, d):
    _, _, logits = split(vector, k, d)
    psis = psi(components(vector, k, d))
    zero = torch.zeros(1)
    return torch.logsumexp(torch.cat([zero, logits + psis[1:] - psis[0]]), 0) + psis[0]


def penalty(vector, k, d, s):
    precision = -2 * components(vector, k, d)[:, d:]
    traces = s["upr_prs_reg"] * precision.sum() - s["lwr_prs_reg"] * torch.log(precision).sum()
    return s["l2_reg"] * (vector**2).sum() + traces


def e_step(vector, x, k, d):
    anchor, shifts, logits = split(vector, k, d)
    statistics = torch.cat([x, x * x], dim=1)
    posterior_logits = torch.cat([torch.zeros(len(x), 1), logits + statistics @ shifts.T], dim=1)
    r = torch.softmax(posterior_logits, dim=1)[:, 1:]
    log_px = statistics @ anchor + torch.logsumexp(posterior_logits, 1) - log_partition(vector, k, d) - 0.5 * d * math.log(2 * math.pi)
    mean = torch.cat([statistics.mean(0), ((r.T @ statistics) / len(x)).reshape(-1), r.mean(0)])
    return mean, log_px.mean().item()


def bounds(mean, k, d, s):
    total, joint, p = split(mean, k, d)
    p = torch.cat([1 - p.sum()[None], p])
    eta = torch.cat([(total - joint.sum(0))[None], joint]) / p[:, None]
    mu, second = eta.chunk(2, dim=1)
    var = torch.clamp(second - mu * mu + s["lat_jitter_var"], min=s["lat_min_var"])
    p = torch.clamp(p, s["min_prob"], 1.0)
    p = p / p.sum()
    joint = p[:, None] * torch.cat([mu, mu * mu + var], dim=1)
    return torch.cat([joint.sum(0), joint[1:].reshape(-1), p[1:]])


def start(weights, means, var, k, d):
    theta = torch.cat([means / var, -0.5 / var], dim=1)
    psis = psi(theta)
    logits = torch.log(weights[1:] / weights[0]) - (psis[1:] - psis[0])
    return torch.cat([theta[0], (theta[1:] - theta[0]).reshape(-1), logits])


def fresh(vector):
    return torch.zeros_like(vector), torch.zeros_like(vector), 0


def m_step(vector, target, k, d, s, moments):
    m, v, t = moments
    for _ in range(s["batch_steps"]):
        point = vector.clone().requires_grad_()
        (log_partition(point, k, d) - point @ target + penalty(point, k, d, s)).backward()
        g = point.grad
        norm = g.norm()
        if s["clip"] > 0 and norm >= s["clip"]:
            g = g / norm * s["clip"]
        t += 1
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        vector = vector - s["lr"] * (m / (1 - 0.9**t)) / (torch.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return vector, (m, v, t)


def train(x, vector, k, d, s):
    moments = fresh(vector)
    likelihoods, states = [], []
    for _ in range(EPOCHS):
        if s["epoch_reset"]:
            moments = fresh(vector)
        mean, likelihood = e_step(vector, x, k, d)
        target = bounds(mean, k, d, s)
        vector, moments = m_step(vector, target, k, d, s, moments)
        likelihoods.append(likelihood)
        states.append(vector.tolist())
    return likelihoods, states


DEFAULTS = {
    "batch_steps": 40, "lr": 1e-2, "clip": 1.0, "epoch_reset": True, "min_prob": 1e-5, "lat_min_var": 0.01,
    "lat_jitter_var": 0.0, "upr_prs_reg": 0.0, "lwr_prs_reg": 1e-5, "l2_reg": 0.0,
}  # fmt: skip
CASES = [
    ("shipped bounds and penalties", 3, 2, {}),
    ("every penalty, clip inside", 4, 3, {"upr_prs_reg": 0.02, "lwr_prs_reg": 0.05, "l2_reg": 0.003, "clip": 0.05}),
    ("bounds that bind, moments kept", 4, 2, {"min_prob": 0.2, "lat_min_var": 0.9, "lat_jitter_var": 0.1, "epoch_reset": False, "clip": 0.0}),
    ("one component", 1, 3, {"lwr_prs_reg": 0.01, "l2_reg": 0.01}),
]


def case(number, name, k, d, settings):
    rng = np.random.default_rng(number)
    settings = DEFAULTS | settings
    centres = 2 * rng.normal(size=(k, d))
    x = exact(centres[rng.integers(0, k, 60)] + rng.normal(size=(60, d)))
    means, var = exact(centres + 0.3 * rng.normal(size=(k, d))), exact(rng.uniform(0.6, 1.6, (k, d)))
    raw = rng.integers(1, 9, k)
    weights = raw / raw.sum()
    as_tensor = lambda values: torch.tensor(values, dtype=torch.float64)
    vector = start(as_tensor(weights), as_tensor(means), as_tensor(var), k, d)
    likelihoods, states = train(as_tensor(x), vector, k, d, settings)
    return {
        "name": name, "k": k, "d": d, "x": x.ravel().tolist(), "weights": weights.tolist(), "means": means.ravel().tolist(),
        "var": var.ravel().tolist(), "settings": settings, "log_likelihood": likelihoods, "theta": states,
    }  # fmt: skip


if __name__ == "__main__":
    torch.set_num_threads(1)
    document = {
        "versions": {"python": platform.python_version(), "torch": torch.__version__.split("+")[0], "numpy": np.__version__},
        "cases": [case(number, *arguments) for number, arguments in enumerate(CASES)],
    }
    path = Path(__file__).with_name("natural_gmm.json")
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
