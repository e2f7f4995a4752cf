//! A run ends with the same bytes whatever the number of threads, and however often it was stopped on the way.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::Sandbox;
use crate::support::poll::poll;

/// A GMVAE of a few milliseconds a step, in epochs of 24 steps.
const SMALL: &str = "train glyphs-gmvae --set data.train_rows=600 --set data.valid_rows=100 --set data.test_rows=200
    --set model.k=4 --set model.z=4 --set model.hidden=[32,32] --set train.batch=25 --set log.every_steps=1";

/// Everything in the run directory `run` that equal runs must agree on, byte for byte: all but the times, the machine
/// and the lock.
fn results(sandbox: &Sandbox, run: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let timed = ["elbo.lock", "env.json", "summary.json"].map(Path::new);
    let files = sandbox.contents(run).into_iter().filter_map(|(path, bytes)| Some((path, bytes?)));
    let mut files: BTreeMap<_, _> = files.filter(|(path, _)| !timed.contains(&path.as_path())).collect();
    let metrics = files.get_mut(Path::new("metrics.csv")).expect("metrics");
    *metrics = without_elapsed(std::str::from_utf8(metrics).expect("text")).into_bytes();
    files
}

/// `metrics.csv` without its third column.
fn without_elapsed(text: &str) -> String {
    assert!(text.starts_with("epoch,step,elapsed_s,"), "{text}");
    let line = |line: &str| {
        let cells: Vec<&str> = line.split(',').enumerate().filter(|(i, _)| *i != 2).map(|(_, cell)| cell).collect();
        cells.join(",") + "\n"
    };
    text.lines().map(line).collect()
}

#[track_caller]
fn assert_same(sandbox: &Sandbox, [one, other]: [&str; 2], names: &[&str]) {
    let [one, other] = [one, other].map(|run| results(sandbox, run));
    assert_eq!(Vec::from_iter(one.keys()), Vec::from_iter(other.keys()));
    for name in names {
        assert!(one.contains_key(Path::new(name)), "{name} is missing");
    }
    for (path, bytes) in &one {
        assert!(other[path] == *bytes, "{} differs", path.display());
    }
}

const CHECKPOINTS: [&str; 3] =
    ["checkpoints/last.state", "checkpoints/last.safetensors", "checkpoints/best.safetensors"];

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let sandbox = Sandbox::new();
    // Wide enough for products and elementwise passes to be split between threads: 1000 × 784 × 512 multiply-adds.
    let wide = "train glyphs-gmvae --set data.train_rows=300 --set data.valid_rows=100 --set data.test_rows=100
        --set model.z=64 --set model.hidden=[512,512] --set train.epochs=1 --set train.epoch_steps=3
        --set log.every_steps=1";
    let vae = "train mixture-vae --set train.epochs=5 --set log.every_steps=1";
    for (name, line) in [("small", format!("{SMALL} --set train.epochs=4")), ("wide", wide.into()), ("vae", vae.into())]
    {
        let run = |threads| {
            let out = format!("{name}-{threads}");
            sandbox.succeed(&format!("{line} --threads {threads} --out {out}"));
            out
        };
        let one = run(1);
        for threads in [2, 3] {
            let names = [&CHECKPOINTS[..], &["metrics.csv", "steps.csv", "config.toml"]].concat();
            assert_same(&sandbox, [&one, &run(threads)], &names);
        }
    }
}

/// A new life of the run in `out`: from the start if there is no configuration yet.
fn live(sandbox: &Sandbox, line: &str, out: &str) -> Command {
    let resume = if sandbox.path(out).join("config.toml").exists() { "--resume" } else { "" };
    sandbox.command(&format!("{line} --out {out} {resume}"))
}

