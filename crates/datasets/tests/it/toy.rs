//! The five densities in the plane: each density against its samples, against brute force and against known numbers.

use crate::support::seeds::shifted;
use std::f64::consts::{FRAC_1_SQRT_2, PI, SQRT_2, TAU};

use elbo_datasets::{Dataset, Mode, Toy, ToyDensity, Values};
use rayon::ThreadPoolBuilder;

/// The five densities, then the two that the misprints of the slides change.
fn densities() -> [ToyDensity; 7] {
    let [a, b, c, d, e] = Toy::ALL.map(|kind| ToyDensity { kind, literal: false });
    [a, b, c, d, e, ToyDensity { literal: true, ..c }, ToyDensity { literal: true, ..e }]
}

#[allow(clippy::useless_conversion, reason = "a `Real` is an f64 in one of the two builds only")]
fn points(data: &Dataset) -> Vec<[f64; 2]> {
    let Values::Reals(values) = data.values() else { panic!("{} has no real numbers", data.name()) };
    values.chunks_exact(2).map(|x| [f64::from(x[0]), f64::from(x[1])]).collect()
}

/// `∫ f(x, ln p(x)) p(x) dx` by the trapezoid rule on a square grid. The densities are smooth on the scale of the noise
/// and vanish at the border, so that the rule converges exponentially.
fn integral<const N: usize>(density: ToyDensity, f: impl Fn([f64; 2], f64) -> [f64; N]) -> [f64; N] {
    let (reach, step) = match density.kind {
        Toy::FigureEight => (55, 0.04),
        Toy::Blobs => (55, 0.1),
        _ => (150, 0.2),
    };
    let mut sums = [0.0; N];
    for row in -reach..=reach {
        for column in -reach..=reach {
            let x = [f64::from(column) * step, f64::from(row) * step];
            let log_p = density.log_density(x);
            let mass = log_p.exp() * step * step;
            if mass > 0.0 {
                sums.iter_mut().zip(f(x, log_p)).for_each(|(sum, value)| *sum += mass * value);
            }
        }
    }
    sums
}

/// The distance of the mean of `values` from `expected`, in standard errors.
fn z_score(values: impl Iterator<Item = f64> + Clone, expected: f64) -> f64 {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let variance = values.map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean - expected) / (variance / n).sqrt()
}

fn determinant([[a, b], [c, d]]: [[f64; 2]; 2]) -> f64 {
    a * d - b * c
}

#[test]
fn every_density_integrates_to_one_within_1e_9() {
    for density in densities() {
        let [mass] = integral(density, |_, _| [1.0]);
        assert!((mass - 1.0).abs() < 1e-9, "{density:?}: {mass}");
    }
}

/// The moments of the density are integrals on a grid. 7 densities × 5 moments = 35 tests at |z| < 4.5: a false alarm
/// in 2.4e-4 of seeds.
#[test]
fn samples_have_the_moments_of_the_density() {
    let moments = |[x, y]: [f64; 2]| [x, y, x * x, x * y, y * y];
    for density in densities() {
        let expected = integral(density, |x, _| moments(x));
        let samples = points(&density.generate(100_000, shifted(3)).unwrap());
        for (i, expected) in expected.into_iter().enumerate() {
            let z = z_score(samples.iter().map(|&x| moments(x)[i]), expected);
            assert!(z.abs() < 4.5, "{density:?}, moment {i}: z = {z}");
        }
    }
}

/// Closed forms, and z-tests of the three second moments: 6 tests at |z| < 4.5, a false alarm in 4e-5 of seeds.
#[test]
fn the_two_gaussians_have_their_exact_covariance() {
    let [isotropic, rotated, ..] = densities();
    let known = [[9.2, 0.0, 0.2 + 1.0 / 9.0], [2.533, 3.849, 6.978]];
    for (density, known) in [isotropic, rotated].into_iter().zip(known) {
        let second = |[x, y]: [f64; 2]| [x * x, x * y, y * y];
        let exact = integral(density, |x, _| second(x));
        let samples = points(&density.generate(200_000, shifted(4)).unwrap());
        for i in 0..3 {
            assert!((exact[i] - known[i]).abs() < 5e-4, "{density:?}: {exact:?}");
            let z = z_score(samples.iter().map(|&x| second(x)[i]), exact[i]);
            assert!(z.abs() < 4.5, "{density:?}, {i}: z = {z}");
        }
    }
}

