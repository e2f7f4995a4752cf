//! The mixture with latents of one to five dimensions: a part of `toy-density`.

use elbo_datasets::Toy;

use super::super::setup::{KNOWN, LATENT, LATENT_WHOLE, POSTERIORS, PROSE};
use super::runs::{both, key, look};
use crate::plot::panel::{Line, Mark, Scale};
use crate::report::{Block, number};
use crate::study::Results;
use crate::study::figure::lines;
use crate::study::results::ends;

/// The runs on the mixture with latents of one size.
struct Size<'a> {
    z: &'static str,
    posterior: &'static str,
    runs: Results<'a>,
}

/// The mixture with latents of other sizes.
pub(super) fn blocks(results: &Results<'_>) -> Vec<Block> {
    let of = |arm, z| both(results, Toy::Mixture, arm).of(&[("z", z)]);
    let longest = if of(LATENT_WHOLE, "1").is_empty() { LATENT } else { LATENT_WHOLE };
    let arm = |z| Some(of(longest, z)).filter(|runs| !runs.is_empty()).unwrap_or_else(|| of(KNOWN, z));
    let all = ["1", "2", "3", "5"].into_iter().flat_map(|z| POSTERIORS.map(|posterior| (z, posterior)));
    let sizes = all.map(|(z, posterior)| Size { z, posterior, runs: arm(z).of(&[("posterior", posterior)]) });
    let sizes: Vec<Size<'_>> = sizes.filter(|size| !size.runs.is_empty()).collect();
    let first = sizes.first().and_then(|size| size.runs.runs().first());
    let epochs = first.map_or(0, |(experiment, _)| experiment.config.method.extent());
    let row = |size: &Size<'_>| {
        let metrics = ["elbo", "iwae-500", "kl", "sw1", "off-mode share"].map(|name| number(size.runs.median(name)));
        let head = [format!("{}, {}", size.z, size.posterior), size.runs.runs().len().to_string()];
        head.into_iter().chain(metrics).collect()
    };
    let table = PROSE.table("latent-sizes", &[("epochs", epochs)], sizes.iter().map(row).collect());
    let mut blocks = vec![table, figure(&sizes)];
    let elbo = |z: &str, posterior: &str| {
        let size = sizes.iter().find(|size| (size.z, size.posterior) == (z, posterior))?;
        Some(size.runs.median("elbo"))
    };
    if let (Some(one), Some(two), Some(full)) = (elbo("1", "diagonal"), elbo("2", "diagonal"), elbo("2", "full"))
        && one > two
        && one > full
    {
        let values = [("one", number(one)), ("two", number(two)), ("full", number(full))];
        blocks.push(Block::Text(PROSE.fill("one-dimension", &values)));
    }
    blocks
}

/// What the size of the latent does to the mixture.
fn figure(sizes: &[Size<'_>]) -> Block {
    let panel = |stem: &str, title: &str, metric: &str, label: &str| {
        let line = |posterior: &str| {
            let mut line = Line { markers: true, ..Line::new(look(posterior)) };
            for size in sizes.iter().filter(|size| size.posterior == posterior) {
                let (z, ends) = (size.z.parse().unwrap_or(f64::NAN), ends(&size.runs.metric(metric)));
                line.points.push((z, size.runs.median(metric)));
                line.band.push((z, ends.0, ends.1));
            }
            line
        };
        let (x, y) = (Scale::new("dimensions of the latent").limits(0.5, 5.5), Scale::new(label));
        lines(stem, title, x, y, POSTERIORS.map(line).into())
    };
    let legend = POSTERIORS.map(|posterior| key(posterior, Mark::JoinedPoints)).into();
    let panels = vec![
        panel("elbo", "Bound on ln p(x)", "elbo", "ELBO (nats)"),
        panel("off-mode", "Generated off every mode", "off-mode share", "share of points"),
    ];
    Block::figure("latent-size", PROSE.get("latent-size"), legend, panels)
}
