//! Several outputs of one network.

use elbo_autograd::{Activation, Var};

use super::{Builder, Input, Linear, Net};

/// Linear outputs on shared hidden layers; with a branch, each has a hidden layer of its own after the shared ones. The
/// outputs, or the branches, are one product side by side.
#[derive(Debug)]
pub(super) struct Heads {
    trunk: Net,
    /// One layer a branch; none if the outputs are columns of the trunk's output.
    branches: Vec<Linear>,
    /// Width of each output.
    widths: Vec<usize>,
}

impl Heads {
    /// Outputs of these names and widths. Parameters `{name}.hidden.{i}`, then one layer named by joining the outputs'
    /// names by `_`, or with a `branch` of that many units `{name}.branch` and a layer for each output.
    pub fn new(
        b: &mut Builder,
        name: &str,
        inputs: &[Input],
        (hidden, branch): (&[usize], Option<usize>),
        outputs: &[(&str, usize)],
    ) -> Self {
        let n = outputs.len();
        let widths: Vec<usize> = outputs.iter().map(|(_, width)| *width).collect();
        let Some(units) = branch.filter(|_| n > 1) else {
            let hidden: Vec<usize> = hidden.iter().copied().chain(branch).collect();
            let head = outputs.iter().map(|(part, _)| *part).collect::<Vec<_>>().join("_");
            let trunk = Net::side_by_side(b, name, &head, inputs, &hidden, &widths);
            return Self { trunk, branches: Vec::new(), widths };
        };
        let mut trunk = Net::side_by_side(b, name, "branch", inputs, hidden, &vec![units; n]);
        trunk.output.activation = b.activation;
        let mut head = |(part, width): &(&str, usize)| {
            Linear::new(b, &format!("{name}.{part}"), &[("h", units)], &[*width], Activation::Identity)
        };
        let branches = outputs.iter().map(&mut head).collect();
        Self { trunk, branches, widths }
    }

    /// The outputs in order, as many as were declared.
    pub fn forward<'t, const N: usize>(&self, inputs: &[Var<'t>]) -> [Var<'t>; N] {
        assert_eq!(N, self.widths.len(), "outputs of a network");
        let out = self.trunk.forward(inputs);
        if N == 1 {
            return [out; N];
        }
        let units = out.shape().last() / N;
        std::array::from_fn(|i| match self.branches.get(i) {
            Some(branch) => branch.forward(&[out.slice(i * units..(i + 1) * units)]),
            None => {
                let start = self.widths[..i].iter().sum();
                out.slice(start..start + self.widths[i])
            }
        })
    }
}
