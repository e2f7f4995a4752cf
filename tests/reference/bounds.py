"""Bounds and gradients of two models in PyTorch, float64: writes bounds.json beside this file.

    pip install torch && python bounds.py

Nothing random is stored: parameters, data and noise come from one formula (all arithmetic modulo 2^64).

    G         = 0x9E3779B97F4A7C15
    mix(s)    : s ^= s >> 30; s *= 0xBF58476D1CE4E5B9; s ^= s >> 27; s *= 0x94D049BB133111EB; s ^= s >> 31
    u(s, i)   = (mix(mix(s) + (i + 1) * G) >> 11) * 2^-53                 in [0, 1); u(0, .) is splitmix64 seeded with 0
    stream s  = seed * 65536 + t, with the case's `seed`

    parameter tensor number t (0-based, in the listed order), flat row-major index i:
        weight  (2u - 1) * sqrt(6 / (fan_in + fan_out)), fan_out the number of columns, fan_in the stored `fan_in`
                (the number of rows, except q_z.hidden.0.weight_x and weight_y: d + K, as blocks of one matrix)
        bias    (2u - 1) * 0.1
    x [b, d]    t = 1000: 1[u > 0.5], or 4u - 2 where the likelihood is Gaussian
    eps         t = 1001: (2u - 1) * sqrt(3); shape [K, b, z] for the GMVAE, [b, z] for the VAE

A linear layer is y = x W + b, W of shape [in, out]. Losses are means over the batch, in nats, to be minimised.

GMVAE: q(y|x) softmax of logits [K]; q(z|x,y) and p(z|y) diagonal normals with variance softplus(raw_var); x|z Bernoulli.
    z_k    = loc_k + sqrt(var_k) * eps_k
    recon  = sum_k q_k * -log p(x|z_k)
    kl_y   = sum_k q_k log q_k + log K
    kl_z   = sum_k q_k * (log N(z_k; q(z|x,k)) - log N(z_k; p(z|k)))
    loss   = recon + kl_y + kl_z
VAE: q(z|x) diagonal normal, raw_var is log variance; z = loc + exp(raw_var / 2) * eps; x|z Bernoulli with logits or
    normal with fixed variance v.
    recon  = -log p(x|z), with the constant d/2 log(2 pi v) where normal
    kl_z   = 1/2 sum(loc^2 + var - 1 - log var)
    loss   = recon + beta * kl_z
Hidden layers are ReLU. min_abs_preactivation is the distance of the nearest ReLU to its kink; the seeds are those of
0..SEEDS-1 where it is largest, so that f32 rounding does not switch a unit.

JSON layout:
  versions    {python, numpy, torch}
  formulas    this text from its second paragraph on, by lines
  u_examples  [{stream, index, u}]
  cases       [{name, model: gmvae | vae, likelihood: bernoulli | gaussian, sizes: {d, h, K, z, b} or {d, h, z, b, beta,
              variance}, seed, min_abs_preactivation, x_sum, eps_sum, terms: {recon, kl_y (gmvae only), kl_z}, loss, tensors}]
  tensors     in the order of t: [{name, shape, fan_in (null: bias), first, last (the parameter's own first and last
              value), grad_norm (L2, of the mean loss), grad_indices (null: all), grad: values at those flat indices}];
              where not all are stored, the indices are j * size // 64 for j in 0..64, without repetition
"""

import json
import math
import platform
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import distributions as D

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

SEEDS = 40
DATA, NOISE = 1000, 1001


