//! `elbo export`: what a trained model says of each row, as a table.

use std::path::PathBuf;

use clap::Subcommand;
use elbo_datasets::{Elements, Field};
use serde_json::json;

use super::args::{Common, EXIT_CODES};
use crate::data::formats::{Format, endings};
use crate::machine::error::{Error, Result};
use crate::machine::{files, output};
use crate::run::evaluation::Evaluation;
use crate::run::stored::{Run, Stored, Wanted, Which};
use crate::run::trained::Split;

/// Subcommands of `elbo export`.
#[derive(Debug, Subcommand)]
pub enum Export {
    /// Latents, clusters with their probabilities, and labels: of every row of a table, of the test rows of a named set
    #[command(after_help = EXIT_CODES)]
    Latents(Latents),
}

/// Arguments of `elbo export latents`.
#[derive(Debug, clap::Args)]
pub struct Latents {
    /// A run directory
    pub run: PathBuf,
    /// The file: .npz and .csv hold everything, .npy the latents only (without latents the probabilities)
    #[arg(short, long, value_name = "FILE")]
    pub out: PathBuf,
    /// Rows of other data of the same columns: a table, which may lack the labels, or a set by name
    #[arg(long, value_name = "DATA")]
    pub data: Option<String>,
    /// Which checkpoint
    #[arg(long, value_enum, default_value = "last")]
    pub checkpoint: Which,
    /// Where the rest of the arguments are the same for every command
    #[command(flatten)]
    pub common: Common,
}

/// Writes latents, clusters and labels of the rows in their order.
pub fn run(args: &Export) -> Result<()> {
    let Export::Latents(args) = args;
    let problem = || Error::usage(format_args!("--out {}: a name that ends in {}", args.out.display(), endings()));
    let format = Format::of(&args.out).ok_or_else(problem)?;
    args.common.use_threads()?;
    let data_dir = args.common.data_dir.as_deref();
    let mut run = Run::open(&args.run)?;
    let wanted = Wanted { data: args.data.as_deref(), label_column: None, whole: true };
    let (set, remark) = run.rows(&wanted, data_dir)?;
    output::remark(remark.as_deref(), args.common.quiet);
    let Run { dir, config, .. } = run;
    if set.rows() == 0 {
        return Err(Error::data(format_args!("data set {} has no rows", config.data.title())));
    }
    let stored = Stored::load(&dir, args.checkpoint, &config, (set.width(), wanted.data))?;
    output::remark(stored.remark.as_deref(), args.common.quiet);
    let found = stored.evaluate(&config, &set, Split::Test)?;
    let table = Table::of(&found, set.rows());
    let labels = set.labels().map(|labels| labels.values.as_slice());
    let fields = table.fields(labels);
    let bytes =
        format.write(&fields).map_err(|reason| Error::usage(format_args!("{}: {reason}", args.out.display())))?;
    files::write_atomic(&args.out, bytes)?;
    let out = args.out.display().to_string();
    let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
    output::result(args.common.json, || json!({"out": out, "rows": set.rows(), "fields": names}), || format!("{out}\n"))
}

/// The columns of the table, with their shapes.
struct Table<'a> {
    found: &'a Evaluation,
    rows: [usize; 1],
    z: [usize; 2],
    k: [usize; 2],
}

impl<'a> Table<'a> {
    fn of(found: &'a Evaluation, rows: usize) -> Self {
        let z = [rows, found.latents.as_ref().map_or(0, |latents| latents.width)];
        let k = [rows, found.clusters.as_ref().map_or(0, |clusters| clusters.count)];
        Self { found, rows: [rows], z, k }
    }

    /// `z` of the latents, `cluster` and `p` of the clusters, `label` of the data.
    fn fields(&'a self, labels: Option<&'a [u32]>) -> Vec<Field<'a>> {
        let mut fields = Vec::new();
        if let Some(latents) = &self.found.latents {
            fields.push(Field { name: "z", shape: &self.z, elements: Elements::from(latents.means.as_slice()) });
        }
        if let Some(clusters) = &self.found.clusters {
            let assignments = Elements::from(clusters.assignments.as_slice());
            fields.push(Field { name: "cluster", shape: &self.rows, elements: assignments });
            fields.push(Field { name: "p", shape: &self.k, elements: Elements::from(clusters.probs.as_slice()) });
        }
        let labels = labels.map(|labels| Field { name: "label", shape: &self.rows, elements: Elements::from(labels) });
        fields.extend(labels);
        fields
    }
}