#[test]
fn a_run_killed_at_twenty_moments_ends_as_one_never_killed() {
    const KILLS: u64 = 20;
    let sandbox = Sandbox::new();
    // So few rows are soon learnt by heart: the best epoch, 16 of 40, must survive as well.
    let few = "--set data.train_rows=100 --set train.epoch_steps=24 --set train.lr=0.01";
    let line = format!("{SMALL} {few} --set train.epochs=40 --quiet");
    sandbox.succeed(&format!("{line} --out whole"));
    let (mut kills, mut runs, mut random) = (0, 0, 1u64);
    while kills < KILLS {
        // A run may end before it was killed often enough; then the next one is killed.
        runs += 1;
        let out = format!("killed-{runs}");
        loop {
            let threads = 1 + kills % 2;
            let mut command = live(&sandbox, &format!("{line} --threads {threads}"), &out);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let moment = Duration::from_millis((random >> 33) % 2500);
            let checkpoint = sandbox.path(&out).join(CHECKPOINTS[1]);
            let reached = match kills {
                KILLS => false,
                // Any moment, or the most delicate one: the weights are new and the state is not yet.
                n if n.is_multiple_of(2) => after(moment, &mut child),
                _ => replaced(&checkpoint, &mut child),
            };
            if reached {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
                continue;
            }
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            break;
        }
        let names = [&CHECKPOINTS[..], &["metrics.csv", "steps.csv", "figures/samples.svg"]].concat();
        assert_same(&sandbox, ["whole", &out], &names);
    }
}

/// Waits for `time` to pass; whether the process still runs then.
fn after(time: Duration, child: &mut Child) -> bool {
    let start = Instant::now();
    poll(child, || start.elapsed() >= time)
}

/// Waits for a new file to take the name `path`; whether the process still runs then.
fn replaced(path: &Path, child: &mut Child) -> bool {
    let identity = || fs::metadata(path).ok().map(|file| (file.ino(), file.mtime(), file.mtime_nsec()));
    let before = identity();
    poll(child, || identity() != before)
}

/// A running training that has said that it listens to signals.
struct Running {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.arg("--verbose").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        assert!(line.contains(" threads"), "{line}");
        Self { child, stderr }
    }

    /// Sends the signal `name`; exit code and the last line on stderr.
    fn signal(mut self, name: &str) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap().success());
        let mut text = String::new();
        self.stderr.read_to_string(&mut text).unwrap();
        (self.child.wait().unwrap().code(), text.lines().last().unwrap_or_default().to_string())
    }
}

/// The step at which a run says it stopped.
fn step(message: &str) -> u64 {
    let step = message.split_once("at step ").and_then(|(_, rest)| rest.strip_suffix("; continue with --resume"));
    step.expect(message).parse().expect(message)
}

/// Stops the run in `out` by signals of both kinds, at steps that it returns, then lets it end.
fn stop_often(sandbox: &Sandbox, line: &str, out: &str, stops: u64) -> Vec<u64> {
    let signals = [("INT", 130), ("TERM", 143)];
    let mut steps = Vec::new();
    for (number, (signal, code)) in (1..=stops).zip(signals.into_iter().cycle()) {
        let running = Running::start(live(sandbox, line, out));
        std::thread::sleep(Duration::from_millis(30 * number));
        let (found, message) = running.signal(signal);
        assert_eq!(found, Some(code), "{message}");
        assert!(message.starts_with(&format!("elbo: {out}: stopped after ")), "{message}");
        steps.push(step(&message));
        assert!(CHECKPOINTS[..2].iter().all(|name| sandbox.path(out).join(name).exists()), "{out}: no checkpoint");
    }
    let output = live(sandbox, line, out).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    steps
}

#[test]
fn a_run_stopped_by_signals_within_epochs_ends_as_one_never_stopped() {
    let sandbox = Sandbox::new();
    const EPOCH: u64 = 400;
    let line = format!("{SMALL} --set train.epochs=2 --set train.epoch_steps={EPOCH}");
    sandbox.succeed(&format!("{line} --out whole"));
    let steps = stop_often(&sandbox, &line, "stopped", 5);
    assert!(steps.is_sorted(), "{steps:?}");
    assert!(steps.iter().any(|step| !step.is_multiple_of(EPOCH)), "never within an epoch: {steps:?}");
    assert_same(&sandbox, ["whole", "stopped"], &CHECKPOINTS);
}

#[test]
fn a_run_that_rolls_back_ends_the_same_when_it_is_stopped() {
    let sandbox = Sandbox::new();
    // Diverges in its first epoch; about a second of steps remains.
    let line = "train mixture-vae --set train.epochs=6 --set train.epoch_steps=10000 --set train.lr=1
        --set train.on_divergence=rollback --set train.max_rollbacks=30 --set log.every_steps=100";
    sandbox.succeed(&format!("{line} --out whole"));
    let steps = stop_often(&sandbox, line, "stopped", 6);
    let in_f32 = !cfg!(feature = "f64");
    assert!(!in_f32 || sandbox.path("whole/events.log").exists(), "it did not diverge");
    assert!(steps.iter().any(|step| !step.is_multiple_of(10_000)), "never within an epoch: {steps:?}");
    assert_same(&sandbox, ["whole", "stopped"], &CHECKPOINTS);
}

