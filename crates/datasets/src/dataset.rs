//! Rows in memory, with or without labels.

use std::fmt;
use std::ops::Range;

use elbo_tensor::{Real, Stream, Tensor, fill_uniform};
use rand::Rng;

use crate::DataError;
use crate::fnv::Fnv;

/// The numbers of a data set, row after row.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Intensities in `[0, 1]`, kept as bytes: the value is byte / 255.
    Bytes(Vec<u8>),
    /// Finite real numbers.
    Reals(Vec<Real>),
}

impl Values {
    /// How many numbers there are.
    fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Reals(reals) => reals.len(),
        }
    }

    /// The rows `indices` of `width` values each.
    fn select(&self, width: usize, indices: &[u32]) -> Self {
        match self {
            Self::Bytes(bytes) => Self::Bytes(select(bytes, width, indices)),
            Self::Reals(reals) => Self::Reals(select(reals, width, indices)),
        }
    }
}

fn select<T: Copy>(all: &[T], width: usize, indices: &[u32]) -> Vec<T> {
    let mut chosen = Vec::with_capacity(indices.len() * width);
    indices.iter().for_each(|&row| chosen.extend_from_slice(&all[row as usize * width..][..width]));
    chosen
}

fn drop_front<T>(all: &mut Vec<T>, count: usize) {
    all.drain(..count);
    all.shrink_to_fit();
}

/// One class per row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// The class of each row, in `0..classes`.
    pub values: Vec<u32>,
    /// The number of classes, of which some may have no row.
    pub classes: usize,
}

/// A named table of `n` rows, each of one shape, with or without labels.
#[derive(Clone, PartialEq)]
pub struct Dataset {
    name: String,
    rows: usize,
    shape: Vec<usize>,
    values: Values,
    /// Whether all values are in `[0, 1]`.
    intensity: bool,
    labels: Option<Labels>,
    /// One a class, or none at all.
    class_names: Vec<String>,
}

