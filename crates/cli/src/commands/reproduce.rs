//! `elbo reproduce`: a published study as a grid of runs, and the report that holds it against its source.

use std::path::{Path, PathBuf};

use clap::ArgAction;
use serde_json::{Value, json};

use super::args::Common;
use crate::grid::{CellProgress, Grid};
use crate::machine::error::{Error, Result};
use crate::machine::interrupt::Interrupt;
use crate::machine::{files, output};
use crate::report::{self, Block, Report, Section, Statement};
use crate::run::setup;
use crate::study::{self, Request, Results, Scale, Study};

/// Arguments of `elbo reproduce`.
#[derive(Debug, clap::Args)]
pub struct Reproduce {
    /// beta-sweep, toy-density, mnist-clustering, modified-m2-nan or gmm-stability
    pub study: String,
    /// A first look in less than two minutes; nothing is judged
    #[arg(long, conflicts_with = "full")]
    pub quick: bool,
    /// More of the source's budget, where the default is less
    #[arg(long)]
    pub full: bool,
    /// Number of seeds [default: the study's own]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub seeds: Option<u64>,
    /// Set a key of every run, e.g. `data.layout=grid`; repeatable. With other settings nothing is judged
    #[arg(long, value_name = "KEY=VALUE", action = ArgAction::Append)]
    pub set: Vec<String>,
    /// Directory of the study; the same command again continues there [default: studies/STUDY, of a
    /// first look studies/STUDY-quick]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Show what would be run and how long it takes
    #[arg(long)]
    pub dry_run: bool,
    /// Where the rest of the arguments are the same for every command
    #[command(flatten)]
    pub common: Common,
}

/// Runs, measures and reports a study.
pub fn run(args: &Reproduce) -> Result<()> {
    let study = find(&args.study)?;
    let scale = match (args.quick, args.full) {
        (true, _) => Scale::Quick,
        (_, true) => Scale::Full,
        _ => Scale::Default,
    };
    let data_dir = args.common.data_dir.as_deref();
    let request = Request { scale, seeds: args.seeds, set: &args.set, data_dir };
    let threads = args.common.use_threads()?;
    let (plan, prepared) = study::prepare(study, &request)?;
    if args.dry_run {
        return output::result(args.common.json, || plan.dry_run_json(threads), || plan.dry_run_table(threads));
    }
    // A first look has other cells than what follows it.
    let folder = format!("{}{}", study.name(), if args.quick { "-quick" } else { "" });
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from("studies").join(folder));
    let grid = Grid::open(&out, plan, &setup::environment(threads))?;
    let interrupt = Interrupt::listen();
    let work =
        |index: usize, dir: &Path, progress: &CellProgress<'_>| prepared[index].run(study, dir, progress, &interrupt);
    let outcomes = grid.run(work, &interrupt, args.common.quiet)?;
    let results = Results::new(prepared.iter().map(|cell| &cell.experiment).zip(&outcomes));
    let mut report = study.report(&results, &request);
    if !request.is_judged() {
        report.summary.iter_mut().for_each(|statement| statement.holds = None);
    }
    let (judged, outside) = report.verdicts();
    if judged > 0 {
        let most = match judged - outside.len() {
            all if all == judged => ".".to_string(),
            inside => format!(": {inside} do."),
        };
        let text = format!("All {judged} judged quantities lie within their bands{most}");
        report.summary.push(Statement { holds: Some(outside.is_empty()), text });
    }
    report.sections.push(command(args));
    report.provenance = provenance(&grid.environment(), threads, &results);
    write(&out, &report)?;
    tell(args, &request, &out, &report)
}

fn find(name: &str) -> Result<&'static dyn Study> {
    study::all().into_iter().find(|study| study.name() == name).ok_or_else(|| {
        let known: Vec<String> = study::all().iter().map(|s| format!("{} ({})", s.name(), s.about())).collect();
        Error::usage(format_args!("no study `{name}`; there are {}", known.join("; ")))
    })
}

/// The command that makes the report again; where its data lie is another matter on every machine.
fn command(args: &Reproduce) -> Section {
    let mut command = format!("elbo reproduce {}", args.study);
    let seeds = args.seeds.map(|n| format!(" --seeds {n}"));
    let flags = [(args.quick, " --quick"), (args.full, " --full")].into_iter().filter(|(on, _)| *on);
    command.extend(flags.map(|(_, flag)| flag.to_string()).chain(seeds));
    command.extend(args.set.iter().map(|set| format!(" --set {set}")));
    command.push_str(if args.common.data_dir.is_some() { " --data-dir DIR" } else { "" });
    Section { title: "Run it again".into(), blocks: vec![Block::Code(command)] }
}

/// On what the report was made; `begun`: what was noted when the first run began.
fn provenance(begun: &Value, threads: usize, results: &Results<'_>) -> Vec<(String, String)> {
    let seconds: f64 = results.runs().iter().map(|(_, outcome)| outcome.seconds).sum();
    let begun = ["version", "commit"].map(|key| begun[key].as_str().unwrap_or("unknown"));
    let rows = [
        ("version that began the runs", format!("elbo {} ({})", begun[0], begun[1])),
        ("version of this page", format!("elbo {} ({})", env!("CARGO_PKG_VERSION"), env!("ELBO_COMMIT"))),
        ("machine", format!("{} kernels, {threads} threads", elbo_tensor::kernel_name())),
        ("runs", format!("{}, of which {} diverged", results.runs().len(), results.diverged())),
        ("time of the runs, added up", crate::grid::duration(seconds)),
    ];
    rows.map(|(name, value)| (name.to_string(), value)).into()
}

/// Writes the page, the table and the figures.
fn write(out: &Path, report: &Report) -> Result<()> {
    let figures = out.join("figures");
    files::create_dir(&figures)?;
    files::remove_unfinished(&figures)?;
    for (name, svg) in report::figure_files(report) {
        files::write_atomic(&figures.join(name), svg)?;
    }
    files::write_atomic(&out.join("table.md"), report::markdown(report, "figures"))?;
    files::write_atomic(&out.join("report.html"), report::html(report))
}

/// Says where the report is and how the bands came out; a band that does not hold is a failed check.
fn tell(args: &Reproduce, request: &Request<'_>, out: &Path, report: &Report) -> Result<()> {
    let (judged, broken) = report.verdicts();
    let files = ["report.html", "table.md", "results.csv"].map(|file| format!("{}\n", out.join(file).display()));
    output::result(
        args.common.json,
        || json!({"study": args.study, "judged": judged, "broken": broken, "out": out.display().to_string()}),
        || files.concat(),
    )?;
    if !args.common.json && !args.common.quiet {
        output::note(&match judged {
            0 if request.is_judged() => "this study has no bands".to_string(),
            0 => "nothing was judged: the bands are for the default budget and settings".to_string(),
            _ => format!("{} of {judged} bands hold", judged - broken.len()),
        });
    }
    match broken.first() {
        None => Ok(()),
        Some(first) => {
            Err(Error::check(format_args!("{}: {} bands do not hold, the first: {first}", args.study, broken.len())))
        }
    }
}