#[test]
fn weights_of_a_stopped_rollback_run_are_those_of_its_metrics() {
    let sandbox = Sandbox::new();
    const EPOCH: u64 = 30_000;
    let line = format!(
        "train mixture-vae --set train.epochs=1000000 --set train.epoch_steps={EPOCH} \
         --set train.on_divergence=rollback"
    );
    // Until the signal comes within an epoch after the first.
    loop {
        let mut running = Running::start(live(&sandbox, &line, "run"));
        let state = sandbox.path("run").join(CHECKPOINTS[0]);
        assert!(poll(&mut running.child, || state.exists()), "the run ended");
        std::thread::sleep(Duration::from_millis(200));
        let (code, message) = running.signal("INT");
        assert_eq!(code, Some(130), "{message}");
        if !step(&message).is_multiple_of(EPOCH) {
            break;
        }
    }
    let text = fs::read_to_string(sandbox.path("run/metrics.csv")).unwrap();
    let [header, last] = [text.lines().next(), text.lines().last()].map(|line| line.unwrap().split(','));
    let loss = header.zip(last).find(|(name, _)| *name == "test_loss").unwrap().1;
    assert!(sandbox.succeed("eval run").lines().any(|line| line.split_whitespace().eq(["test_loss", loss])));
}

#[test]
fn a_second_process_is_told_who_has_the_run() {
    let sandbox = Sandbox::new();
    let line = format!("{SMALL} --set train.epochs=100000 --out run");
    let running = Running::start(sandbox.command(&line));
    let pid = running.child.id();
    for resume in ["", " --resume"] {
        let outcome = sandbox.elbo(&format!("{line}{resume}"));
        assert_eq!(outcome.code, Some(6), "{outcome:?}");
        assert_eq!(outcome.stderr, format!("elbo: run: in use by process {pid}\n"));
        assert_eq!(outcome.stdout, "");
    }
    let (code, message) = running.signal("TERM");
    assert_eq!(code, Some(143), "{message}");
}

#[test]
fn a_finished_run_is_refused_without_resume_and_shown_with_it() {
    let sandbox = Sandbox::new();
    let line = format!("{SMALL} --set train.epochs=2 --out run");
    let summary = |text: &str| text.lines().skip(1).map(String::from).collect::<Vec<_>>();
    let first = sandbox.succeed(&line);
    let before = results(&sandbox, "run");
    let refused = sandbox.elbo(&line);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{refused:?}");
    assert!(refused.stderr.contains("run: a run is there already"), "{refused:?}");
    // The first line tells the time.
    assert_eq!(summary(&sandbox.succeed(&format!("{line} --resume"))), summary(&first));
    assert!(results(&sandbox, "run") == before);
}

#[test]
fn a_disk_that_fills_up_keeps_the_last_checkpoint() {
    let sandbox = Sandbox::new();
    let line = format!("{SMALL} --set train.epochs=3 --set train.epoch_steps=100");
    sandbox.succeed(&format!("{line} --out whole"));
    let (code, message) = Running::start(sandbox.command(&format!("{line} --out run"))).signal("INT");
    assert_eq!(code, Some(130), "{message}");
    let before = sandbox.contents("run");
    // Room for the small files of a run only: the system refuses the weights.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 40; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_elbo")]);
    sandbox.confine(command.args(format!("{line} --out run --resume").split_whitespace()));
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{stderr}");
    assert!(stderr.lines().last().unwrap().contains(".safetensors: cannot write: "), "{stderr}");
    let after = sandbox.contents("run");
    let checkpoints = |files: &BTreeMap<PathBuf, _>| -> Vec<(PathBuf, Option<Vec<u8>>)> {
        files.clone().into_iter().filter(|(path, _)| path.starts_with("checkpoints")).collect()
    };
    assert!(checkpoints(&after) == checkpoints(&before), "a checkpoint changed");
    sandbox.succeed(&format!("{line} --out run --resume"));
    assert_same(&sandbox, ["whole", "run"], &CHECKPOINTS);
}
