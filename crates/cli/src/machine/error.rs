//! What can go wrong in the command: one line of text and the exit code that goes with it.

use std::fmt;
use std::io;
use std::path::Path;

/// Exit code of the process when it does not end with 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Usage, configuration, foreign or already used output directory, or another configuration on resume.
    Usage = 2,
    /// Missing or malformed data.
    Data = 3,
    /// Training diverged.
    Diverged = 4,
    /// The system failed to read or write.
    System = 5,
    /// The run directory is locked by a living process.
    Locked = 6,
    /// A checkpoint is damaged or missing.
    Checkpoint = 7,
    /// A check failed: a gradient, a band of a study, or cells of a sweep.
    Check = 8,
    /// Stopped by SIGINT after a checkpoint.
    Interrupted = 130,
    /// Stopped by SIGTERM after a checkpoint.
    Terminated = 143,
}

impl ExitCode {
    /// Whether work with this code was stopped and has not failed.
    pub fn is_signal(self) -> bool {
        matches!(self, Self::Interrupted | Self::Terminated)
    }
}

/// An error of the command: its exit code and a message of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    code: ExitCode,
    message: String,
}

/// The result of everything in the command that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Longest message in characters; whatever a hostile file puts into a message, a terminal can still show it.
    const LONGEST: usize = 1000;

    /// An error with code `code`. Control characters of `message`, newlines among them, become spaces, so that the
    /// text of a file can neither break the line nor steer the terminal.
    pub fn new(code: ExitCode, message: impl fmt::Display) -> Self {
        let message = message.to_string();
        let line = message.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c });
        Self { code, message: line.take(Self::LONGEST).collect() }
    }

    /// Usage, configuration, or an output directory that cannot be used (2).
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::new(ExitCode::Usage, message)
    }

    /// Missing or malformed data (3).
    pub fn data(message: impl fmt::Display) -> Self {
        Self::new(ExitCode::Data, message)
    }

    /// Training diverged (4).
    pub fn diverged(message: impl fmt::Display) -> Self {
        Self::new(ExitCode::Diverged, message)
    }

    /// The system failed (5) to do `action` ("read", "write", "create") to `path`.
    pub fn system(action: &str, path: &Path, cause: &io::Error) -> Self {
        Self::new(ExitCode::System, format_args!("{}: cannot {action}: {cause}", path.display()))
    }

    /// The run directory `path` belongs to a living process (6), if it told its number.
    pub fn locked(path: &Path, pid: Option<u32>) -> Self {
        let owner = pid.map_or("another process".into(), |pid| format!("process {pid}"));
        Self::new(ExitCode::Locked, format_args!("{}: in use by {owner}", path.display()))
    }

    /// The checkpoint `path` is damaged or missing (7).
    pub fn checkpoint(path: &Path, message: impl fmt::Display) -> Self {
        Self::new(ExitCode::Checkpoint, format_args!("{}: {message}", path.display()))
    }

    /// A check failed (8).
    pub fn check(message: impl fmt::Display) -> Self {
        Self::new(ExitCode::Check, message)
    }

    /// Which exit code the process ends with.
    pub fn code(&self) -> ExitCode {
        self.code
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_short_line_without_control_characters() {
        let hostile = format!("first\nsecond\r\n\u{1b}[31mred{}\n", "x".repeat(5000));
        let line = Error::data(hostile).to_string();
        assert!(line.starts_with("first second   [31mred"), "{line}");
        assert!(line.chars().all(|c| !c.is_control()));
        assert_eq!(line.chars().count(), Error::LONGEST);
    }

    #[test]
    fn exit_codes_are_the_documented_numbers() {
        let path = Path::new("runs/a");
        let codes = [
            Error::usage("").code(),
            Error::data("").code(),
            Error::diverged("").code(),
            Error::system("read", path, &io::Error::other("x")).code(),
            Error::locked(path, None).code(),
            Error::checkpoint(path, "").code(),
            Error::check("").code(),
            ExitCode::Interrupted,
            ExitCode::Terminated,
        ];
        assert_eq!(codes.map(|code| code as u8), [2, 3, 4, 5, 6, 7, 8, 130, 143]);
    }

    #[test]
    fn a_locked_directory_names_its_owner() {
        assert_eq!(Error::locked(Path::new("runs/a"), Some(42)).to_string(), "runs/a: in use by process 42");
        assert_eq!(Error::locked(Path::new("runs/a"), None).to_string(), "runs/a: in use by another process");
    }
}
