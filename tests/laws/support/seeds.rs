//! The seeds of random tests, which the environment variable `ELBO_TEST_SEED` shifts.

use std::sync::LazyLock;
use std::{env, panic};

use proptest::test_runner::{Config, RngSeed};

const VARIABLE: &str = "ELBO_TEST_SEED";

static SHIFT: LazyLock<u64> = LazyLock::new(|| {
    let shift = env::var(VARIABLE).map_or(0, |text| {
        text.parse().unwrap_or_else(|_| panic!("{VARIABLE}={text}: expected a whole number from 0 to 2^64 - 1"))
    });
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        report(panic);
        #[expect(clippy::print_stderr, reason = "the harness shows it below the failure")]
        {
            eprintln!(
                "note: random tests ran with {VARIABLE}={shift}; set it to run them with the same or other seeds"
            );
        }
    }));
    shift
});

/// `seed` plus `ELBO_TEST_SEED`, which is 0 if not set; from the first call on, every failure prints it. Property tests
/// hold for every seed, a statistical test states the share of seeds at which it fails.
pub fn shifted(seed: u64) -> u64 {
    seed.wrapping_add(*SHIFT)
}

/// `cases` random cases, the same in every run: differences across a kink of a ReLU are rare, not impossible.
pub fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(shifted(2)), ..Config::default() }
}
