//! The embedded default data set: 28×28 grey images of the ten digits, drawn from a seed.
//!
//! Every image is a skeleton of strokes whose control points wobble, under a random affine map, drawn with a random
//! thickness and uneven ink. Skeletons and drawing are our own; there is no data file. The generator is frozen: its
//! checksum is tested, and it was fixed before any model was tuned on it.
//!
//! Only `+ − × ÷ √` and comparisons of `f32` are used, which IEEE 754 fixes to the bit, so that every machine draws the
//! same images.

use elbo_tensor::{Purpose, Stream, stream};
use rand::RngExt;

use crate::{Dataset, Labels, Splits, Values};

/// Images are of `SIDE` × `SIDE` pixels.
pub const SIDE: usize = 28;
/// The ten digits.
pub const CLASSES: usize = 10;

/// Draws the data set `glyphs`, labelled; row `i` of each split is of class `i mod 10`.
///
/// Image `i` of a split depends on nothing but the split, `i` and `seed`: more rows continue a smaller set.
pub fn generate(train_rows: usize, valid_rows: usize, test_rows: usize, seed: u64) -> Splits {
    Splits { train: split(train_rows, 0, seed), valid: split(valid_rows, 1, seed), test: split(test_rows, 2, seed) }
}

/// `rows` images; split number `index` has 2⁴⁰ streams for itself.
fn split(rows: usize, index: u64, seed: u64) -> Dataset {
    let mut pixels = vec![0; rows * SIDE * SIDE];
    let labels: Vec<u32> = (0..rows).map(|row| (row % CLASSES) as u32).collect();
    for ((image, &label), row) in pixels.chunks_exact_mut(SIDE * SIDE).zip(&labels).zip(0u64..) {
        draw(label as usize, &mut stream(seed, Purpose::Data, (index << 40) + row), image);
    }
    let labels = Labels { values: labels, classes: CLASSES };
    Dataset::new("glyphs", &[SIDE, SIDE], Values::Bytes(pixels), Some(labels)).expect("rows, shape and labels agree")
}

type Point = [f32; 2];

