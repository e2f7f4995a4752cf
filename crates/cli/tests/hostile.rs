//! Bad input: the documented exit code, one line that names the place, and nothing written.

mod support;
use support::Sandbox;
#[test]
fn x() { let s = Sandbox::new(); s.succeed("recipes"); s.contents(""); }
