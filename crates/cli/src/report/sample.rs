//! For the tests: a report with every kind of block and panel.

use super::{Band, Block, Report, Section, Statement, Verdict};
use crate::plot::Look;
use crate::plot::panel::{
    Cloud, Confusion, Ellipse, HeatMap, Images, Key, Line, Lines, Mark, Marked, Marks, Points, Polyline, Reference,
    Scale, Spot, Strip,
};

const CONTINUOUS: Look = Look::new(0);
const DISCRETE: Look = Look::new(1);

/// Made-up numbers throughout.
pub fn report() -> Report {
    let figure = |id: &str, caption: &str, legend, panels: Vec<(&str, String)>| Block::Figure {
        id: id.into(),
        caption: caption.into(),
        legend,
        panels: panels.into_iter().map(|(stem, svg)| (stem.to_string(), svg)).collect(),
    };
    let models = |mark| vec![key("continuous latent", CONTINUOUS, mark), key("discrete latent", DISCRETE, mark)];
    let mut histories = models(Mark::Band);
    histories.push(key("published run", CONTINUOUS.faint(), Mark::Line));
    let samples = vec![key("class 0", Look::new(0), Mark::Points), key("class 1", Look::new(1), Mark::Points)];
    let evidence = vec![
        Block::Text("Every row is judged twice; see `elbo reproduce beta-sweep --dry-run` for the cells.".into()),
        Block::Verdicts { caption: "Medians over 100 seeds with their 2.5–97.5 % range.".into(), rows: verdicts() },
        table(),
        Block::Table {
            caption: "Share of seeds that merge two clusters.".into(),
            head: vec!["layout".into(), "share (%)".into()],
            rows: vec![vec!["circle".into(), "31".into()], vec!["axes".into(), "64".into()]],
        },
    ];
    let figures = vec![
        figure(
            "history",
            "Training histories, median and quartiles.",
            histories,
            ["loss", "recon", "KL"].map(history).to_vec(),
        ),
        figure("data", "Data and latent space.", samples, vec![("data", data()), ("latent", latent())]),
        figure("tradeoff", "Reconstruction against KL over β.", models(Mark::JoinedPoints), vec![("all", tradeoff())]),
        figure(
            "matrices",
            "Metrics, clusters and samples.",
            vec![],
            vec![("heat", heat()), ("confusion", confusion()), ("samples", images())],
        ),
    ];
    let limits = vec![
        Block::List(vec!["The geometry of the data is not stated.".into(), "The learning rate is not stated.".into()]),
        Block::Code("elbo reproduce beta-sweep --seeds 100 \\\n  --out runs/beta-sweep".into()),
    ];
    Report {
        title: "β sweep: a discrete and a continuous latent on a two-dimensional mixture".into(),
        question: "Does a larger β cost a discrete latent as much as a continuous one? The source trains both at six \
                   values of β on three clusters and reports reconstruction, KL and clustering."
            .into(),
        summary: vec![
            Statement { holds: Some(true), text: "41 of 42 medians lie in their reference band.".into() },
            Statement { holds: Some(false), text: "The discrete KL at `β = 5` lies above its band.".into() },
            Statement { holds: None, text: "39 of the 42 values of the source lie within our 5–95 %.".into() },
        ],
        sections: vec![
            Section { title: "Numbers".into(), blocks: evidence },
            Section { title: "Figures".into(), blocks: figures },
            Section { title: "What could not be reproduced, and why".into(), blocks: limits },
        ],
        provenance: vec![
            ("version".into(), "elbo 0.1.0".into()),
            ("command".into(), "`elbo reproduce beta-sweep --seeds 100 --out runs/beta-sweep`".into()),
            ("kernel, threads".into(), "AVX2, 2".into()),
            ("duration".into(), "2 min 41 s".into()),
        ],
    }
}

fn key(name: &str, look: Look, mark: Mark) -> Key {
    Key { name: name.into(), look, mark }
}

fn verdicts() -> Vec<Verdict> {
    let row = |quantity: &str, median: f64, source, percentile, holds| {
        let values: Vec<f64> =
            (0..100).map(|i| median + 0.5 * (f64::from(i) * 0.7).sin() + f64::from(i % 7) * 0.03).collect();
        let band =
            Band { low: Some(median - 0.2), high: Some(median + 0.3), what: "quartiles of 400 independent restarts" };
        let strip = Strip { look: CONTINUOUS, values, band: Some((band.low, band.high)), source };
        Verdict {
            quantity: quantity.into(),
            unit: "nats",
            median,
            spread: (median - 0.6, median + 0.7),
            n: 100,
            band: Some(band),
            holds,
            source,
            source_percentile: percentile,
            strip: Some(strip.draw()),
        }
    };
    vec![
        row("Reconstruction at β = 0.1, continuous", 3.673, Some(3.272), Some(33.2), Some(true)),
        row("KL at β = 5, discrete", 0.0471, Some(-0.3), Some(3.1), Some(false)),
        row("KL at β = 1, continuous", 1.32, None, None, None),
    ]
}

fn table() -> Block {
    let betas = ["0.1", "0.25", "0.5", "1", "2", "5"];
    let head = ["metric", "unit"].into_iter().chain(betas).map(str::to_string).collect();
    let rows = [("continuous, recon", "nats", 3.27), ("continuous, KL", "nats", 5.13), ("discrete, NMI", "", 0.97)];
    let row = |(name, unit, value): (&str, &str, f64)| -> Vec<String> {
        let cells = (0..6).map(|i| super::number(value * (1.0 - 0.13 * f64::from(i))));
        [name.to_string(), unit.to_string()].into_iter().chain(cells).collect()
    };
    Block::Table { caption: "The table of the source, re-made.".into(), head, rows: rows.map(row).to_vec() }
}