/// A stroke of the pen through its control points.
enum Stroke {
    /// Straight from point to point.
    Lines(&'static [Point]),
    /// A Catmull–Rom spline from the first point to the last.
    Curve(&'static [Point]),
    /// A Catmull–Rom spline that returns to its first point.
    Loop(&'static [Point]),
}

use Stroke::{Curve, Lines, Loop};

/// The ways to write each digit, equally likely. x goes right and y down; a digit fills about [−0.6, 0.6] × [−1, 1].
const SKELETONS: [&[&[Stroke]]; CLASSES] = [
    &[&[Loop(&[
        [0.0, -1.0],
        [0.45, -0.7],
        [0.6, 0.0],
        [0.45, 0.7],
        [0.0, 1.0],
        [-0.45, 0.7],
        [-0.6, 0.0],
        [-0.45, -0.7],
    ])]],
    &[
        &[Lines(&[[0.0, -1.0], [0.0, 1.0]])],
        &[Lines(&[[-0.35, -0.6], [0.05, -1.0], [0.05, 1.0]])],
        &[Lines(&[[-0.3, -0.65], [0.05, -1.0], [0.05, 1.0]]), Lines(&[[-0.4, 1.0], [0.45, 1.0]])],
    ],
    &[
        &[
            Curve(&[[-0.55, -0.55], [-0.3, -0.9], [0.15, -1.0], [0.5, -0.7], [0.42, -0.2], [0.0, 0.35], [-0.55, 0.95]]),
            Lines(&[[-0.55, 0.95], [0.6, 0.92]]),
        ],
        &[Curve(&[
            [-0.5, -0.65],
            [-0.1, -1.0],
            [0.45, -0.75],
            [0.35, -0.1],
            [-0.15, 0.65],
            [-0.5, 0.9],
            [-0.55, 0.6],
            [-0.25, 0.62],
            [0.15, 0.92],
            [0.6, 0.8],
        ])],
    ],
    &[
        &[
            Curve(&[[-0.5, -0.8], [-0.05, -1.0], [0.42, -0.75], [0.35, -0.3], [-0.1, -0.05]]),
            Curve(&[[-0.1, -0.05], [0.42, 0.15], [0.52, 0.6], [0.1, 0.97], [-0.55, 0.8]]),
        ],
        &[
            Lines(&[[-0.5, -0.95], [0.45, -0.95], [-0.05, -0.15]]),
            Curve(&[[-0.05, -0.15], [0.42, 0.1], [0.5, 0.6], [0.05, 0.97], [-0.5, 0.8]]),
        ],
    ],
    &[
        &[Lines(&[[-0.3, -1.0], [-0.55, 0.2], [0.55, 0.2]]), Lines(&[[0.35, -0.65], [0.2, 1.0]])],
        &[Lines(&[[0.25, 1.0], [0.25, -1.0], [-0.6, 0.35], [0.6, 0.35]])],
    ],
    &[&[
        Lines(&[[0.5, -0.95], [-0.35, -0.95], [-0.42, -0.1]]),
        Curve(&[[-0.42, -0.1], [0.1, -0.25], [0.52, 0.15], [0.42, 0.75], [-0.05, 1.0], [-0.55, 0.8]]),
    ]],
    &[&[Curve(&[
        [0.4, -0.95],
        [-0.15, -0.6],
        [-0.48, 0.05],
        [-0.46, 0.65],
        [-0.05, 1.0],
        [0.42, 0.72],
        [0.4, 0.25],
        [0.0, 0.03],
        [-0.42, 0.35],
    ])]],
    &[
        &[Lines(&[[-0.55, -0.9], [0.55, -0.9], [-0.1, 1.0]])],
        &[Lines(&[[-0.55, -0.9], [0.55, -0.9], [-0.1, 1.0]]), Lines(&[[-0.25, 0.05], [0.45, 0.05]])],
        &[Lines(&[[-0.55, -0.7], [-0.5, -0.95]]), Curve(&[[-0.5, -0.95], [0.55, -0.9], [0.15, 0.0], [0.0, 1.0]])],
    ],
    &[&[Loop(&[
        [0.0, -0.05],
        [0.38, -0.4],
        [0.36, -0.8],
        [0.0, -1.0],
        [-0.36, -0.8],
        [-0.38, -0.4],
        [0.0, -0.05],
        [0.45, 0.35],
        [0.43, 0.8],
        [0.0, 1.0],
        [-0.43, 0.8],
        [-0.45, 0.35],
    ])]],
    &[
        &[
            Loop(&[[0.42, -0.6], [0.05, -1.0], [-0.42, -0.75], [-0.4, -0.25], [0.0, -0.05], [0.36, -0.25]]),
            Lines(&[[0.42, -0.6], [0.22, 1.0]]),
        ],
        &[
            Loop(&[[0.42, -0.6], [0.05, -1.0], [-0.42, -0.75], [-0.4, -0.25], [0.0, -0.05], [0.36, -0.25]]),
            Curve(&[[0.42, -0.6], [0.45, 0.2], [0.2, 0.85], [-0.4, 0.9]]),
        ],
    ],
];

/// Pixels per unit of the skeletons.
const SCALE: f32 = 8.8;
/// Straight pieces per piece of a spline.
const PIECES: usize = 6;

fn uniform(rng: &mut Stream, low: f32, high: f32) -> f32 {
    low + (high - low) * rng.random::<f32>()
}

/// Roughly normal with standard deviation `scale`: a centred sum of three uniforms, never beyond 3 `scale`. (The exact
/// normal needs a logarithm, which differs between machines.)
fn bell(rng: &mut Stream, scale: f32) -> f32 {
    2.0 * scale * (rng.random::<f32>() + rng.random::<f32>() + rng.random::<f32>() - 1.5)
}

/// Draws the digit `class` on the black `image`.
fn draw(class: usize, rng: &mut Stream, image: &mut [u8]) {
    let styles = SKELETONS[class];
    let style = styles[rng.random_range(0..styles.len() as u32) as usize];
    let map = random_map(rng);
    let radius = uniform(rng, 0.7, 1.7);
    let mut squared = [f32::INFINITY; SIDE * SIDE];
    for stroke in style {
        let points = path(stroke, rng, &map);
        for ends in points.windows(2) {
            lower_to_segment(ends[0], ends[1], radius + 1.0, &mut squared);
        }
    }
    let ink = uniform(rng, 0.8, 1.0);
    for (pixel, squared) in image.iter_mut().zip(squared) {
        // Full within the radius, down to nothing over one pixel and a half.
        let cover = ((radius + 0.75 - squared.sqrt()) / 1.5).clamp(0.0, 1.0);
        if cover > 0.0 {
            let grey = cover * (ink + bell(rng, 0.08));
            *pixel = (255.0 * grey.clamp(0.0, 1.0) + 0.5) as u8;
        }
    }
}

/// A map from skeleton to pixels: anisotropic scale, shear, rotation, then translation, as `[[a, b, c], [d, e, f]]`.
fn random_map(rng: &mut Stream) -> [[f32; 3]; 2] {
    let (wide, high) = (SCALE * uniform(rng, 0.75, 1.2), SCALE * uniform(rng, 0.85, 1.1));
    let shear = bell(rng, 0.2);
    // The rational circle gives a rotation without sine and cosine: t is the tangent of half the angle.
    let t = bell(rng, 0.08);
    let (cos, sin) = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
    let centre = (SIDE - 1) as f32 / 2.0;
    let (x, y) = (centre + bell(rng, 1.0), centre + bell(rng, 1.0));
    // Rotation · [[wide, −shear · high], [0, high]]
    let lean = -shear * high;
    [[cos * wide, cos * lean - sin * high, x], [sin * wide, sin * lean + cos * high, y]]
}

/// The stroke, wobbled and mapped to pixels, as a chain of straight pieces.
fn path(stroke: &Stroke, rng: &mut Stream, map: &[[f32; 3]; 2]) -> Vec<Point> {
    let (Lines(control) | Curve(control) | Loop(control)) = stroke;
    let mut wobble = |[x, y]: &Point| {
        let (x, y) = (x + bell(rng, 0.05), y + bell(rng, 0.05));
        map.map(|[a, b, c]| a * x + b * y + c)
    };
    let points: Vec<Point> = control.iter().map(&mut wobble).collect();
    let n = points.len();
    let (spans, closed) = match stroke {
        Lines(_) => return points,
        Curve(_) => (n - 1, false),
        Loop(_) => (n, true),
    };
    // Beyond its ends a curve goes straight on.
    let at = |i: usize| match (closed, i) {
        (true, i) => points[(i + n - 1) % n],
        (false, 0) => [0, 1].map(|d| 2.0 * points[0][d] - points[1][d]),
        (false, i) if i == n + 1 => [0, 1].map(|d| 2.0 * points[n - 1][d] - points[n - 2][d]),
        (false, i) => points[i - 1],
    };
    let mut chain = vec![points[0]];
    for span in 0..spans {
        let [before, start, end, after] = [0, 1, 2, 3].map(|i| at(span + i));
        for piece in 1..=PIECES {
            let t = piece as f32 / PIECES as f32;
            chain.push([0, 1].map(|d| catmull_rom([before[d], start[d], end[d], after[d]], t)));
        }
    }
    chain
}

/// The uniform Catmull–Rom spline between `b` (t = 0) and `c` (t = 1).
fn catmull_rom([a, b, c, d]: [f32; 4], t: f32) -> f32 {
    let cubic = 3.0 * (b - c) + d - a;
    let square = 2.0 * a - 5.0 * b + 4.0 * c - d;
    b + 0.5 * t * ((c - a) + t * (square + t * cubic))
}

/// Lowers each pixel's squared distance to that from the segment `a b`, wherever this is below `reach`.
fn lower_to_segment(a: Point, b: Point, reach: f32, squared: &mut [f32]) {
    let range = |d: usize| {
        let last = (SIDE - 1) as f32;
        let low = (a[d].min(b[d]) - reach).clamp(0.0, last) as usize;
        let high = (a[d].max(b[d]) + reach).clamp(0.0, last) as usize;
        low..=high
    };
    let along = [b[0] - a[0], b[1] - a[1]];
    let length = (along[0] * along[0] + along[1] * along[1]).max(1e-12);
    for row in range(1) {
        for column in range(0) {
            let from = [column as f32 - a[0], row as f32 - a[1]];
            let t = ((from[0] * along[0] + from[1] * along[1]) / length).clamp(0.0, 1.0);
            let (dx, dy) = (from[0] - t * along[0], from[1] - t * along[1]);
            let pixel = &mut squared[row * SIDE + column];
            *pixel = pixel.min(dx * dx + dy * dy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(data: &Dataset) -> &[u8] {
        let Values::Bytes(bytes) = data.values() else { unreachable!() };
        bytes
    }

    #[test]
    fn the_generator_is_frozen() {
        let splits = generate(100, 20, 30, 17);
        let sums = [&splits.train, &splits.valid, &splits.test].map(Dataset::checksum);
        assert_eq!(sums, [0x72af_01c2_383f_b41a, 0x9e2d_a175_7e30_66af, 0x937e_ac27_19d8_00b0], "{sums:#018x?}");
    }

    #[test]
    fn images_are_28_by_28_and_classes_are_balanced() {
        let splits = generate(1000, 50, 0, 3);
        assert_eq!((splits.train.shape(), splits.train.rows()), (&[SIDE, SIDE][..], 1000));
        assert_eq!((splits.valid.rows(), splits.test.rows()), (50, 0));
        let labels = splits.train.labels().unwrap();
        assert_eq!(labels.classes, CLASSES);
        assert!((0..10).all(|class| labels.values.iter().filter(|&&label| label == class).count() == 100));
    }

    #[test]
    fn a_larger_set_continues_a_smaller_one_and_the_splits_differ() {
        let (small, large) = (generate(20, 20, 20, 5), generate(40, 0, 20, 5));
        assert_eq!(bytes(&small.train), &bytes(&large.train)[..20 * SIDE * SIDE]);
        assert_eq!(small.test, large.test);
        assert_ne!(bytes(&small.train), bytes(&small.test));
        assert_ne!(bytes(&small.valid), bytes(&small.test));
        assert_ne!(bytes(&small.train), bytes(&generate(20, 0, 0, 6).train));
    }

    /// The shares of ink and of untouched pixels are those of pen on paper, and no digit runs off the image.
    #[test]
    fn every_image_is_a_thin_line_within_the_frame() {
        let splits = generate(2000, 0, 0, 8);
        for (row, image) in bytes(&splits.train).chunks_exact(SIDE * SIDE).enumerate() {
            let touched = image.iter().filter(|&&pixel| pixel > 0).count();
            assert!((25..450).contains(&touched), "row {row}: {touched} pixels are touched");
            assert!(image.iter().any(|&pixel| pixel > 127), "row {row} is faint");
        }
        let border = |i: &usize| [i / SIDE, i % SIDE].iter().any(|&x| x == 0 || x == SIDE - 1);
        let cut = bytes(&splits.train)
            .chunks_exact(SIDE * SIDE)
            .filter(|image| (0..SIDE * SIDE).filter(border).any(|i| image[i] > 127))
            .count();
        assert!(cut < 20, "{cut} of 2000 images touch the border");
    }

    /// Nearest class mean on pixels, far above the 0.1 of chance: the labels belong to the images.
    #[test]
    fn classes_can_be_told_apart() {
        let splits = generate(2000, 0, 500, 9);
        let mut means = vec![[0.0f64; SIDE * SIDE]; CLASSES];
        for (row, image) in bytes(&splits.train).chunks_exact(SIDE * SIDE).enumerate() {
            means[row % CLASSES].iter_mut().zip(image).for_each(|(mean, &pixel)| *mean += f64::from(pixel) / 200.0);
        }
        let distance = |mean: &[f64; SIDE * SIDE], image: &[u8]| -> f64 {
            mean.iter().zip(image).map(|(mean, &pixel)| (mean - f64::from(pixel)).powi(2)).sum()
        };
        let right = bytes(&splits.test)
            .chunks_exact(SIDE * SIDE)
            .enumerate()
            .filter(|(row, image)| {
                let of = |class: &usize| distance(&means[*class], image);
                (0..CLASSES).min_by(|a, b| of(a).total_cmp(&of(b))) == Some(row % CLASSES)
            })
            .count();
        assert!(right > 350, "{right} of 500");
    }
}