def mix(s):
    s = (s ^ (s >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    s = (s ^ (s >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return s ^ (s >> np.uint64(31))


def u(stream, shape):
    steps = np.arange(1, math.prod(shape) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    state = mix(np.array([stream], dtype=np.uint64)) + steps
    return torch.from_numpy((mix(state) >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(shape)


def linear(name, rows, columns):
    return [(name + ".weight", (rows, columns), rows), (name + ".bias", (columns,), None)]


class Gmvae:
    def __init__(self, d, h, K, z, b):
        self.sizes = {"d": d, "h": h, "K": K, "z": z, "b": b}
        self.noise_shape, self.gaussian = (K, b, z), False
        self.layout = [
            *linear("q_y.hidden.0", d, h), *linear("q_y.hidden.1", h, h), *linear("q_y.logits", h, K),
            ("q_z.hidden.0.weight_x", (d, h), d + K), ("q_z.hidden.0.weight_y", (K, h), d + K),
            ("q_z.hidden.0.bias", (h,), None),
            *linear("q_z.hidden.1", h, h), *linear("q_z.loc", h, z), *linear("q_z.raw_var", h, z),
            *linear("p_z.loc", K, z), *linear("p_z.raw_var", K, z),
            *linear("p_x.hidden.0", z, h), *linear("p_x.hidden.1", h, h), *linear("p_x.logits", h, d),
        ]

    def distributions(self, p, x, eps, kinks):
        """log q(y|x) [b, K]; loc, var of q(z|x,y), z [K, b, z]; loc, var of p(z|y) [K, 1, z]; logits of x [K, b, d]."""

        def dense(name, x):
            return x @ p[name + ".weight"] + p[name + ".bias"]

        def hidden(a):
            kinks.append(a.detach().abs().min().item())
            return a.relu()

        def softplus(raw):  # F.softplus turns linear above 20
            return torch.logaddexp(raw, torch.zeros(()))

        log_q_y = F.log_softmax(dense("q_y.logits", hidden(dense("q_y.hidden.1", hidden(dense("q_y.hidden.0", x))))), -1)
        first = (x @ p["q_z.hidden.0.weight_x"]) + p["q_z.hidden.0.weight_y"][:, None, :] + p["q_z.hidden.0.bias"]
        h = hidden(dense("q_z.hidden.1", hidden(first)))
        loc, var = dense("q_z.loc", h), softplus(dense("q_z.raw_var", h))
        z = loc + var.sqrt() * eps
        onehot = torch.eye(self.sizes["K"])
        prior_loc, prior_var = dense("p_z.loc", onehot)[:, None], softplus(dense("p_z.raw_var", onehot))[:, None]
        logits = dense("p_x.logits", hidden(dense("p_x.hidden.1", hidden(dense("p_x.hidden.0", z)))))
        return log_q_y, (loc, var), z, (prior_loc, prior_var), logits

    def terms(self, p, x, eps, kinks):
        log_q_y, q_z, z, p_z, logits = self.distributions(p, x, eps, kinks)
        q_y = log_q_y.exp()

        def log_normal(loc, var):
            return -0.5 * (math.log(2 * math.pi) + var.log() + (z - loc).square() / var).sum(-1)

        def expect(values):  # [K, b] under q(y|x)
            return (q_y.T * values).sum(0).mean()

        bce = F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
        kl_y = (q_y * log_q_y).sum(-1).mean() + math.log(self.sizes["K"])
        return {"recon": expect(bce), "kl_y": kl_y, "kl_z": expect(log_normal(*q_z) - log_normal(*p_z))}

    def loss(self, terms):
        return terms["recon"] + terms["kl_y"] + terms["kl_z"]

    def loss_by_distributions(self, p, x, eps):
        """The bound again, one point and one class at a time, from torch.distributions on the concatenated [x; y]."""
        K, total = self.sizes["K"], 0.0
        weight = torch.cat([p["q_z.hidden.0.weight_x"], p["q_z.hidden.0.weight_y"]])

        def mlp(x, *names):
            for name in names[:-1]:
                x = F.relu(F.linear(x, p[name + ".weight"].T, p[name + ".bias"]))
            return F.linear(x, p[names[-1] + ".weight"].T, p[names[-1] + ".bias"])

        for n, point in enumerate(x):
            q_y = D.Categorical(logits=mlp(point, "q_y.hidden.0", "q_y.hidden.1", "q_y.logits"))
            total += D.kl_divergence(q_y, D.Categorical(probs=torch.full((K,), 1 / K)))
            for k in range(K):
                y = F.one_hot(torch.tensor(k), K).to(x.dtype)
                h = F.relu(torch.cat([point, y]) @ weight + p["q_z.hidden.0.bias"])
                scale = F.softplus(mlp(h, "q_z.hidden.1", "q_z.raw_var")).sqrt()
                q_z = D.Independent(D.Normal(mlp(h, "q_z.hidden.1", "q_z.loc"), scale), 1)
                p_z = D.Independent(D.Normal(mlp(y, "p_z.loc"), F.softplus(mlp(y, "p_z.raw_var")).sqrt()), 1)
                z = q_z.base_dist.loc + q_z.base_dist.scale * eps[k, n]
                p_x = D.Independent(D.Bernoulli(logits=mlp(z, "p_x.hidden.0", "p_x.hidden.1", "p_x.logits")), 1)
                total += q_y.probs[k] * (q_z.log_prob(z) - p_z.log_prob(z) - p_x.log_prob(point))
        return total / len(x)


class Vae:
    def __init__(self, d, h, z, b, beta, variance=None):
        self.sizes = {"d": d, "h": h, "z": z, "b": b, "beta": beta, "variance": variance}
        self.noise_shape, self.gaussian = (b, z), variance is not None
        self.head = "p_x.loc" if self.gaussian else "p_x.logits"
        self.layout = [
            *linear("q_z.hidden.0", d, h), *linear("q_z.loc", h, z), *linear("q_z.raw_var", h, z),
            *linear("p_x.hidden.0", z, h), *linear(self.head, h, d),
        ]

    def terms(self, p, x, eps, kinks):
        def dense(name, x):
            return x @ p[name + ".weight"] + p[name + ".bias"]

        def hidden(a):
            kinks.append(a.detach().abs().min().item())
            return a.relu()

        h = hidden(dense("q_z.hidden.0", x))
        loc, log_var = dense("q_z.loc", h), dense("q_z.raw_var", h)
        out = dense(self.head, hidden(dense("p_x.hidden.0", loc + (0.5 * log_var).exp() * eps)))
        if self.gaussian:
            v = self.sizes["variance"]
            recon = ((x - out).square().sum(-1) / (2 * v) + 0.5 * x.shape[1] * math.log(2 * math.pi * v)).mean()
        else:
            recon = F.binary_cross_entropy_with_logits(out, x, reduction="none").sum(-1).mean()
        return {"recon": recon, "kl_z": 0.5 * (loc.square() + log_var.exp() - 1 - log_var).sum(-1).mean()}

    def loss(self, terms):
        return terms["recon"] + self.sizes["beta"] * terms["kl_z"]

    def loss_by_distributions(self, p, x, eps):
        total = 0.0
        for point, noise in zip(x, eps):
            h = F.relu(p["q_z.hidden.0.weight"].T @ point + p["q_z.hidden.0.bias"])
            log_var = p["q_z.raw_var.weight"].T @ h + p["q_z.raw_var.bias"]
            q_z = D.Normal(p["q_z.loc.weight"].T @ h + p["q_z.loc.bias"], log_var.exp().sqrt())
            h = F.relu(p["p_x.hidden.0.weight"].T @ (q_z.loc + q_z.scale * noise) + p["p_x.hidden.0.bias"])
            out = p[self.head + ".weight"].T @ h + p[self.head + ".bias"]
            p_x = D.Normal(out, math.sqrt(self.sizes["variance"])) if self.gaussian else D.Bernoulli(logits=out)
            kl = D.kl_divergence(q_z, D.Normal(torch.zeros_like(q_z.loc), torch.ones_like(q_z.loc))).sum()
            total += self.sizes["beta"] * kl - p_x.log_prob(point).sum()
        return total / len(x)


def inputs(model, seed):
    """(parameters by name, x, eps) of the formula in the header."""
    parameters = {}
    for t, (name, shape, fan_in) in enumerate(model.layout):
        scale = 0.1 if fan_in is None else math.sqrt(6 / (fan_in + shape[1]))
        parameters[name] = ((2 * u(seed * 65536 + t, shape) - 1) * scale).requires_grad_()
    draws = u(seed * 65536 + DATA, (model.sizes["b"], model.sizes["d"]))
    x = 4 * draws - 2 if model.gaussian else (draws > 0.5).to(draws.dtype)
    eps = (2 * u(seed * 65536 + NOISE, model.noise_shape) - 1) * math.sqrt(3)
    return parameters, x, eps


def nearest_kink(model, seed):
    kinks = []
    with torch.no_grad():
        model.terms(*inputs(model, seed), kinks)
    return min(kinks)


def verify(model, seed, loss, gradients, by_coordinate):
    """The value against torch.distributions, the gradient against central differences; returns the worst errors."""
    parameters, x, eps = inputs(model, seed)
    with torch.no_grad():
        value_error = abs(model.loss_by_distributions(parameters, x, eps).item() - loss) / abs(loss)
    assert value_error < 1e-12, value_error

    def at(name, values):
        with torch.no_grad():
            return model.loss(model.terms({**parameters, name: values}, x, eps, [])).item()

    worst, step = 0.0, 1e-6
    for t, (name, shape, _) in enumerate(model.layout):
        w, g = parameters[name].detach(), gradients[name]
        size = w.numel()
        directions = torch.eye(size) if by_coordinate else 2 * u(10**6 + t, (1, size)) - 1
        slopes = [(at(name, w + s.reshape(shape)) - at(name, w - s.reshape(shape))) / (2 * step) for s in step * directions]
        expected = directions @ g.reshape(-1)
        error = ((torch.tensor(slopes) - expected).norm() / expected.norm()).item()
        assert error < 1e-6, (name, error)
        worst = max(worst, error)
    if by_coordinate:
        names = list(parameters)
        assert torch.autograd.gradcheck(
            lambda *p: model.loss(model.terms(dict(zip(names, p)), x, eps, [])), tuple(parameters.values()), raise_exception=True
        )
    return value_error, worst


def case(name, model, full, by_coordinate):
    seed = max(range(SEEDS), key=lambda seed: nearest_kink(model, seed))
    parameters, x, eps = inputs(model, seed)
    kinks = []
    terms = model.terms(parameters, x, eps, kinks)
    loss = model.loss(terms)
    gradients = dict(zip(parameters, torch.autograd.grad(loss, list(parameters.values()))))
    value_error, gradient_error = verify(model, seed, loss.item(), gradients, by_coordinate)
    print(f"{name}: seed {seed}, kink {min(kinks):.1e}, loss {loss.item():.6f}, "
          f"value error {value_error:.1e}, gradient error {gradient_error:.1e}")
    tensors = []
    for t, (tensor, shape, fan_in) in enumerate(model.layout):
        flat = gradients[tensor].reshape(-1)
        size = flat.numel()
        indices = range(size) if full else sorted({j * size // 64 for j in range(64)})
        tensors.append({
            "name": tensor,
            "shape": list(shape),
            "fan_in": fan_in,
            "first": parameters[tensor].reshape(-1)[0].item(),
            "last": parameters[tensor].reshape(-1)[-1].item(),
            "grad_norm": flat.norm().item(),
            "grad_indices": None if full else list(indices),
            "grad": [flat[i].item() for i in indices],
        })
    return {
        "name": name,
        "model": type(model).__name__.lower(),
        "likelihood": "gaussian" if model.gaussian else "bernoulli",
        "sizes": model.sizes,
        "seed": seed,
        "min_abs_preactivation": min(kinks),
        "x_sum": x.sum().item(),
        "eps_sum": eps.sum().item(),
        "terms": {key: value.item() for key, value in terms.items()},
        "loss": loss.item(),
        "tensors": tensors,
    }


cases = [
    case("gmvae tiny", Gmvae(d=6, h=5, K=4, z=3, b=3), full=True, by_coordinate=True),
    case("gmvae middle", Gmvae(d=20, h=32, K=5, z=4, b=8), full=True, by_coordinate=False),
    case("gmvae mnist", Gmvae(d=784, h=512, K=10, z=64, b=4), full=False, by_coordinate=False),
    case("vae bernoulli", Vae(d=6, h=5, z=2, b=3, beta=1.0), full=True, by_coordinate=True),
    case("vae gaussian", Vae(d=2, h=32, z=2, b=16, beta=0.5, variance=0.2), full=True, by_coordinate=False),
]
header = {
    "versions": {"python": platform.python_version(), "numpy": np.__version__, "torch": torch.__version__},
    "formulas": __doc__.split("\n\n", 2)[2].splitlines(),
    "u_examples": [{"stream": s, "index": i, "u": u(s, (i + 1,))[i].item()} for s, i in [(0, 0), (65537, 3), (66536, 0)]],
}
# json writes the shortest decimal that reads back to the same f64 (at most 17 digits).
lines = [json.dumps(header, indent=1)[1:-2]]
for entry in cases:
    tensors = ",\n".join(json.dumps(tensor, separators=(",", ":"), allow_nan=False) for tensor in entry.pop("tensors"))
    lines.append(f'{json.dumps(entry, allow_nan=False)[:-1]}, "tensors": [\n{tensors}\n]}}')
text = "{" + lines[0] + ',\n "cases": [\n' + ",\n".join(lines[1:]) + "\n]}\n"
json.loads(text)
Path(__file__).with_suffix(".json").write_text(text)