impl Dataset {
    /// A data set of `values` in rows of `shape`, for instance `[28, 28]` or `[2]`. No rows at all are allowed.
    ///
    /// # Errors
    /// [`DataError::Invalid`] if the shape is empty or has a zero, if `values` is not a whole number of rows or more
    /// than 2³² of them, if a real is not finite, if there is not one label a row, or if a label is no class.
    pub fn new(
        name: impl Into<String>,
        shape: &[usize],
        values: Values,
        labels: Option<Labels>,
    ) -> Result<Self, DataError> {
        let name = name.into();
        let invalid = |reason: String| Err(DataError::Invalid(format!("data set {name}: {reason}")));
        let width = match shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n)) {
            Some(width) if width > 0 && !shape.is_empty() => width,
            _ => return invalid(format!("the shape of a row is {shape:?}; every extent must be positive")),
        };
        if !values.len().is_multiple_of(width) {
            return invalid(format!("{} values are not a whole number of rows of {shape:?}", values.len()));
        }
        let rows = values.len() / width;
        if u32::try_from(rows).is_err() {
            return invalid(format!("{rows} rows; at most {} are allowed", u32::MAX));
        }
        if let Values::Reals(reals) = &values
            && let Some(at) = reals.iter().position(|x| !x.is_finite())
        {
            return invalid(format!("row {}, column {}: {} is not finite", at / width, at % width, reals[at]));
        }
        if let Some(labels) = &labels {
            if labels.values.len() != rows {
                return invalid(format!("{} labels for {rows} rows", labels.values.len()));
            }
            if let Some(row) = labels.values.iter().position(|&label| label as usize >= labels.classes) {
                let (label, classes) = (labels.values[row], labels.classes);
                return invalid(format!("row {row}: label {label} is not below the number of classes, {classes}"));
            }
        }
        let intensity = match &values {
            Values::Bytes(_) => true,
            Values::Reals(reals) => reals.iter().all(|x| (0.0..=1.0).contains(x)),
        };
        Ok(Self { name, rows, shape: shape.to_vec(), values, intensity, labels, class_names: Vec::new() })
    }

    /// The same data under another name.
    pub fn with_name(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// The same data with names for the classes of its labels.
    ///
    /// # Errors
    /// [`DataError::Invalid`] if there is not one name a class.
    pub fn with_class_names(self, names: Vec<String>) -> Result<Self, DataError> {
        let classes = self.labels.as_ref().map_or(0, |labels| labels.classes);
        if names.len() != classes {
            let reason = format!("data set {}: {} names for {classes} classes", self.name, names.len());
            return Err(DataError::Invalid(reason));
        }
        Ok(Self { class_names: names, ..self })
    }

    /// What the data set is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of rows, `n`.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The shape of one row, for instance `[28, 28]`.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of values in a row: the product of [`shape`](Self::shape).
    pub fn width(&self) -> usize {
        self.shape.iter().product()
    }

    /// All values, row after row.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The labels, if there are any.
    pub fn labels(&self) -> Option<&Labels> {
        self.labels.as_ref()
    }

    /// What the classes of the labels are called; empty if they have no names.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Whether all values are intensities in `[0, 1]`, so that they can be binarised. Of a part of a data set the
    /// answer is that of the whole.
    pub fn is_intensity(&self) -> bool {
        self.intensity
    }

    /// All rows, `[n, width]`.
    pub fn tensor(&self) -> Tensor {
        self.batch(&(0..self.rows() as u32).collect::<Vec<_>>())
    }

    /// The rows `indices`, `[b, width]`, in that order.
    ///
    /// # Panics
    /// If an index is not below the number of rows.
    #[track_caller]
    pub fn batch(&self, indices: &[u32]) -> Tensor {
        let mut x = Tensor::scratch([indices.len(), self.width()]);
        self.gather(indices, x.as_mut_slice());
        x
    }

    /// Writes the rows `indices` to `out`, `[b, width]`, in that order.
    ///
    /// # Panics
    /// If `out` is not of `indices.len() * width` values, or if an index is not below the number of rows.
    #[track_caller]
    pub fn gather(&self, indices: &[u32], out: &mut [Real]) {
        let width = self.width();
        self.check_gather("gather", indices, out);
        for (out, &row) in out.chunks_exact_mut(width).zip(indices) {
            let range = row as usize * width..(row as usize + 1) * width;
            match &self.values {
                Values::Bytes(bytes) => {
                    for (out, &byte) in out.iter_mut().zip(&bytes[range]) {
                        *out = Real::from(byte) / 255.0;
                    }
                }
                Values::Reals(reals) => out.copy_from_slice(&reals[range]),
            }
        }
    }

    /// Writes `1[x > U]`, `U ~ U(0, 1)` drawn afresh for every value, of the rows `indices` to `out`, `[b, width]`:
    /// each value is 1 with probability x, and certainly 0 or 1 at the ends.
    ///
    /// For real numbers `U` has as many bits as their mantissa. For bytes it is drawn digit by digit in base 256, in
    /// which byte / 255 is the byte repeated for ever: the first digit of `U` that differs from the byte decides. So
    /// one random byte a pixel is enough but in one case of 256, and four more are then drawn (`U` has 40 bits).
    ///
    /// # Panics
    /// If the values are not intensities, if `out` is not of `indices.len() * width` values, or if an index is not
    /// below the number of rows.
    #[track_caller]
    pub fn gather_binarized(&self, indices: &[u32], rng: &mut Stream, out: &mut [Real]) {
        /// What ChaCha makes at once.
        const BLOCK: usize = 256;
        assert!(self.intensity, "gather_binarized: data set {} holds real numbers, not intensities", self.name);
        let width = self.width();
        self.check_gather("gather_binarized", indices, out);
        let pixels = match &self.values {
            Values::Bytes(pixels) => pixels,
            Values::Reals(reals) => {
                fill_uniform(rng, out);
                for (out, &row) in out.chunks_exact_mut(width).zip(indices) {
                    let reals = &reals[row as usize * width..(row as usize + 1) * width];
                    out.iter_mut().zip(reals).for_each(|(u, &x)| *u = Real::from(u8::from(x > *u)));
                }
                return;
            }
        };
        let mut digits = [0u8; BLOCK];
        for (out, &row) in out.chunks_exact_mut(width).zip(indices) {
            let pixels = &pixels[row as usize * width..(row as usize + 1) * width];
            for (out, pixels) in out.chunks_mut(BLOCK).zip(pixels.chunks(BLOCK)) {
                let digits = &mut digits[..pixels.len()];
                rng.fill_bytes(digits);
                let mut ties = 0u8;
                for ((out, &pixel), &digit) in out.iter_mut().zip(pixels).zip(&*digits) {
                    *out = Real::from(u8::from(digit < pixel));
                    ties |= u8::from(digit == pixel) & u8::from(pixel != 0);
                }
                if ties != 0 {
                    for ((out, &pixel), &digit) in out.iter_mut().zip(pixels).zip(&*digits) {
                        if digit == pixel && pixel != 0 {
                            // Four more digits; if these are equal too, the rest of byte / 255 is still above 0.
                            let further = rng.next_u32();
                            *out = Real::from(u8::from(further <= u32::from(pixel) * 0x0101_0101));
                        }
                    }
                }
            }
        }
    }

    #[track_caller]
    fn check_gather(&self, what: &str, indices: &[u32], out: &[Real]) {
        let (b, width) = (indices.len(), self.width());
        assert!(out.len() == b * width, "{what}: {b} rows of {width} values do not fit an output of {}", out.len());
        self.check_rows(what, indices);
    }

    #[track_caller]
    fn check_rows(&self, what: &str, indices: &[u32]) {
        if let Some(row) = indices.iter().find(|&&row| row as usize >= self.rows) {
            panic!("{what}: row {row} of data set {}, which has {}", self.name, self.rows);
        }
    }

    /// A copy of the rows in `range`, with their labels and the same number of classes.
    ///
    /// # Panics
    /// If the range is not within the rows.
    #[track_caller]
    pub fn slice(&self, range: Range<usize>) -> Self {
        assert!(
            range.start <= range.end && range.end <= self.rows,
            "slice: rows {range:?} of data set {}, which has {}",
            self.name,
            self.rows
        );
        self.select(&(range.start as u32..range.end as u32).collect::<Vec<_>>())
    }

    /// A copy of the rows `indices` in that order, with their labels and the same number of classes.
    ///
    /// # Panics
    /// If an index is not below the number of rows.
    #[track_caller]
    pub fn select(&self, indices: &[u32]) -> Self {
        self.check_rows("select", indices);
        let labels = |labels: &Labels| Labels { values: select(&labels.values, 1, indices), classes: labels.classes };
        Self {
            name: self.name.clone(),
            rows: indices.len(),
            shape: self.shape.clone(),
            values: self.values.select(self.width(), indices),
            intensity: self.intensity,
            labels: self.labels.as_ref().map(labels),
            class_names: self.class_names.clone(),
        }
    }

    /// Takes the first `count` rows out, in place: at no time are there two copies of the rest.
    pub(crate) fn take_front(&mut self, count: usize) -> Self {
        let front = self.slice(0..count);
        match &mut self.values {
            Values::Bytes(bytes) => drop_front(bytes, front.values.len()),
            Values::Reals(reals) => drop_front(reals, front.values.len()),
        }
        if let Some(labels) = &mut self.labels {
            drop_front(&mut labels.values, count);
        }
        self.rows -= count;
        front
    }

    /// A checksum of the content: 64-bit FNV-1a over the shape, the values and the labels, each with its length. Names
    /// do not count. Reals count by their bits, so that the builds in `f32` and `f64` differ.
    pub fn checksum(&self) -> u64 {
        let mut hash = Fnv::default();
        hash.length(self.shape.len());
        self.shape.iter().for_each(|&n| hash.length(n));
        hash.length(self.rows);
        match &self.values {
            Values::Bytes(bytes) => {
                hash.bytes(b"u8");
                hash.bytes(bytes);
            }
            Values::Reals(reals) => {
                hash.bytes(b"real");
                reals.iter().for_each(|x| hash.bytes(&x.to_bits().to_le_bytes()));
            }
        }
        if let Some(labels) = &self.labels {
            hash.length(labels.classes);
            labels.values.iter().for_each(|label| hash.bytes(&label.to_le_bytes()));
        }
        hash.0
    }
}

