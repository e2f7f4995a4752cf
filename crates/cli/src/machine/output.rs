//! The two ways out: data to stdout, talk to stderr.

use std::io::{self, Write};
use std::path::Path;

use serde_json::Value;

use crate::machine::error::{Error, Result};

/// Writes `text` to stdout. A reader that has gone away (`| head -1`) is no error.
pub fn data(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::system("write", Path::new("stdout"), &cause))
        }
        _ => Ok(()),
    }
}

/// Writes a result to stdout, as JSON or as text.
pub fn result(as_json: bool, json: impl FnOnce() -> Value, text: impl FnOnce() -> String) -> Result<()> {
    data(&if as_json { pretty(&json()) } else { text() })
}

/// `value` as JSON on many lines.
pub fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Writes one line to stderr; when stderr is closed there is nobody to tell.
pub fn note(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Writes what there is to be said of the data to stderr, unless `quiet`.
pub fn remark(remark: Option<&str>, quiet: bool) {
    if let Some(remark) = remark.filter(|_| !quiet) {
        note(&format!("elbo: {remark}"));
    }
}
