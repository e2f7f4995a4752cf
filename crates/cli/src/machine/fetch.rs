//! Downloading public data sets: mirrors, resumption, and a checksum over the unpacked bytes.
//!
//! A file is written to `NAME.part`, checked, flushed to disk and then renamed, so that a file with its final name is
//! always whole. A download that breaks leaves its part, and the next attempt asks for the rest only. The mirrors are
//! not trusted: whatever they send counts only if it unpacks to the bytes with the recorded SHA-256.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use ureq::Agent;

pub use error::{FetchError, FetchErrorKind};
use part::{CHUNK, Part, verify};
pub use sets::{RemoteFile, RemoteSet, SETS};

mod error;
mod part;
mod sets;
#[cfg(test)]
mod tests;

/// How often one mirror is asked again after a broken or damaged transfer, before the next mirror has its turn.
const ATTEMPTS: usize = 5;

/// How to reach a mirror.
#[derive(Debug, Clone, Copy)]
pub struct Connection {
    /// Limit for resolving a name, and for connecting.
    pub connect_timeout: Duration,
    /// Longest silence of a server before a transfer counts as stalled.
    pub stall_timeout: Duration,
    /// Whether the proxy settings of the environment (`HTTPS_PROXY`, `NO_PROXY`, …) are followed.
    pub proxy_from_env: bool,
}

impl Default for Connection {
    fn default() -> Self {
        let [connect_timeout, stall_timeout] = [10, 30].map(Duration::from_secs);
        Connection { connect_timeout, stall_timeout, proxy_from_env: true }
    }
}

/// What [`fetch`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Names of the files that came over the network in this call.
    pub downloaded: Vec<String>,
    /// Names of the files that were there and whole.
    pub present: Vec<String>,
}

/// Progress of one file: its name, bytes on disk, and the total where the server states it.
pub type Progress<'a> = dyn FnMut(&str, u64, Option<u64>) + 'a;

/// Brings all files of `set` into the directory `into`, from the first of `mirrors` (base URLs ending in `/`) that
/// delivers each. Files that are there and whole are kept.
///
/// # Errors
/// The first file that no mirror delivers, or that cannot be written, ends the call; finished files and the part of a
/// broken download stay for the next one.
pub fn fetch(
    set: &RemoteSet<'_>,
    mirrors: &[&str],
    into: &Path,
    connection: &Connection,
    progress: &mut Progress<'_>,
) -> Result<Outcome, FetchError> {
    fs::create_dir_all(into).map_err(|error| FetchError::system(into, &error))?;
    let agent = agent(connection);
    let mut outcome = Outcome { downloaded: Vec::new(), present: Vec::new() };
    for file in set.files {
        let done = fetch_file(&agent, file, mirrors, into, progress).map_err(|error| match error.kind {
            FetchErrorKind::System => error,
            kind => FetchError::new(kind, format_args!("{} {}: {error}", set.name, file.name)),
        })?;
        if done { &mut outcome.downloaded } else { &mut outcome.present }.push(file.name.to_string());
    }
    Ok(outcome)
}

fn agent(connection: &Connection) -> Agent {
    let mut config = Agent::config_builder()
        .timeout_resolve(Some(connection.connect_timeout))
        .timeout_connect(Some(connection.connect_timeout))
        .timeout_per_read(Some(connection.stall_timeout))
        .timeout_per_write(Some(connection.stall_timeout))
        .http_status_as_error(false);
    if !connection.proxy_from_env {
        config = config.proxy(None);
    }
    config.build().new_agent()
}