impl fmt::Debug for Dataset {
    /// The outline only: values would fill the screen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dataset")
            .field("name", &self.name)
            .field("rows", &self.rows)
            .field("shape", &self.shape)
            .field("classes", &self.labels.as_ref().map(|labels| labels.classes))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use elbo_tensor::{Purpose, stream};

    fn bytes(rows: usize, width: usize, byte: impl Fn(usize) -> u8) -> Dataset {
        let labels = Labels { values: (0..rows as u32).map(|row| row % 3).collect(), classes: 3 };
        Dataset::new("t", &[width], Values::Bytes((0..rows * width).map(byte).collect()), Some(labels)).unwrap()
    }

    fn refusal(shape: &[usize], values: Values, labels: Option<Labels>) -> String {
        let message = Dataset::new("t", shape, values, labels).unwrap_err().to_string();
        assert!(!message.contains('\n'));
        message
    }

    #[test]
    fn a_data_set_that_does_not_fit_together_is_refused() {
        let reals = |n| Values::Reals(vec![0.0; n]);
        let labels = |values: &[u32]| Some(Labels { values: values.to_vec(), classes: 2 });
        assert!(refusal(&[], reals(4), None).contains("shape"));
        assert!(refusal(&[0, 2], reals(4), None).contains("shape"));
        assert!(refusal(&[usize::MAX, 2], reals(4), None).contains("shape"));
        assert!(refusal(&[3], reals(4), None).contains("whole number of rows"));
        assert!(refusal(&[2], Values::Reals(vec![0.0, 1.0, 2.0, Real::NAN]), None).contains("row 1, column 1: NaN"));
        assert!(refusal(&[2], reals(4), labels(&[0])).contains("1 labels for 2 rows"));
        assert!(refusal(&[2], reals(4), labels(&[0, 2])).contains("row 1: label 2"));
        assert!(Dataset::new("t", &[2], reals(4), labels(&[0, 1])).is_ok());
        assert!(Dataset::new("t", &[2], reals(0), labels(&[])).is_ok());
    }

