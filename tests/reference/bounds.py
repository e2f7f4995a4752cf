"""Bounds and gradients of every model in PyTorch, float64: writes bounds.json beside this file.

    pip install torch && python bounds.py

Nothing random is stored: parameters, data and noise come from one formula (all arithmetic modulo 2^64).

    G         = 0x9E3779B97F4A7C15
    mix(s)    : s ^= s >> 30; s *= 0xBF58476D1CE4E5B9; s ^= s >> 27; s *= 0x94D049BB133111EB; s ^= s >> 31
    u(s, i)   = (mix(mix(s) + (i + 1) * G) >> 11) * 2^-53                 in [0, 1); u(0, .) is splitmix64 seeded with 0
    stream s  = seed * 65536 + t, with the case's `seed`

    parameter tensor number t (0-based, in the listed order), flat row-major index i:
        weight  (2u - 1) * sqrt(6 / (fan_in + fan_out)), fan_out the number of columns, fan_in the stored `fan_in`
                (the number of rows, except where two matrices are blocks of one: q_z.hidden.0.weight_x and weight_y, d + K,
                and M2's p_x.hidden.0.weight_z and weight_y, z + K)
        bias    (2u - 1) * 0.1
    x [b, d]    t = 1000: 1[u > 0.5] where the data are binary, 4u - 2 where they are real
    eps         t = 1001: (2u - 1) * sqrt(3); shape [K, b, z] with classes and a latent, [b, z] without classes

A linear layer is y = x W + b, W of shape [in, out]. Losses are means over the batch, in nats, to be minimised. Every
learned variance has the setting `floor` added.

With classes and a latent (gmvae, m2, modified-m2): q(y|x) softmax of logits [K]; q(z|x,y) diagonal normal with variance
softplus(raw_var); x|. Bernoulli with logits.
    z_k    = loc_k + sqrt(var_k) * eps_k
    recon  = sum_k q_k * -log p(x|z_k, k)
    kl_y   = sum_k q_k log q_k + log K
    kl_z   = sum_k q_k * (log N(z_k; q(z|x,k)) - log p(z_k|k))
    loss   = recon + eta * kl_y + beta * kl_z
  gmvae: p(z|y) normal, linear in y, variance softplus(raw_var); the decoder sees z.
  m2: p(z) standard normal; the decoder sees z and y.
  modified-m2: p(z) standard normal; the decoder sees h = m(y) + s(y) z or its ReLU; s = sqrt(softplus(raw_var)), raw_var linear
    in y (by-class, direct) or shared by all classes, or s itself linear in y (signed). Its hidden layers are those of
    `hidden` (layer), with the last width once more (deep), or without the first (relu, identity).
VAE: q(z|x) normal with diagonal spread exp(raw_var / 2), or exp(raw_var) with a log-scale head, and where full
    L = diag(spread) + lower (row by row below the diagonal); z = loc + L eps. With a branch each head has a hidden
    layer.
    recon  = e(x, z)
    kl_z   = 1/2 (|L|^2 + |loc|^2 - z) - sum log diag L
    loss   = recon + beta * kl_z
  Where the posterior is a point: z = loc, and loss = recon.
Discrete VAE: q(y|x) softmax of logits [K]; the decoder sees y; kl_y as above.
    recon  = sum_k q_k * e(x, k)
    loss   = recon + beta * kl_y
In both, e(x, .) is -log p(x|.), with its constant where normal, or a squared error:
    bernoulli   x|. Bernoulli with logits
    gaussian    x|. normal with a fixed variance v, with variance exp(raw_var), raw_var an output of the decoder
                (per-sample) or shared by all codes (global), or with full covariance, L as above of its outputs
    sse, mse    |x - loc|^2, and |x - loc|^2 / d
Hidden layers are ReLU, or tanh where the setting `activation` says so. min_abs_preactivation is the distance of the
nearest ReLU to its kink; the seeds are those of 0..SEEDS-1 where it is largest, so that f32 rounding does not switch a
unit, and 0 without a ReLU.

JSON layout:
  versions    {python, numpy, torch}
  formulas    this text from its second paragraph on, by lines
  u_examples  [{stream, index, u}]
  cases       [{name, model, settings, data: binary | real, sizes: {d, b, units}, noise_shape (null: no noise), seed,
              min_abs_preactivation (null: no ReLU), x_sum, eps_sum, terms: {recon, kl_y, kl_z, where the model has
              them}, loss, tensors}]
  tensors     in the order of t: [{name, parameter (the library's, of which this is a block of columns), column (the first of
              them), shape, fan_in (null: bias), first, last (the tensor's own first and last value), grad_norm (L2, of the mean
              loss), grad_indices (null: all), grad: values at those flat indices}]; where not all are stored, the
              indices are j * size // 64 for j in 0..64, without repetition
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


def linear(name, rows, columns, home=None, column=0):
    """A layer of the layout: (name, shape, fan_in, the library's parameter, first column in it) of weight and bias."""
    home = home or name
    return [(name + ".weight", (rows, columns), rows, home + ".weight", column),
            (name + ".bias", (columns,), None, home + ".bias", column)]


def joined(name, inputs, columns):
    """A layer whose weight is a block for each input."""
    fan_in = sum(inputs.values())
    blocks = [(f"{name}.weight_{i}", (rows, columns), fan_in, f"{name}.weight_{i}", 0) for i, rows in inputs.items()]
    return [*blocks, (name + ".bias", (columns,), None, name + ".bias", 0)]


def stack(name, rows, hidden):
    widths = [rows, *hidden]
    return [entry for i, h in enumerate(hidden) for entry in linear(f"{name}.hidden.{i}", widths[i], h)]


def heads(name, rows, outputs, branch):
    """Outputs {part: width} that the library holds side by side, after a hidden layer each if there is a branch."""
    parts = {"loc": "loc", "raw_var": "spread", "lower": "lower"}
    if len(outputs) == 1:
        [(part, width)] = outputs.items()
        return linear(f"{name}.{part}", rows, width)
    if branch:
        before = [linear(f"{name}.branch_{part}", rows, branch, f"{name}.branch", i * branch) for i, part in enumerate(outputs)]
        after = [linear(f"{name}.{part}", branch, width, f"{name}.{parts[part]}") for part, width in outputs.items()]
        return sum(before + after, [])
    home, column, layout = f"{name}." + "_".join(parts[part] for part in outputs), 0, []
    for part, width in outputs.items():
        layout += linear(f"{name}.{part}", rows, width, home, column)
        column += width
    return layout


class Net:
    """Layers on the parameters p, which note how near their ReLUs come to the kink."""

    def __init__(self, p, kinks, activation="relu"):
        self.p, self.kinks = p, kinks
        self.activate = {"relu": self.relu, "tanh": torch.tanh}[activation]

    def dense(self, name, x):
        return x @ self.p[name + ".weight"] + self.p[name + ".bias"]

    def relu(self, a):
        self.kinks.append(a.detach().abs().min().item())
        return a.relu()

    def stack(self, name, x, first=0):
        while f"{name}.hidden.{first}.weight" in self.p:
            x, first = self.activate(self.dense(f"{name}.hidden.{first}", x)), first + 1
        return x

    def head(self, name, part, h):
        if f"{name}.{part}" in self.p:  # the same for all inputs
            return self.p[f"{name}.{part}"]
        branch = f"{name}.branch_{part}"
        return self.dense(f"{name}.{part}", self.activate(self.dense(branch, h)) if branch + ".weight" in self.p else h)


def softplus(raw):  # F.softplus turns linear above 20
    return torch.logaddexp(raw, torch.zeros(()))


def log_normal(x, loc, var):
    return -0.5 * (math.log(2 * math.pi) + var.log() + (x - loc).square() / var).sum(-1)


def mlp(p, name, head, x, activate=F.relu):
    """A network again, by torch.nn.functional."""
    if f"{name}.{head}" in p:
        return p[f"{name}.{head}"]
    i = 0
    while f"{name}.hidden.{i}.weight" in p:
        x, i = activate(F.linear(x, p[f"{name}.hidden.{i}.weight"].T, p[f"{name}.hidden.{i}.bias"])), i + 1
    if f"{name}.branch_{head}.weight" in p:
        x = activate(F.linear(x, p[f"{name}.branch_{head}.weight"].T, p[f"{name}.branch_{head}.bias"]))
    return F.linear(x, p[f"{name}.{head}.weight"].T, p[f"{name}.{head}.bias"])


def tril(diag, lower):
    """L of batches of diagonals [.., n] and entries below them [.., n(n-1)/2]."""
    n = diag.shape[-1]
    rows, columns = torch.tril_indices(n, n, -1)
    out = torch.diag_embed(diag)
    out[..., rows, columns] = lower
    return out


class Model:
    weights, noise_shape = {}, None

    def loss(self, terms):
        return sum(self.weights.get(name, 1.0) * value for name, value in terms.items())


class Clustering(Model):
    def __init__(self, kind, d, hidden, K, z, b, eta=1.0, beta=1.0, floor=0.0, **choices):
        self.kind, self.K, self.floor, self.choices = kind, K, floor, choices
        self.weights, self.noise_shape, self.real = {"kl_y": eta, "kl_z": beta}, (K, b, z), False
        self.sizes = {"d": d, "b": b, "units": max(hidden)}
        self.settings = {"k": K, "z": z, "hidden": hidden, "eta": eta, "beta": beta, "floor": floor, **choices}
        first, rest = hidden[0], hidden[1:]
        self.layout = [
            *stack("q_y", d, hidden), *linear("q_y.logits", hidden[-1], K),
            *joined("q_z.hidden.0", {"x": d, "y": K}, first),
            *[entry for i, h in enumerate(rest, 1) for entry in linear(f"q_z.hidden.{i}", hidden[i - 1], h)],
            *heads("q_z", hidden[-1], {"loc": z, "raw_var": z}, 0),
        ]
        if kind == "gmvae":
            self.layout += [*heads("p_z", K, {"loc": z, "raw_var": z}, 0), *stack("p_x", z, hidden)]
        if kind == "m2":
            hidden = choices["decoder_hidden"]
            self.layout += [
                *joined("p_x.hidden.0", {"z": z, "y": K}, hidden[0]),
                *[entry for i, h in enumerate(hidden[1:], 1) for entry in linear(f"p_x.hidden.{i}", hidden[i - 1], h)],
            ]
        if kind == "modified-m2":
            if choices["scale"] == "shared":
                self.layout += [*linear("p_h.loc", K, z), ("p_h.raw_var", (z,), None, "p_h.spread", 0)]
            else:
                self.layout += heads("p_h", K, {"loc": z, "raw_var": z}, 0)
            hidden = {"layer": hidden, "deep": hidden + hidden[-1:]}.get(choices["decoder"], hidden[1:])
            self.layout += stack("p_x", z, hidden)
        self.layout += linear("p_x.logits", hidden[-1] if hidden else z, d)

    def scale(self, raw):
        return raw if self.choices.get("scale") == "signed" else (softplus(raw) + self.floor).sqrt()

    def terms(self, p, x, eps, kinks):
        net, onehot = Net(p, kinks), torch.eye(self.K)[:, None]
        log_q_y = F.log_softmax(net.dense("q_y.logits", net.stack("q_y", x)), -1)
        q_y = log_q_y.exp()
        first = x @ p["q_z.hidden.0.weight_x"] + onehot @ p["q_z.hidden.0.weight_y"] + p["q_z.hidden.0.bias"]
        h = net.stack("q_z", net.relu(first), 1)
        loc, var = net.head("q_z", "loc", h), softplus(net.head("q_z", "raw_var", h)) + self.floor
        z = loc + var.sqrt() * eps
        log_p_z = log_normal(z, torch.zeros(()), torch.ones(()))
        if self.kind == "gmvae":
            log_p_z = log_normal(z, net.dense("p_z.loc", onehot), softplus(net.dense("p_z.raw_var", onehot)) + self.floor)
            code = net.stack("p_x", z)
        elif self.kind == "m2":
            first = z @ p["p_x.hidden.0.weight_z"] + onehot @ p["p_x.hidden.0.weight_y"] + p["p_x.hidden.0.bias"]
            code = net.stack("p_x", net.relu(first), 1)
        else:
            h = net.dense("p_h.loc", onehot) + self.scale(net.head("p_h", "raw_var", onehot)) * z
            code = net.stack("p_x", net.relu(h) if self.choices["decoder"] == "relu" else h)
        logits = net.dense("p_x.logits", code)

        def expect(values):  # [K, b] under q(y|x)
            return (q_y.T * values).sum(0).mean()

        bce = F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
        kl_y = (q_y * log_q_y).sum(-1).mean() + math.log(self.K)
        return {"recon": expect(bce), "kl_y": kl_y, "kl_z": expect(log_normal(z, loc, var) - log_p_z)}

    def loss_by_distributions(self, p, x, eps):
        """The bound again, one point and one class at a time, from torch.distributions on concatenated inputs."""
        K, total, p = self.K, 0.0, dict(p)
        for name, inputs in [("q_z.hidden.0", "xy"), ("p_x.hidden.0", "zy")]:
            if f"{name}.weight_y" in p:
                p[name + ".weight"] = torch.cat([p[f"{name}.weight_{i}"] for i in inputs])

        def normal(loc, raw):
            return D.Independent(D.Normal(loc, (F.softplus(raw) + self.floor).sqrt()), 1)

        for n, point in enumerate(x):
            q_y = D.Categorical(logits=mlp(p, "q_y", "logits", point))
            total += self.weights["kl_y"] * D.kl_divergence(q_y, D.Categorical(probs=torch.full((K,), 1 / K)))
            for k in range(K):
                y = F.one_hot(torch.tensor(k), K).to(x.dtype)
                xy = torch.cat([point, y])
                q_z = normal(mlp(p, "q_z", "loc", xy), mlp(p, "q_z", "raw_var", xy))
                z = q_z.base_dist.loc + q_z.base_dist.scale * eps[k, n]
                p_z, code = D.Independent(D.Normal(torch.zeros_like(z), torch.ones_like(z)), 1), z
                if self.kind == "gmvae":
                    p_z = normal(mlp(p, "p_z", "loc", y), mlp(p, "p_z", "raw_var", y))
                elif self.kind == "m2":
                    code = torch.cat([z, y])
                else:
                    raw = mlp(p, "p_h", "raw_var", y)
                    s = raw if self.choices["scale"] == "signed" else (F.softplus(raw) + self.floor).sqrt()
                    code = torch.addcmul(mlp(p, "p_h", "loc", y), s, z)
                    code = F.relu(code) if self.choices["decoder"] == "relu" else code
                p_x = D.Independent(D.Bernoulli(logits=mlp(p, "p_x", "logits", code)), 1)
                kl_z = q_z.log_prob(z) - p_z.log_prob(z)
                total += q_y.probs[k] * (self.weights["kl_z"] * kl_z - p_x.log_prob(point))
        return total / len(x)


class Autoencoder(Model):
    """Models whose settings choose p(x|.)."""

    def __init__(self, d, h, b, likelihood, settings):
        get = {"activation": "relu", "branch": 0, "variance": 1.0, "decoder_var": "fixed", "floor": 0.0, **settings}.get
        self.get, self.h, self.likelihood, self.real = get, h, likelihood, likelihood != "bernoulli"
        self.sizes = {"d": d, "b": b, "units": h}

    def network(self, name, rows, outputs):
        """Layout of hidden layers and heads; the branch of a single head is one more hidden layer."""
        branch = self.get("branch")
        hidden = [self.h, branch] if branch and len(outputs) == 1 else [self.h]
        return stack(name, rows, hidden) + heads(name, hidden[-1], outputs, branch)

    def outputs(self, n, is_full):
        return {"loc": n, "raw_var": n, **({"lower": n * (n - 1) // 2} if is_full else {})}

    def decoder(self, rows):
        d, var = self.sizes["d"], self.get("decoder_var")
        if not self.real:
            return self.network("p_x", rows, {"logits": d})
        if self.likelihood != "gaussian" or var == "fixed":
            return self.network("p_x", rows, {"loc": d})
        if var == "global":
            return self.network("p_x", rows, {"loc": d}) + [("p_x.raw_var", (d,), None, "p_x.log_var", 0)]
        return self.network("p_x", rows, self.outputs(d, var == "full"))

    def spread(self, raw, form):
        """Standard deviations, or the diagonal of L."""
        if self.get("floor") == 0:
            return raw.exp() if form == "log-scale" else (raw / 2).exp()
        return ((2 * raw if form == "log-scale" else raw).exp() + self.get("floor")).sqrt()

    def factor(self, net, name, h, form):
        diag = self.spread(net.head(name, "raw_var", h), form)
        return tril(diag, net.head(name, "lower", h)) if f"{name}.lower.weight" in net.p else torch.diag_embed(diag)

    def error(self, net, code, x):
        """e(x, code), where x and code broadcast."""
        h = net.stack("p_x", code)
        if not self.real:
            logits, x = torch.broadcast_tensors(net.dense("p_x.logits", h), x)
            return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
        r = x - net.head("p_x", "loc", h)
        if self.likelihood != "gaussian":
            return r.square().mean(-1) if self.likelihood == "mse" else r.square().sum(-1)
        if self.get("decoder_var") == "fixed":
            covariance = self.get("variance") * torch.eye(x.shape[-1]).expand(*r.shape, -1)
        else:
            m = self.factor(net, "p_x", h, "log-var")
            covariance = m @ m.transpose(-1, -2)
        quadratic = (r[..., None, :] @ torch.linalg.inv(covariance) @ r[..., :, None])[..., 0, 0]
        return 0.5 * (quadratic + torch.logdet(2 * math.pi * covariance))

    def mlp(self, p, name, head, x):
        return mlp(p, name, head, x, {"relu": F.relu, "tanh": torch.tanh}[self.get("activation")])

    def normal(self, p, name, h, form):
        loc, scale = self.mlp(p, name, "loc", h), self.spread(self.mlp(p, name, "raw_var", h), form)
        if f"{name}.lower.weight" not in p:
            return D.Independent(D.Normal(loc, scale), 1)
        return D.MultivariateNormal(loc, scale_tril=tril(scale, self.mlp(p, name, "lower", h)))

    def error_by_distributions(self, p, code, point):
        if self.likelihood in ("mse", "sse"):
            reduction = {"mse": "mean", "sse": "sum"}[self.likelihood]
            return F.mse_loss(self.mlp(p, "p_x", "loc", code), point, reduction=reduction)
        if not self.real:
            p_x = D.Independent(D.Bernoulli(logits=self.mlp(p, "p_x", "logits", code)), 1)
        elif self.get("decoder_var") == "fixed":
            p_x = D.Independent(D.Normal(self.mlp(p, "p_x", "loc", code), math.sqrt(self.get("variance"))), 1)
        else:
            p_x = self.normal(p, "p_x", code, "log-var")
        return -p_x.log_prob(point)


class Vae(Autoencoder):
    kind = "vae"

    def __init__(self, d, h, z, b, beta=1.0, likelihood="gaussian", **settings):
        super().__init__(d, h, b, likelihood, settings)
        self.posterior, self.form = settings.get("posterior", "diagonal"), settings.get("posterior_head", "log-var")
        self.weights, self.noise_shape = {"kl_z": beta}, None if self.posterior == "point" else (b, z)
        self.settings = {"z": z, "hidden": [h], "beta": beta, "likelihood": likelihood, **settings}
        outputs = {"loc": z} if self.posterior == "point" else self.outputs(z, self.posterior == "full")
        self.layout = self.network("q_z", d, outputs) + self.decoder(z)

    def terms(self, p, x, eps, kinks):
        net = Net(p, kinks, self.get("activation"))
        h = net.stack("q_z", x)
        loc = net.head("q_z", "loc", h)
        if self.posterior == "point":
            return {"recon": self.error(net, loc, x).mean()}
        l = self.factor(net, "q_z", h, self.form)
        log_det = l.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        recon = self.error(net, loc + (l * eps[:, None, :]).sum(-1), x).mean()
        kl_z = 0.5 * (l.square().sum((-1, -2)) + loc.square().sum(-1) - loc.shape[-1]) - log_det
        return {"recon": recon, "kl_z": kl_z.mean()}

    def loss_by_distributions(self, p, x, eps):
        if self.posterior == "point":
            return sum(self.error_by_distributions(p, self.mlp(p, "q_z", "loc", point), point) for point in x) / len(x)
        total = 0.0
        for point, noise in zip(x, eps):
            q_z = self.normal(p, "q_z", point, self.form)
            if isinstance(q_z, D.MultivariateNormal):
                z, p_z = q_z.loc + q_z.scale_tril @ noise, D.MultivariateNormal(torch.zeros_like(noise), torch.eye(len(noise)))
            else:
                z = q_z.base_dist.loc + q_z.base_dist.scale * noise
                p_z = D.Independent(D.Normal(torch.zeros_like(noise), torch.ones_like(noise)), 1)
            total += self.weights["kl_z"] * D.kl_divergence(q_z, p_z) + self.error_by_distributions(p, z, point)
        return total / len(x)


class DiscreteVae(Autoencoder):
    kind = "discrete-vae"

    def __init__(self, d, h, K, b, beta=1.0, likelihood="mse", **settings):
        super().__init__(d, h, b, likelihood, settings)
        self.K, self.weights = K, {"kl_y": beta}
        self.settings = {"k": K, "hidden": [h], "beta": beta, "likelihood": likelihood, **settings}
        self.layout = self.network("q_y", d, {"logits": K}) + self.decoder(K)

    def terms(self, p, x, eps, kinks):
        net = Net(p, kinks, self.get("activation"))
        log_q_y = F.log_softmax(net.dense("q_y.logits", net.stack("q_y", x)), -1)
        errors = self.error(net, torch.eye(self.K), x[:, None])  # [b, K]
        kl_y = (log_q_y.exp() * log_q_y).sum(-1).mean() + math.log(self.K)
        return {"recon": (log_q_y.exp() * errors).sum(-1).mean(), "kl_y": kl_y}

    def loss_by_distributions(self, p, x, eps):
        total, p_y = 0.0, D.Categorical(probs=torch.full((self.K,), 1 / self.K))
        for point in x:
            q_y = D.Categorical(logits=self.mlp(p, "q_y", "logits", point))
            total += self.weights["kl_y"] * D.kl_divergence(q_y, p_y)
            for k in range(self.K):
                y = F.one_hot(torch.tensor(k), self.K).to(x.dtype)
                total += q_y.probs[k] * self.error_by_distributions(p, y, point)
        return total / len(x)


def inputs(model, seed):
    """(parameters by name, x, eps) of the formula in the header."""
    parameters = {}
    for t, (name, shape, fan_in, *_) in enumerate(model.layout):
        scale = 0.1 if fan_in is None else math.sqrt(6 / (fan_in + shape[1]))
        parameters[name] = ((2 * u(seed * 65536 + t, shape) - 1) * scale).requires_grad_()
    draws = u(seed * 65536 + DATA, (model.sizes["b"], model.sizes["d"]))
    x = 4 * draws - 2 if model.real else (draws > 0.5).to(draws.dtype)
    eps = None if model.noise_shape is None else (2 * u(seed * 65536 + NOISE, model.noise_shape) - 1) * math.sqrt(3)
    return parameters, x, eps


def nearest_kink(model, seed):
    kinks = []
    with torch.no_grad():
        model.terms(*inputs(model, seed), kinks)
    return min(kinks, default=math.inf)


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
    for t, (name, shape, *_) in enumerate(model.layout):
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
    kink = nearest_kink(model, seed)
    parameters, x, eps = inputs(model, seed)
    terms = model.terms(parameters, x, eps, [])
    loss = model.loss(terms)
    gradients = dict(zip(parameters, torch.autograd.grad(loss, list(parameters.values()))))
    value_error, gradient_error = verify(model, seed, loss.item(), gradients, by_coordinate)
    print(f"{name}: seed {seed}, kink {kink:.1e}, loss {loss.item():.6f}, "
          f"value error {value_error:.1e}, gradient error {gradient_error:.1e}")
    tensors = []
    for t, (tensor, shape, fan_in, parameter, column) in enumerate(model.layout):
        flat = gradients[tensor].reshape(-1)
        size = flat.numel()
        indices = range(size) if full else sorted({j * size // 64 for j in range(64)})
        tensors.append({
            "name": tensor,
            "parameter": parameter,
            "column": column,
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
        "model": model.kind,
        "settings": model.settings,
        "data": "real" if model.real else "binary",
        "sizes": model.sizes,
        "noise_shape": model.noise_shape,
        "seed": seed,
        "min_abs_preactivation": None if kink == math.inf else kink,
        "x_sum": x.sum().item(),
        "eps_sum": 0.0 if eps is None else eps.sum().item(),
        "terms": {key: value.item() for key, value in terms.items()},
        "loss": loss.item(),
        "tensors": tensors,
    }


tiny = {"d": 4, "hidden": [4, 3], "K": 3, "z": 2, "b": 3}
small = {"d": 3, "h": 4, "z": 2, "b": 4}
discrete = {"d": 3, "h": 4, "K": 3, "b": 4, "beta": 0.7}
cases = [
    case("gmvae tiny", Clustering("gmvae", d=6, hidden=[5, 5], K=4, z=3, b=3), full=True, by_coordinate=True),
    case("gmvae middle", Clustering("gmvae", d=20, hidden=[32, 32], K=5, z=4, b=8), full=False, by_coordinate=False),
    case("gmvae mnist", Clustering("gmvae", d=784, hidden=[512, 512], K=10, z=64, b=4), full=False, by_coordinate=False),
    case("gmvae floor", Clustering("gmvae", **tiny, eta=0.3, beta=1.7, floor=0.1), full=True, by_coordinate=True),
    case("m2", Clustering("m2", **tiny, decoder_hidden=[2, 5]), full=True, by_coordinate=True),
    case("modified-m2 relu by-class", Clustering("modified-m2", **tiny, decoder="relu", scale="by-class"),
         full=True, by_coordinate=True),
    case("modified-m2 identity shared", Clustering("modified-m2", **tiny, eta=0.5, floor=0.2, decoder="identity", scale="shared"),
         full=True, by_coordinate=True),
    case("modified-m2 deep signed", Clustering("modified-m2", **tiny, decoder="deep", scale="signed"),
         full=True, by_coordinate=True),
    case("modified-m2 layer direct", Clustering("modified-m2", **tiny, beta=0.6, decoder="layer", scale="direct"),
         full=True, by_coordinate=True),
    case("discrete-vae", DiscreteVae(d=2, h=6, K=4, b=5, beta=0.25), full=True, by_coordinate=True),
    case("discrete-vae sse tanh", DiscreteVae(**discrete, likelihood="sse", activation="tanh"),
         full=True, by_coordinate=True),
    case("discrete-vae bernoulli", DiscreteVae(**discrete, likelihood="bernoulli"), full=True, by_coordinate=True),
    case("discrete-vae gaussian", DiscreteVae(**discrete, likelihood="gaussian", variance=0.5),
         full=True, by_coordinate=True),
    *[case(f"discrete-vae {var}", DiscreteVae(**discrete, likelihood="gaussian", decoder_var=var),
           full=True, by_coordinate=True) for var in ["global", "per-sample", "full"]],
    case("vae bernoulli", Vae(d=6, h=5, z=2, b=3, likelihood="bernoulli"), full=True, by_coordinate=True),
    case("vae gaussian", Vae(d=2, h=32, z=2, b=16, beta=0.5, variance=0.2), full=True, by_coordinate=False),
    case("vae full branches", Vae(d=3, h=4, z=3, b=4, branch=3, posterior="full", posterior_head="log-scale",
                                  decoder_var="per-sample"), full=True, by_coordinate=True),
    case("vae full decoder", Vae(d=3, h=4, z=2, b=4, beta=0.7, posterior="full", decoder_var="full", floor=0.1),
         full=True, by_coordinate=True),
    case("vae global", Vae(**small, beta=1.4, decoder_var="global", floor=0.1), full=True, by_coordinate=True),
    case("vae sse tanh", Vae(**small, beta=0.6, likelihood="sse", activation="tanh", posterior_head="log-scale",
                             floor=0.1), full=True, by_coordinate=True),
    case("vae point mse", Vae(**small, likelihood="mse", posterior="point", branch=5), full=True, by_coordinate=True),
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