/// Per component of both mixtures: its share, and the mean and second moments after subtracting the mode's mean.
/// 2 × 3 × 6 = 36 tests at |z| < 4.5: a false alarm in 2.4e-4 of seeds.
#[test]
fn labelled_points_have_the_mean_and_covariance_of_their_mode() {
    let [.., intended, _, literal] = densities();
    for density in [intended, literal] {
        let data = density.generate(90_000, shifted(5)).unwrap();
        let labels = data.labels().unwrap();
        let (all, modes) = (points(&data), density.modes());
        assert_eq!((labels.classes, modes.len()), (3, 3));
        for (k, Mode { mean, cov, weight }) in modes.into_iter().enumerate() {
            let is_k = labels.values.iter().map(|&label| f64::from(u8::from(label as usize == k)));
            let mine = || all.iter().zip(&labels.values).filter(|&(_, &label)| label as usize == k);
            let centred = || mine().map(|(x, _)| [x[0] - mean[0], x[1] - mean[1]]);
            let tests = [
                z_score(is_k, weight),
                z_score(centred().map(|x| x[0]), 0.0),
                z_score(centred().map(|x| x[1]), 0.0),
                z_score(centred().map(|x| x[0] * x[0]), cov[0][0]),
                z_score(centred().map(|x| x[0] * x[1]), cov[0][1]),
                z_score(centred().map(|x| x[1] * x[1]), cov[1][1]),
            ];
            assert!(tests.iter().all(|z| z.abs() < 4.5), "{density:?}, mode {k}: z = {tests:?}");
        }
    }
}

/// The printed matrix of the third component has the determinant 0.785; those of rotations have 1. `diag(3, ⅓)` has 1.
#[test]
fn the_literal_third_component_is_no_rotation() {
    let [.., intended, _, literal] = densities();
    let stretch = |density: ToyDensity| density.modes().into_iter().map(|mode| determinant(mode.cov).sqrt());
    assert!(stretch(intended).all(|det| (det - 1.0).abs() < 1e-12));
    let det: Vec<f64> = stretch(literal).collect();
    assert!((det[0] - 1.0).abs() < 1e-12 && (det[1] - 1.0).abs() < 1e-12 && (det[2] - 0.785).abs() < 1e-3, "{det:?}");
    let c = 3.0 * 3f64.sqrt();
    let means: Vec<[f64; 2]> = literal.modes().into_iter().map(|mode| mode.mean).collect();
    assert_eq!(means, [[0.0, c], [-c, -c / 2.0], [c, -c / 2.0]]);
    assert!((intended.modes().into_iter().map(|mode| mode.weight).sum::<f64>() - 1.0).abs() < 1e-12);
    assert!(densities()[..4].iter().all(|density| density.modes().is_empty()));
}

/// `ln ∫ N(z; 0, 1) N(x; f(z), variance · I) dz` by the trapezoid rule in steps of 5e-4 on [−9, 9], with `Φ(z)` summed
/// along the way by Simpson's rule.
fn brute_force(x: [f64; 2], variance: f64, f: impl Fn(f64, f64) -> [f64; 2]) -> f64 {
    const STEP: f64 = 5e-4;
    let normal = |z: f64| (-0.5 * z * z).exp() / TAU.sqrt();
    let (mut cumulative, mut density) = (0.0, 0.0);
    for i in 0..=36_000 {
        let z = -9.0 + f64::from(i) * STEP;
        let [dx, dy] = f(z, cumulative);
        let squared = (x[0] - dx).powi(2) + (x[1] - dy).powi(2);
        density += STEP * normal(z) * (-0.5 * squared / variance).exp() / (TAU * variance);
        cumulative += STEP / 6.0 * (normal(z) + 4.0 * normal(z + 0.5 * STEP) + normal(z + STEP));
    }
    density.ln()
}

