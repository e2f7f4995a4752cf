//! The mixture with latents of one to five dimensions: a part of `toy-density`.

use elbo_datasets::Toy;

use super::super::setup::{KNOWN, LATENT, LATENT_WHOLE, POSTERIORS, PROSE};
use super::runs::look;
use crate::plot::panel::{Key, Line, Lines, Mark, Scale};
use crate::report::{Block, Section, number};
use crate::study::Results;

/// The runs on the mixture with latents of one size.
struct Size<'a> {
    z: &'static str,
    posterior: &'static str,
    runs: Results<'a>,
}

/// The mixture with latents of other sizes.
pub(super) fn section(results: &Results<'_>) -> Section {
    let of = |arm, z| results.of(&[("density", Toy::Mixture.name()), ("arm", arm), ("z", z)]);
    let longest = if of(LATENT_WHOLE, "1").is_empty() { LATENT } else { LATENT_WHOLE };
    let arm = |z| Some(of(longest, z)).filter(|runs| !runs.is_empty()).unwrap_or_else(|| of(KNOWN, z));
    let all = ["1", "2", "3", "5"].into_iter().flat_map(|z| POSTERIORS.map(|posterior| (z, posterior)));
    let sizes = all.map(|(z, posterior)| Size { z, posterior, runs: arm(z).of(&[("posterior", posterior)]) });
    let sizes: Vec<Size<'_>> = sizes.filter(|size| !size.runs.is_empty()).collect();
    let first = sizes.first().and_then(|size| size.runs.runs().first());
    let epochs = first.map(|(experiment, _)| experiment.config.method.extent());
    let row = |size: &Size<'_>| {
        let metrics = ["elbo", "iwae-500", "kl", "sw1", "off-mode share"].map(|name| number(size.runs.median(name)));
        let head = [format!("{}, {}", size.z, size.posterior), size.runs.runs().len().to_string()];
        head.into_iter().chain(metrics).collect()
    };
    let head =
        ["dimensions, posterior", "seeds", "ELBO (nats)", "IWAE-500 (nats)", "KL (nats)", "SW1", "off-mode share"];
    let caption = format!(
        "The mixture with latents of one to five dimensions, learned variances that are the same for all codes, \
         medians, after {} epochs (the source: 400). With one dimension nothing lies off the diagonal, so both \
         posteriors are the same model.",
        epochs.unwrap_or(0)
    );
    let mut blocks = vec![
        Block::Table { caption, head: head.map(String::from).into(), rows: sizes.iter().map(row).collect() },
        figure(&sizes),
    ];
    let elbo = |z: &str, posterior: &str| {
        let size = sizes.iter().find(|size| (size.z, size.posterior) == (z, posterior))?;
        Some(size.runs.median("elbo"))
    };
    if let (Some(one), Some(two), Some(full)) = (elbo("1", "diagonal"), elbo("2", "diagonal"), elbo("2", "full"))
        && one > two
        && one > full
    {
        blocks.push(Block::Text(format!(
            "One dimension, which has no covariances, is better here ({} nats) than two with either posterior ({} \
             diagonal, {} full). So what a full covariance gains in two dimensions may be the solution that training \
             finds as much as a closer posterior; these runs do not tell the two apart.",
            number(one),
            number(two),
            number(full)
        )));
    }
    Section { title: "How many latent dimensions does the mixture want?".into(), blocks }
}

/// What the size of the latent does to the mixture.
fn figure(sizes: &[Size<'_>]) -> Block {
    let strokes = |posterior: &str| look(posterior).pattern(usize::from(posterior == "full"));
    let panel = |(metric, stem, title, label): (&str, &str, &str, &str)| {
        let line = |posterior: &str| {
            let of = sizes.iter().filter(|size| size.posterior == posterior);
            let (mut points, mut band) = (Vec::new(), Vec::new());
            for (size, z) in of.filter_map(|size| Some((size, size.z.parse().ok()?))) {
                let values = size.runs.metric(metric);
                let ends = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
                points.push((z, size.runs.median(metric)));
                band.push((z, ends.0, ends.1));
            }
            Line { markers: true, points, band, ..Line::new(strokes(posterior)) }
        };
        let (x, y) = (Scale::new("dimensions of the latent").limits(0.5, 5.5), Scale::new(label));
        let lines = Lines { title: title.into(), x, y, series: POSTERIORS.map(line).into(), reference: None };
        (stem.to_string(), lines.draw())
    };
    Block::Figure {
        id: "latent-size".into(),
        caption: PROSE.get("latent-size"),
        legend: POSTERIORS
            .map(|p| Key { name: format!("{p} posterior"), look: strokes(p), mark: Mark::JoinedPoints })
            .into(),
        panels: [
            ("elbo", "elbo", "Bound on ln p(x)", "ELBO (nats)"),
            ("off-mode share", "off-mode", "Generated off every mode", "share of points"),
        ]
        .map(panel)
        .into(),
    }
}
