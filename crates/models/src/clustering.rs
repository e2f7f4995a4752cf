//! What M2, modified M2 and the GMVAE have in common: inference networks and bound. Source: Kingma et al. (2014),
//! "Semi-supervised Learning with Deep Generative Models", eq. 7, as used by Shu (2016) without labels.

use elbo_autograd::Var;
use elbo_tensor::Real;

use crate::dist::{Categorical, DiagNormal, Kl, UniformCategorical, codes};
use crate::nn::{Builder, CategoricalNet, NormalNet, Spread};
use crate::{Objective, Setting, Settings};

/// `q(y|x)` and `q(z|x,y)` with the prior `p(y) = 1/k`, and the weights of the divergences.
#[derive(Debug)]
pub(crate) struct Inference {
    q_y: CategoricalNet,
    q_z: NormalNet,
    p_y: UniformCategorical,
    eta: Real,
    beta: Real,
}

/// The settings of all models with a class and a latent.
pub(crate) fn settings() -> Vec<Setting> {
    vec![
        Setting::int("k", 10, [1, 1000], "number of clusters"),
        Setting::int("z", 64, [1, 4096], "dimensions of the latent"),
        Setting::ints("hidden", &[512, 512], [1, 16384], "units of each hidden layer, in all networks"),
        Setting::float("floor", 0.0, [0.0, 1e6], "summand of every learned variance; 0: none, as published"),
        Setting::float("eta", 1.0, [0.0, 1e6], "weight of KL(q(y|x) ‖ p(y)) in the loss"),
        Setting::float("beta", 1.0, [0.0, 1e6], "weight of the divergence of q(z|x,y) from its prior in the loss"),
    ]
}

impl Inference {
    /// Networks for data of `width` dimensions.
    pub fn new(settings: &Settings, width: usize, b: &mut Builder) -> Self {
        b.floor(settings.float("floor"));
        let (k, z, hidden) = (settings.int("k"), settings.int("z"), settings.ints("hidden"));
        Self {
            q_y: CategoricalNet::new(b, "q_y", &[("x", width)], &hidden, k),
            q_z: NormalNet::new(b, "q_z", &[("x", width), ("y", k)], &hidden, None, z, Spread::SoftplusVar),
            p_y: UniformCategorical { classes: k },
            eta: settings.float("eta") as Real,
            beta: settings.float("beta") as Real,
        }
    }

    /// Number of clusters k.
    pub fn classes(&self) -> usize {
        self.p_y.classes
    }

    /// `q(y|x)`: `[b, k]`, and `q(z|x,y)` under each class: `[k, b, z]`.
    pub fn posterior<'t>(&self, x: Var<'t>) -> (Var<'t>, DiagNormal<'t>) {
        (self.q_y.given([x]).probs(), self.q_z.given([x, codes(x.tape(), self.classes())]))
    }

    /// `−E_{q(y|x)} [ln p(x|y,z) − ln q(z|x,y) + ln p(z|y)] + KL(q(y|x) ‖ p(y))`, exact over y, with the divergences
    /// weighted by β and η. `parts(y, q(z|x,y))` gives `ln p(x|y,z)` and `ln q(z|x,y) − ln p(z|y)` for one z of each y.
    pub fn bound<'t>(&self, x: Var<'t>, parts: impl FnOnce(Var<'t>, DiagNormal<'t>) -> [Var<'t>; 2]) -> Objective<'t> {
        let q_y: Categorical<'t> = self.q_y.given([x]);
        let [log_px, kl_z] = q_y.expect(|y| parts(y, self.q_z.given([x, y])));
        let kl_y = q_y.kl(&self.p_y);
        Objective::nll(log_px).plus(self.eta, "kl_y", kl_y).plus(self.beta, "kl_z", kl_z).with_clusters(q_y.probs())
    }

    /// `ln Σ_y p(y) p(x|y,z) p(z|y) / q(z|x,y)`: the logarithm of an unbiased estimate of `p(x)` for each sample of z,
    /// `[b]` or `[m, b]`.
    pub fn log_evidence<'t>(&self, x: Var<'t>, parts: impl FnOnce(Var<'t>, DiagNormal<'t>) -> [Var<'t>; 2]) -> Var<'t> {
        self.p_y.marginalize(x.tape(), |y| {
            let [log_px, kl_z] = parts(y, self.q_z.given([x, y]));
            log_px - kl_z
        })
    }
}