/// Points on the curve, at its ends, inside, and up to eight standard deviations of the noise from it.
#[test]
fn the_log_density_of_the_curves_is_the_integral_over_the_latent_within_1e_9() {
    let [_, _, eight, blobs, _, literal_eight, _] = densities();
    let lemniscate = |u: f64| {
        let (x, y) = (FRAC_1_SQRT_2 * u.cos(), SQRT_2 * u.cos() * u.sin());
        let below = u.sin().powi(2) + 1.0;
        [x / below, y / below]
    };
    let circle = |z: f64| {
        let u = TAU / (1.0 + (-PI * z / 2.0).exp());
        let t = 2.0 * (10.0 * u - 20.0 * (u / 2.0).floor() - 10.0).tanh() + 4.0 * (u / 2.0).floor() + 2.0;
        [t.cos(), t.sin()]
    };
    for x in [[0.0, 0.0], [0.115, 0.218], [0.7, 0.05], [-0.4, 0.3], [0.9, -0.5], [-1.2, 0.8], [0.1, 1.4], [-1.5, -1.05]]
    {
        let expected = brute_force(x, 0.02, |_, phi| lemniscate(PI * (0.6 + 1.8 * phi)));
        let found = eight.log_density(x);
        assert!((found - expected).abs() < 1e-9, "figure 8 at {x:?}: {found}, not {expected}");

        let expected = brute_force(x, 0.02, |_, phi| lemniscate(0.6 + 1.8 * phi));
        let found = literal_eight.log_density(x);
        assert!((found - expected).abs() < 1e-9, "literal figure 8 at {x:?}: {found}, not {expected}");

        let x = x.map(|x| 2.5 * x);
        let (expected, found) = (brute_force(x, 0.2, |z, _| circle(z)), blobs.log_density(x));
        assert!((found - expected).abs() < 1e-9, "blobs at {x:?}: {found}, not {expected}");
    }
}

/// Straight from `N(x; m, Σ) = exp(−½ (x−m)ᵀ Σ⁻¹ (x−m)) / (2π √|Σ|)`, with the covariances written out.
#[test]
fn the_log_density_of_the_gaussians_is_their_formula() {
    let [isotropic, rotated, _, _, mixture, _, _] = densities();
    let normal = |x: [f64; 2], [[a, b], [_, d]]: [[f64; 2]; 2]| {
        let det = a * d - b * b;
        (-0.5 * (d * x[0] * x[0] - 2.0 * b * x[0] * x[1] + a * x[1] * x[1]) / det).exp() / (TAU * det.sqrt())
    };
    // R(φ) diag(p, q) R(φ)ᵀ = (p+q)/2 · I + (p−q)/2 · [[cos 2φ, sin 2φ], [sin 2φ, −cos 2φ]]
    let cov = |p: f64, q: f64, angle: f64| {
        let (sum, cos, sin) = ((p + q) / 2.0, (p - q) / 2.0 * (2.0 * angle).cos(), (p - q) / 2.0 * (2.0 * angle).sin());
        [[sum + cos, sin], [sin, sum - cos]]
    };
    let c = 27f64.sqrt();
    for x in [[0.0, 0.0], [1.5, -0.7], [-5.0, -2.0], [4.0, 6.0], [0.3, 5.0]] {
        let third = |mean: [f64; 2], angle| normal([x[0] - mean[0], x[1] - mean[1]], cov(3.0, 1.0 / 3.0, angle)) / 3.0;
        let (large, small) = (9.0 + 0.2, 1.0 / 9.0 + 0.2);
        let cases = [
            (isotropic, normal(x, cov(large, small, 0.0))),
            (rotated, normal(x, cov(large, small, PI / 3.0))),
            (mixture, third([0.0, c], 0.0) + third([-c, -c / 2.0], 2.0 * PI / 3.0) + third([c, -c / 2.0], PI / 3.0)),
        ];
        for (density, expected) in cases {
            let (found, expected) = (density.log_density(x), expected.ln());
            assert!((found - expected).abs() < 1e-11, "{density:?} at {x:?}: {found}, not {expected}");
        }
    }
}

