use elbo_metrics::*;
use elbo_tensor::{Purpose, Real, fill_normal, stream};
use std::time::Instant;
fn clusters(n: usize, width: usize, classes: usize, sep: Real, mix: Real, index: u64) -> (Vec<Real>, Vec<u32>) {
    let labels: Vec<u32> = (0..n).map(|r| (r * 7 % classes) as u32).collect();
    let mut means = vec![0.0; classes * width];
    fill_normal(&mut stream(1, Purpose::Test, index), &mut means);
    let mut x = vec![0.0; n * width];
    fill_normal(&mut stream(2, Purpose::Test, index), &mut x);
    for (row, &l) in x.chunks_exact_mut(width).zip(&labels) {
        let shared = row[0] * mix;
        for (j, v) in row.iter_mut().enumerate() {
            *v += sep * means[l as usize * width + j] + shared;
        }
    }
    (x, labels)
}
#[test]
fn timing() {
    for (n, w, k, sep, mix, l2) in [
        (192, 2, 3, 4.0, 0.0, 1e-4),
        (192, 2, 3, 1.0, 0.0, 1e-4),
        (192, 2, 3, 0.0, 0.0, 1e-4),
        (192, 2, 3, 60.0, 0.0, 1e-4),
        (10000, 64, 10, 0.0, 0.0, 1e-4),
        (10000, 64, 10, 0.1, 0.0, 1e-4),
        (10000, 64, 10, 0.3, 0.0, 1e-4),
        (10000, 64, 10, 0.5, 5.0, 1e-4),
        (10000, 64, 10, 3.0, 0.0, 1e-4),
        (10000, 64, 10, 3.0, 0.0, 1e-8),
        (2000, 64, 10, 0.3, 20.0, 1e-8),
        (192, 2, 3, 60.0, 0.0, 1e-10),
        (10000, 784, 10, 0.1, 0.0, 1e-3),
    ] {
        let (x, y) = clusters(n, w, k, sep, mix, 3);
        let reps = if n < 1000 && std::env::var("DBG").is_err() { 200 } else { 1 };
        let t = Instant::now();
        let mut p = None;
        for _ in 0..reps {
            p = Some(Probe::fit(&x, w, &y, k, l2));
        }
        let dt = t.elapsed().as_secs_f64() / reps as f64;
        println!("{n} {w} {k} sep {sep} mix {mix} l2 {l2}: {:.3} ms, acc {:.4}", dt * 1e3, p.unwrap().accuracy(&x, &y));
    }
    let held: Vec<usize> = (0..240)
        .filter(|&row| {
            let mut x = vec![0.0; 240];
            x[row] = 1.0;
            let mut l = vec![3; 240];
            l[row] = 7;
            linear_probe(&x, 1, &l, 1e-4).test_accuracy < 1.0
        })
        .collect();
    println!("{} {held:?}", held.len());
    let mut a = vec![0.0; 20000];
    fill_normal(&mut stream(2, Purpose::Test, 1), &mut a);
    let mut b = vec![0.0; 20000];
    fill_normal(&mut stream(2, Purpose::Test, 2), &mut b);
    let t = Instant::now();
    let v = sliced_wasserstein(&a, &b, 64);
    println!("sw {v} {:?}", t.elapsed());
    let t = Instant::now();
    let v = energy_distance(&a, &b, 10000);
    println!("energy {v} {:?}", t.elapsed());
    let t = Instant::now();
    let v = t_quantile(0.975, 23999);
    println!("t {v} {:?}", t.elapsed());
}
#[test]
fn exps() {
    let (x, y) = clusters(192, 2, 3, 4.0, 0.0, 3);
    let t = Instant::now();
    for _ in 0..1000 { std::hint::black_box(linear_probe(&x, 2, &y, 1e-4)); }
    println!("linear_probe 192 rows {:?}", t.elapsed() / 1000);
    let v: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
    let (a, mut c) = (vec![0.5; 9], vec![0.0; 576]);
    let xx: Vec<f64> = v.iter().cycle().take(576).copied().collect();
    let t = Instant::now();
    for _ in 0..10000 { elbo_tensor::dgemm(elbo_tensor::Mat::new(&xx, 192, 3), elbo_tensor::Mat::new(&a, 3, 3).t(), 0.0, std::hint::black_box(&mut c)); }
    println!("logits {:?}", t.elapsed() / 10000);
    let mut d = vec![0.0; 9];
    let t = Instant::now();
    for _ in 0..10000 { elbo_tensor::dgemm(elbo_tensor::Mat::new(&xx, 192, 3).t(), elbo_tensor::Mat::new(&c, 192, 3), 0.0, std::hint::black_box(&mut d)); }
    println!("back {:?}", t.elapsed() / 10000);
    let t = Instant::now();
    for _ in 0..10000 { for v in c.iter_mut() { *v = (-v.abs() / 100.0).exp(); } std::hint::black_box(&mut c); }
    println!("exp {:?}", t.elapsed() / 10000);
}
