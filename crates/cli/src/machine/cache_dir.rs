//! Where data sets are kept on this machine.

use std::ffi::OsString;
use std::path::PathBuf;

/// The directory of downloaded data sets: `ELBO_DATA_DIR`, else `XDG_CACHE_HOME/elbo`, else `HOME/.cache/elbo`; `None`
/// without any of them.
///
/// `env` looks up an environment variable. Empty values count as unset, and so does a relative `XDG_CACHE_HOME`, as the
/// XDG base directory specification demands.
pub fn cache_dir(env: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let path = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    path("ELBO_DATA_DIR")
        .or_else(|| path("XDG_CACHE_HOME").filter(|dir| dir.is_absolute()).map(|dir| dir.join("elbo")))
        .or_else(|| path("HOME").map(|dir| dir.join(".cache/elbo")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(set: &[(&str, &str)]) -> Option<PathBuf> {
        cache_dir(|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_first_variable_that_is_set_decides() {
        let all = [("HOME", "/home/a"), ("XDG_CACHE_HOME", "/x"), ("ELBO_DATA_DIR", "d")];
        assert_eq!(dir(&all), Some("d".into()));
        assert_eq!(dir(&all[..2]), Some("/x/elbo".into()));
        assert_eq!(dir(&all[..1]), Some("/home/a/.cache/elbo".into()));
        assert_eq!(dir(&[]), None);
    }

    #[test]
    fn empty_and_relative_values_count_as_unset() {
        let set = [("ELBO_DATA_DIR", ""), ("XDG_CACHE_HOME", "relative"), ("HOME", "/home/a")];
        assert_eq!(dir(&set), Some("/home/a/.cache/elbo".into()));
        assert_eq!(dir(&[("HOME", "")]), None);
    }
}