#[test]
fn the_log_density_is_finite_far_away() {
    assert!(densities().iter().all(|density| density.log_density([1e3, -1e3]) < -1e4));
    assert!(densities().iter().all(|density| density.log_density([1e3, -1e3]).is_finite()));
}

/// 7 tests at |z| < 4.5: a false alarm in 5e-5 of seeds.
#[test]
fn the_mean_log_density_of_samples_is_the_integral_of_p_log_p() {
    for density in densities() {
        let data = density.generate(100_000, shifted(6)).unwrap();
        let Values::Reals(values) = data.values() else { unreachable!() };
        let [expected] = integral(density, |_, log_p| [log_p]);
        let z = z_score(density.log_densities(values).into_iter(), expected);
        assert!(z.abs() < 4.5, "{density:?}: z = {z}");
    }
}

/// Numbers that an independent implementation found, with its standard errors (none was given for the last).
#[test]
fn the_expected_log_densities_are_those_known_from_elsewhere() {
    let known = [(-3.3637, 2e-5), (-3.3637, 2e-5), (-0.886, 0.002), (-2.283, 0.003), (-3.934, 0.002), (-3.853, 0.002)];
    let [a, b, c, d, e, _, literal_e] = densities();
    for (density, (value, error)) in [a, b, c, d, e, literal_e].into_iter().zip(known) {
        let [exact] = integral(density, |_, log_p| [log_p]);
        assert!((exact - value).abs() < 2.0 * error, "{density:?}: {exact}, not {value}");
    }
}

#[test]
fn equal_seeds_give_equal_data_and_fewer_rows_are_the_first_of_more() {
    for density in densities() {
        let data = density.generate(500, 7).unwrap();
        assert_eq!((data.rows(), data.shape(), data.name()), (500, &[2][..], density.kind.name()));
        assert_eq!(data.labels().is_some(), density.kind == Toy::Mixture);
        assert_eq!(data.checksum(), density.generate(500, 7).unwrap().checksum());
        assert_ne!(data.checksum(), density.generate(500, 8).unwrap().checksum());
        assert_eq!(data.slice(0..120), density.generate(120, 7).unwrap());
        assert_eq!(density.generate(0, 7).unwrap().rows(), 0);
    }
}

#[test]
fn only_the_figure_eight_and_the_mixture_have_misprints() {
    for kind in Toy::ALL {
        let [intended, literal] = [false, true].map(|literal| ToyDensity { kind, literal });
        let changes = matches!(kind, Toy::FigureEight | Toy::Mixture);
        let sample = |density: ToyDensity| density.generate(50, 9).unwrap();
        assert_eq!(sample(intended) != sample(literal), changes, "{kind}");
        let of = |density: ToyDensity| density.log_density([0.2, -0.3]);
        assert_eq!(of(intended) != of(literal), changes, "{kind}");
    }
}

#[test]
fn log_densities_of_rows_are_those_of_points_on_any_number_of_threads() {
    for density in densities() {
        let data = density.generate(1000, 10).unwrap();
        let Values::Reals(values) = data.values() else { unreachable!() };
        let one_by_one: Vec<f64> = points(&data).into_iter().map(|x| density.log_density(x)).collect();
        for threads in [1, 2, 5] {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| density.log_densities(values)), one_by_one, "{density:?}, {threads} threads");
        }
    }
}

#[test]
fn every_density_is_found_by_its_name_and_says_what_it_is_in_one_line() {
    assert!(Toy::ALL.into_iter().all(|toy| Toy::named(toy.name()) == Some(toy)));
    assert!(Toy::ALL.into_iter().all(|toy| !toy.about().is_empty() && !toy.about().contains('\n')));
    assert_eq!(Toy::named("spiral"), None);
}

#[test]
#[cfg(target_pointer_width = "64")]
fn more_rows_than_a_data_set_holds_are_refused_before_any_is_drawn() {
    let density = ToyDensity { kind: Toy::Blobs, literal: false };
    let message = density.generate(1 << 32, 0).unwrap_err().to_string();
    assert_eq!(message, "blobs: 4294967296 rows; at most 4294967295 are allowed");
}