    #[test]
    fn gather_writes_the_rows_asked_for_in_that_order() {
        let data = bytes(4, 3, |i| i as u8 * 20);
        let mut out = [9.0; 6];
        data.gather(&[3, 1], &mut out);
        assert_eq!(out, [180.0, 200.0, 220.0, 60.0, 80.0, 100.0].map(|x: Real| x / 255.0));
        let reals = Dataset::new("r", &[1], Values::Reals(vec![-1.0, 0.5, 7.0]), None).unwrap();
        reals.gather(&[2, 2, 0], &mut out[..3]);
        assert_eq!(out[..3], [7.0, 7.0, -1.0]);
    }

    #[test]
    #[should_panic(expected = "row 4 of data set t, which has 4")]
    fn gather_names_a_row_that_is_not_there() {
        bytes(4, 3, |_| 0).gather(&[4], &mut [0.0; 3]);
    }

    #[test]
    fn black_is_always_0_and_white_always_1() {
        // 2^20 pixels each: a tie at the first digit comes up 4096 times; it must be resolved exactly too.
        let data = bytes(2, 1 << 10, |i| if i < 1 << 10 { 0 } else { 255 });
        let mut out = vec![0.5; 1 << 20];
        for (row, value) in [(0, 0.0), (1, 1.0)] {
            data.gather_binarized(&[row; 1 << 10], &mut stream(1, Purpose::Test, 0), &mut out);
            assert!(out.iter().all(|&x| x == value));
        }
    }

    /// z-test of each of the 254 grey levels over 2^16 draws; |z| > 5 anywhere happens by chance in 1.5e-4 of seeds.
    #[test]
    fn a_grey_pixel_is_1_with_probability_its_intensity() {
        let data = bytes(1, 256, |i| i as u8);
        let draws = 1 << 16;
        let mut out = vec![0.5; 256 * draws];
        data.gather_binarized(&vec![0; draws], &mut stream(2, Purpose::Test, 0), &mut out);
        assert!(out.iter().all(|&x| x == 0.0 || x == 1.0));
        for level in 1..255 {
            let ones = (0..draws).filter(|draw| out[draw * 256 + level] == 1.0).count() as f64;
            let (n, p) = (draws as f64, level as f64 / 255.0);
            let z = (ones - n * p) / (n * p * (1.0 - p)).sqrt();
            assert!(z.abs() < 5.0, "level {level}: z = {z}");
        }
    }

