//! Why a download failed.

use std::fmt;
use std::io;
use std::path::Path;

/// Who is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchErrorKind {
    /// A mirror could not be reached, refused, or broke off.
    Network,
    /// A mirror delivered something else than the file.
    Malformed,
    /// This machine failed to read or write.
    System,
}

/// Why a set could not be downloaded; displayed as one line that names the file and what each mirror did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchError {
    /// Who is to blame; [`FetchErrorKind::Malformed`] only if that is true of every mirror.
    pub kind: FetchErrorKind,
    message: String,
}

impl FetchError {
    pub(super) fn new(kind: FetchErrorKind, message: impl fmt::Display) -> Self {
        // Messages of other crates may hold line breaks.
        FetchError { kind, message: message.to_string().split_whitespace().collect::<Vec<_>>().join(" ") }
    }

    pub(super) fn network(message: impl fmt::Display) -> Self {
        Self::new(FetchErrorKind::Network, message)
    }

    pub(super) fn malformed(message: impl fmt::Display) -> Self {
        Self::new(FetchErrorKind::Malformed, message)
    }

    pub(super) fn system(path: &Path, error: &io::Error) -> Self {
        Self::new(FetchErrorKind::System, format_args!("{}: {error}", path.display()))
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FetchError {}