/// Whether the file had to be downloaded.
fn fetch_file(
    agent: &Agent,
    file: &RemoteFile<'_>,
    mirrors: &[&str],
    into: &Path,
    progress: &mut Progress<'_>,
) -> Result<bool, FetchError> {
    let path = into.join(file.name);
    if is_whole(&path, file)? {
        return Ok(false);
    }
    let mut part = Part::open(into, file)?;
    // Another process may have finished the file before this one got the lock.
    if is_whole(&path, file)? {
        part.remove()?;
        return Ok(false);
    }
    let mut failures: Vec<FetchError> = Vec::new();
    for mirror in mirrors {
        match from_mirror(agent, &format!("{mirror}{}", file.name), &mut part, file, progress) {
            Ok(()) => return part.publish(&path, into).map(|()| true),
            Err(error) if error.kind == FetchErrorKind::System => return Err(error),
            Err(error) => failures.push(FetchError::new(error.kind, format_args!("{mirror} {error}"))),
        }
    }
    if part.len == 0 {
        part.remove()?;
    }
    let all_malformed = !failures.is_empty() && failures.iter().all(|f| f.kind == FetchErrorKind::Malformed);
    let kind = if all_malformed { FetchErrorKind::Malformed } else { FetchErrorKind::Network };
    let reasons: Vec<String> = failures.iter().map(FetchError::to_string).collect();
    Err(FetchError::new(kind, format_args!("no mirror delivered it: {}", reasons.join("; "))))
}

fn is_whole(path: &Path, file: &RemoteFile<'_>) -> Result<bool, FetchError> {
    match File::open(path) {
        Ok(opened) => match verify(opened, path, file) {
            Err(error) if error.kind == FetchErrorKind::Malformed => Ok(false),
            verdict => verdict.map(|()| true),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(FetchError::system(path, &error)),
    }
}

/// Downloads into `part` until it is whole: after a break the rest, after damage everything again.
fn from_mirror(
    agent: &Agent,
    url: &str,
    part: &mut Part,
    file: &RemoteFile<'_>,
    progress: &mut Progress<'_>,
) -> Result<(), FetchError> {
    let mut attempts_left = ATTEMPTS;
    loop {
        attempts_left -= 1;
        let offset = part.len;
        let error = match transfer(agent, url, part, file, progress).and_then(|()| part.verify(file)) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let worth_asking_again = match error.kind {
            FetchErrorKind::Network => part.len > offset,
            FetchErrorKind::Malformed => {
                part.clear()?;
                // The beginning may be of another mirror's file or of an older one: only a fresh copy tells.
                offset > 0
            }
            FetchErrorKind::System => false,
        };
        if !worth_asking_again || attempts_left == 0 {
            return Err(error);
        }
    }
}

/// One request: appends what the server sends from the end of `part` on. `Ok` if the server says that this was all.
fn transfer(
    agent: &Agent,
    url: &str,
    part: &mut Part,
    file: &RemoteFile<'_>,
    progress: &mut Progress<'_>,
) -> Result<(), FetchError> {
    // Bytes are counted as stored, so the server must not pack them once more.
    let mut request = agent.get(url).header("Accept-Encoding", "identity");
    if part.len > 0 {
        request = request.header("Range", format!("bytes={}-", part.len));
    }
    let mut response = request.call().map_err(FetchError::network)?;
    match response.status().as_u16() {
        200 => part.clear()?,
        206 => {
            let range = response.headers().get("Content-Range").and_then(|value| value.to_str().ok()).unwrap_or("");
            let start = range.strip_prefix("bytes ").and_then(|range| range.split('-').next()?.trim().parse().ok());
            if start != Some(part.len) {
                let asked = part.len;
                part.clear()?;
                return Err(FetchError::network(format_args!("sent the range '{range}' when asked from byte {asked}")));
            }
        }
        // The part is as long as the file or longer; whether it is the file is for the checksum to say.
        416 if part.len > 0 => return Ok(()),
        status => return Err(FetchError::network(format_args!("answered HTTP {status}"))),
    }
    let total = response.body().content_length().map(|rest| part.len + rest);
    // Data that cannot be packed grows by far less than this.
    let limit = file.unpacked_len + file.unpacked_len / 100 + 1024;
    let mut body = response.body_mut().as_reader();
    let mut buffer = vec![0; CHUNK];
    loop {
        progress(file.name, part.len, total);
        let read = body.read(&mut buffer).map_err(|error| {
            let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
            FetchError::network(format_args!("broke off after {}{of} bytes ({error})", part.len))
        })?;
        if read == 0 {
            return Ok(());
        }
        part.append(&buffer[..read])?;
        if part.len > limit {
            return Err(FetchError::malformed(format_args!("sent more than {limit} bytes")));
        }
    }
}