    #[test]
    fn binarisation_is_a_function_of_the_stream() {
        let data = bytes(8, 784, |i| (i % 251) as u8);
        let draw = |index| {
            let mut out = vec![0.0; 8 * 784];
            data.gather_binarized(&[0, 1, 2, 3, 4, 5, 6, 7], &mut stream(3, Purpose::Binarize, index), &mut out);
            out
        };
        assert_eq!(draw(0), draw(0));
        assert_ne!(draw(0), draw(1));
    }

    #[test]
    fn slices_and_selections_cut_rows_and_labels_alike() {
        let data = bytes(10, 2, |i| i as u8);
        let middle = data.slice(3..5);
        assert_eq!(middle.values(), &Values::Bytes(vec![6, 7, 8, 9]));
        assert_eq!(middle.labels().unwrap(), &Labels { values: vec![0, 1], classes: 3 });
        let chosen = data.select(&[4, 3, 3]);
        assert_eq!(chosen.values(), &Values::Bytes(vec![8, 9, 6, 7, 6, 7]));
        assert_eq!(chosen.labels().unwrap(), &Labels { values: vec![1, 0, 0], classes: 3 });
        assert_eq!(data.select(&[3, 4]), middle);
        let mut rest = data.clone();
        assert_eq!((rest.take_front(4), rest), (data.slice(0..4), data.slice(4..10)));
    }

    #[test]
    fn names_and_intensity_go_with_the_parts() {
        let make = |values: Vec<Real>| Dataset::new("t", &[1], Values::Reals(values), None).unwrap();
        assert!(make(vec![0.0, 0.25, 1.0]).is_intensity());
        let outside = make(vec![0.0, 0.25, 1.5]);
        assert!(!outside.is_intensity() && !outside.slice(0..2).is_intensity() && !outside.select(&[0]).is_intensity());
        let named = bytes(4, 1, |_| 0).with_class_names(["a", "b", "c"].map(String::from).to_vec()).unwrap();
        assert_eq!(named.slice(1..2).class_names(), ["a", "b", "c"]);
        assert!(named.with_class_names(vec![]).unwrap_err().to_string().contains("0 names for 3 classes"));
    }

    /// z-test of 9 values over 2^16 draws; |z| > 5 anywhere happens by chance in 5e-6 of seeds.
    #[test]
    fn a_real_intensity_is_1_with_its_probability() {
        let draws = 1 << 16;
        let data = Dataset::new("t", &[11], Values::Reals((0..11).map(|i| i as Real / 10.0).collect()), None).unwrap();
        let mut out = vec![0.5; 11 * draws];
        data.gather_binarized(&vec![0; draws], &mut stream(4, Purpose::Test, 0), &mut out);
        for level in 0..11 {
            let ones = (0..draws).filter(|draw| out[draw * 11 + level] == 1.0).count() as f64;
            let (n, p) = (draws as f64, level as f64 / 10.0);
            let (deviation, spread) = (ones - n * p, (n * p * (1.0 - p)).sqrt());
            assert!(deviation.abs() <= 5.0 * spread, "level {level}: {ones} ones");
        }
        assert!(out.iter().all(|&x| x == 0.0 || x == 1.0));
    }

    #[test]
    fn the_checksum_sees_content_and_nothing_else() {
        let data = bytes(4, 6, |i| i as u8);
        let Values::Bytes(values) = data.values().clone() else { unreachable!() };
        let make = |shape: &[usize], values, labels| Dataset::new("t", shape, values, labels).unwrap().checksum();
        let labels = data.labels().cloned();
        assert_eq!(data.checksum(), data.clone().with_name("other").checksum());
        assert_ne!(data.checksum(), make(&[2, 3], Values::Bytes(values.clone()), labels.clone()));
        assert_ne!(data.checksum(), make(&[6], Values::Bytes(values.clone()), None));
        let mut changed = values.clone();
        changed[17] ^= 1;
        assert_ne!(data.checksum(), make(&[6], Values::Bytes(changed), labels.clone()));
        let mut relabelled = labels.unwrap();
        relabelled.values[3] = 1;
        assert_ne!(data.checksum(), make(&[6], Values::Bytes(values), Some(relabelled)));
    }
}