fn history(quantity: &'static str) -> (&'static str, String) {
    let curve = |level: f64| -> Vec<(f64, f64)> {
        (1..=60).map(|e| (f64::from(e), level + 9.0 / f64::from(e) + 0.2 * f64::from(e).sin())).collect()
    };
    let line = |look, level| {
        let points = curve(level);
        let band = points.iter().map(|&(x, y)| (x, y - 0.6, y + 0.9)).collect();
        Line { look, points, band, markers: false }
    };
    let published = Line { points: curve(4.4), ..Line::new(CONTINUOUS.faint()) };
    let lines = Lines {
        title: format!("{quantity} at β = 0.5"),
        x: Scale::new("epoch"),
        y: Scale::new(&format!("{quantity} (nats)")),
        series: vec![line(CONTINUOUS, 3.9), line(DISCRETE, 6.7), published],
        reference: Some(Reference { y: 3.4, label: "best attainable".into() }),
    };
    (quantity, lines.draw())
}

fn cloud(index: u32) -> Cloud {
    let point = |i: u32| {
        let (t, r) = (f64::from(i) * 2.399, f64::from(i).sqrt() * 0.05);
        (3.0 * f64::from(index) - 1.5 + r * t.cos(), 2.0 * r * t.sin())
    };
    Cloud { look: Look::new(index as usize), points: (0..600).map(point).collect() }
}

fn data() -> String {
    Points { clouds: vec![cloud(0), cloud(1)], ..Points::new("data", Scale::new("x1"), Scale::new("x2")) }.draw()
}

fn latent() -> String {
    let ellipse =
        |x| Ellipse { look: Look::new(6).pattern(0), mean: (x, 0.0), cov: [[0.4, 0.3], [0.3, 0.9]], sigmas: 2.0 };
    let across = |k: i32| Polyline {
        look: Look::GREY.faint(),
        points: (-8..=8).map(|i| (f64::from(i) / 2.5, f64::from(k) + (f64::from(i) / 3.0).sin())).collect(),
    };
    Points {
        clouds: vec![cloud(0), cloud(1)],
        ellipses: vec![ellipse(-1.5), ellipse(1.5)],
        polylines: (-2..=2).map(across).collect(),
        ..Points::new(
            "latent space after training",
            Scale::new("z1").limits(-4.0, 4.0),
            Scale::new("z2").limits(-3.0, 3.0),
        )
    }
    .draw()
}

fn tradeoff() -> String {
    let series = |look, shift: f64| {
        let spot = |(i, beta): (usize, &str)| {
            let (kl, recon) = (5.1 * 0.5f64.powi(i as i32), 3.2 + shift + 0.9 * i as f64);
            Spot {
                at: (kl, recon),
                x_range: Some((0.7 * kl, 1.3 * kl)),
                y_range: Some((recon - 0.8, recon + 0.9)),
                label: format!("β = {beta}"),
            }
        };
        let spots = ["0.1", "0.25", "0.5", "1", "2", "5"].into_iter().enumerate().map(spot).collect();
        Marked { look, joined: true, spots }
    };
    let series = vec![series(CONTINUOUS, 0.0), series(DISCRETE, 2.0)];
    let (x, y) = (Scale::new("KL (nats)").log(), Scale::new("reconstruction (nats)"));
    Marks { title: "reconstruction against KL".into(), x, y, series }.draw()
}

fn names(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| text.to_string()).collect()
}

fn heat() -> String {
    let values = [3.27, 5.13, 0.943, 0.98].map(|v| (0..6).map(|i| v * (1.0 - 0.1 * f64::from(i))).collect());
    HeatMap {
        title: "metrics, continuous latent".into(),
        row_axis: "metric".into(),
        rows: names(&["recon (nats)", "KL (nats)", "NMI", "accuracy"]),
        column_axis: "β".into(),
        columns: names(&["0.1", "0.25", "0.5", "1", "2", "5"]),
        values: values.to_vec(),
    }
    .draw()
}

fn confusion() -> String {
    let digits: Vec<String> = (0..10).map(|i| i.to_string()).collect();
    let counts = (0..10).map(|i| (0..10).map(|j| if i == j { 1012 } else { (i * 31 + j * 17) % 13 * 9 }).collect());
    Confusion {
        title: "test rows by cluster and label".into(),
        row_axis: "cluster".into(),
        rows: digits.clone(),
        column_axis: "label".into(),
        columns: digits,
        counts: counts.collect(),
    }
    .draw()
}

fn images() -> String {
    let pixel = |i: usize| {
        let (k, row, column) = (i / 7840, (i % 784 / 28) as f64 - 13.5, (i % 28) as f64 - 13.5);
        (1.0 - (row.hypot(column) - 3.0 - k as f64 * 0.8).abs() / 2.0).max(0.0)
    };
    Images {
        title: "samples by cluster".into(),
        row_labels: (0..10).map(|k| format!("y = {k}, mostly {}", k * 7 % 10)).collect(),
        columns: 10,
        sides: (28, 28),
        pixels: (0..78_400).map(pixel).collect(),
    }
    .draw()
}
