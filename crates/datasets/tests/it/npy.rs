//! NPY files: those that NumPy writes, those that we write, and hostile ones.

use std::fs;

use crate::support::seeds::config;
use crate::support::{self, Folder, assert_malformed, assert_table, numpy, numpy_arrays};
use elbo_datasets::{DataError, Elements, LabelColumn, Place, npy};
use elbo_tensor::Real;
use proptest::prelude::*;

/// A file of format `version` with this header and this content, whether or not they agree.
fn file(version: u8, header: &str, content: &[u8]) -> Vec<u8> {
    let length = header.len() as u32;
    let mut bytes = b"\x93NUMPY".to_vec();
    bytes.extend([version, 0]);
    bytes.extend(&length.to_le_bytes()[..if version == 1 { 2 } else { 4 }]);
    bytes.extend(header.as_bytes());
    bytes.extend(content);
    bytes
}

fn header(descr: &str, fortran: bool, shape: &str) -> String {
    let fortran = if fortran { "True" } else { "False" };
    format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n")
}

#[track_caller]
fn assert_refused(bytes: &[u8], at: u64, reason: &str) {
    let folder = Folder::new();
    let path = folder.write("a.npy", bytes);
    assert_malformed(npy::read(&path, None), &path, at, reason);
}

#[test]
fn what_numpy_wrote_is_read() {
    let arrays = numpy_arrays();
    for name in ["images_f", "v2", "v3"] {
        let (_, shape, values) = arrays.iter().find(|array| array.0 == name).unwrap();
        let read = npy::read(numpy(&format!("{name}.npy")), None).unwrap();
        let values: Vec<Real> = values.iter().map(|&x| x as Real).collect();
        assert_eq!((read.rows(), read.shape, read.values), (shape[0], support::row(shape), values), "{name}");
        assert!(read.coarse.is_empty() && read.columns.is_empty() && read.labels.is_none(), "{name}");
    }
}

/// Labels keep all their digits, and columns that lose their spread are named, in both orders.
#[test]
fn columns_are_told_apart_to_the_last_digit() {
    let folder = Folder::new();
    let rows: Vec<[f64; 3]> = (0..20).map(|i| f64::from(i % 3)).map(|x| [x, 16_777_215.0 + x, 7.0]).collect();
    for fortran in [false, true] {
        let content: Vec<u8> = if fortran {
            (0..3).flat_map(|column| rows.iter().flat_map(move |row| row[column].to_le_bytes())).collect()
        } else {
            rows.iter().flatten().flat_map(|x| x.to_le_bytes()).collect()
        };
        let path = folder.write("a.npy", file(1, &header("<f8", fortran, "(20, 3)"), &content));
        let whole = npy::read(&path, None).unwrap();
        assert_eq!(whole.coarse, if cfg!(feature = "f64") { vec![] } else { vec!["column 1".to_owned()] });
        let labelled = npy::read(&path, Some(LabelColumn::new("1"))).unwrap();
        assert_eq!(labelled.labels.unwrap()[..3], ["16777215", "16777216", "16777217"]);
        assert_eq!((labelled.shape.as_slice(), &labelled.values[..4]), (&[2][..], &[0.0, 7.0, 1.0, 7.0][..]));
        assert!(labelled.coarse.is_empty());
    }
}

#[test]
fn what_we_write_is_what_numpy_writes() {
    let written = |shape: &[usize], elements: Elements<'_>| {
        let mut bytes = Vec::new();
        npy::write(&mut bytes, shape, elements).unwrap();
        bytes
    };
    let numpy = |name| fs::read(numpy(name)).unwrap();
    assert_eq!(written(&[3, 2], Elements::F32(&[0.5, -1.25, 3e-30, 7e30, 0.0, 1.0])), numpy("f4.npy"));
    assert_eq!(written(&[3], Elements::F64(&[0.1, -1e300, 5e-324])), numpy("f8.npy"));
    assert_eq!(written(&[2, 2, 1], Elements::U32(&[0, 1, 2, u32::MAX])), numpy("u4.npy"));
    assert_eq!(written(&[1; 16], Elements::U32(&[0])), numpy("deep.npy"));
    assert_eq!(written(&[3], Elements::Text(&["a", "", "größer"])), numpy("text.npy"));
}

#[test]
#[should_panic(expected = "5 elements do not have the shape [2, 3]")]
fn elements_that_do_not_fit_their_shape_are_a_bug() {
    let _ = npy::write(&mut Vec::new(), &[2, 3], Elements::U32(&[0; 5]));
}

#[test]
fn what_is_no_table_of_numbers_is_refused_where_its_header_says_so() {
    for (name, at, reason) in [
        ("objects.npy", 20, "pickles are never read"),
        ("records.npy", 20, "records of several fields"),
        ("half.npy", 20, "\"<f2\" is not supported"),
        ("complex.npy", 20, "\"<c16\" is not supported"),
        ("text.npy", 20, "\"<U6\" is not supported"),
        ("scalar.npy", 128, "a single number; a table has rows"),
        ("empty.npy", 128, "no values: its shape is 0 x 4"),
    ] {
        let path = numpy(name);
        assert_malformed(npy::read(&path, None), &path, at, reason);
    }
}

#[test]
fn what_is_no_npy_file_is_told_by_what_it_looks_like() {
    let cases: [(&[u8], &str); 8] = [
        (b"", "there are no data, not an NPY file"),
        (b"\x93NUMP", "the magic number is 0x934e554d"),
        (b"\x93NUMPZ\x01\x00", "the magic number is 0x934e554d"),
        (b"PK\x03\x04 and so on", "looks like a zip archive"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "looks like gzip data, not an NPY file"),
        (b"1.0,2.0,3.0\n", "looks like text"),
        (b"<!DOCTYPE html>", "looks like an HTML page"),
        (b"\x80\x04\x95\x0b\x00\x00\x00\x00", "the magic number is 0x8004950b"),
    ];
    for (bytes, reason) in cases {
        assert_refused(bytes, 0, reason);
    }
    assert_refused(b"\x93NUMPY\x04\x00\x00\x00", 6, "format version 4 is unknown");
    assert_refused(b"\x93NUMPY\x00\x00\x00\x00", 6, "format version 0 is unknown");
    let folder = Folder::new();
    assert_malformed(npy::read(folder.path(""), None), &folder.path(""), 0, "not a regular file");
    assert!(matches!(npy::read(folder.path("a.npy"), None), Err(DataError::NotFound { .. })));
}

#[test]
fn a_header_longer_than_the_file_is_refused_before_it_is_allocated() {
    assert_refused(b"\x93NUMPY\x01\x00\xff\xff{}", 8, "65535 bytes for itself, but there are 12 in all");
    assert_refused(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}", 8, "4294967295 bytes for itself, but there are 14 in all");
    assert_refused(b"\x93NUMPY\x01\x00\x01", 8, "but there are 9 in all");
    let long = header("<f4", false, "(1,)") + &" ".repeat(1 << 16);
    assert_refused(&file(2, &long, &[0; 4]), 8, "at most 65536 are read");
}

#[test]
fn a_shape_that_the_file_does_not_hold_is_refused_before_it_is_allocated() {
    let refused = |shape: &str, content: usize, past: u64, reason: &str| {
        let header = header("<f8", false, shape);
        assert_refused(&file(1, &header, &vec![0; content]), 10 + header.len() as u64 + past, reason);
    };
    refused("(2,)", 8, 8, "announces 2 elements, 84 bytes in all, but the data have 76");
    refused("(2,)", 17, 16, "84 bytes in all, but the data have 85");
    refused("(1000000000000000000, 1)", 8, 8, "8000000000000000088 bytes in all, but the data have 96");
    // 2^62 · 4 elements of 8 bytes wrap to 0 in 64 bits; 2^61 − 1 elements are more than a signed size holds.
    refused("(4611686018427387904, 4)", 8, 0, "the shape 4611686018427387904 x 4 overflows");
    refused("(2305843009213693951, 1)", 8, 0, "the shape 2305843009213693951 x 1 overflows");
    let wide = header("|b1", false, "(1, 67108865)");
    assert_refused(&file(1, &wide, &vec![0; 67108865]), 10 + wide.len() as u64, "a row has 67108865 numbers");
    refused("(0, 18446744073709551615)", 8, 0, "the array has no values: its shape is 0 x 18446744073709551615");
    let header = |shape| file(1, &header("<f8", false, shape), &[0; 8]);
    assert_refused(&header("(18446744073709551616,)"), 61, "the extent 18446744073709551616, which is too large");
    assert_refused(&header("(-1,)"), 61, "no whole number here");
}

#[test]
fn a_value_that_is_not_finite_is_named_by_row_and_place() {
    let folder = Folder::new();
    let refused = |fortran: bool, shape: &str, values: &[f64], row: usize, column: usize, reason: &str| {
        let content: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let path = folder.write("a.npy", file(1, &header("<f8", fortran, shape), &content));
        assert_table(npy::read(&path, None), &path, Place::Entry { row, column }, reason);
    };
    let with = |at: usize, value: f64| {
        let mut values = [1.0; 12];
        values[at] = value;
        values
    };
    refused(false, "(4, 3)", &with(5, f64::NAN), 1, 2, "NaN is not finite");
    refused(true, "(4, 3)", &with(5, f64::NEG_INFINITY), 1, 1, "-inf is not finite");
    refused(false, "(12,)", &with(7, f64::INFINITY), 7, 0, "inf is not finite");
    // Of the row's [3, 2] values in Fortran order, index (r, 2, 1) stands at r + 2 · (2 + 3 · 1).
    refused(true, "(2, 3, 2)", &with(11, f64::NAN), 1, 5, "NaN is not finite");
    refused(true, "(2, 3, 2)", &with(2, f64::NAN), 0, 2, "NaN is not finite");
    if size_of::<Real>() == 4 {
        refused(false, "(4, 3)", &with(0, -1e39), 0, 0, "-1e39 is too large for a number of 32 bits");
        refused(false, "(4, 3)", &with(11, f64::MAX), 3, 2, "is too large for a number of 32 bits");
    }
}

#[test]
fn no_truncation_and_no_corrupt_byte_makes_it_panic() {
    let folder = Folder::new();
    let check = |bytes: &[u8]| match npy::read(folder.write("a.npy", bytes), None) {
        Ok(table) => assert_eq!(table.rows() * table.shape.iter().product::<usize>(), table.values.len()),
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    };
    for name in ["images_f.npy", "v2.npy", "objects.npy"] {
        let good = fs::read(numpy(name)).unwrap();
        for length in 0..good.len() {
            check(&good[..length]);
            assert!(npy::read(folder.path("a.npy"), None).is_err(), "{name} of {length} bytes was read");
        }
        check(&[&good[..], &[0]].concat());
        assert!(npy::read(folder.path("a.npy"), None).is_err(), "{name} with a byte behind it was read");
        for at in 0..good.len() {
            for byte in [0x00, 0x27, 0x39, 0xff] {
                let mut bad = good.clone();
                bad[at] = byte;
                check(&bad);
            }
        }
    }
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn what_is_written_is_read(
        rows in 1usize..40, row in prop::collection::vec(1usize..5, 0..3), seed in any::<u32>(),
    ) {
        let folder = Folder::new();
        let shape = [&[rows][..], &row].concat();
        let count: usize = shape.iter().product();
        let bits = |i: usize| (i as u32 ^ seed).wrapping_mul(2_654_435_761);
        let finite = |x: f32| if x.is_finite() { x } else { 0.5 };
        let floats: Vec<f32> = (0..count).map(|i| finite(f32::from_bits(bits(i)))).collect();
        let doubles: Vec<f64> = floats.iter().map(|&x| f64::from(x)).collect();
        let whole: Vec<u32> = (0..count).map(|i| bits(i) >> 8).collect();
        for elements in [Elements::F32(&floats), Elements::F64(&doubles), Elements::U32(&whole)] {
            let mut bytes = Vec::new();
            npy::write(&mut bytes, &shape, elements).unwrap();
            prop_assert_eq!(bytes.len() % 4, 0);
            let read = npy::read(folder.write("a.npy", &bytes), None).unwrap();
            prop_assert_eq!((read.rows(), &read.shape), (rows, &support::row(&shape)));
            let expected: Vec<Real> = match elements {
                Elements::U32(all) => all.iter().map(|&x| x as Real).collect(),
                _ => floats.iter().map(|&x| x as Real).collect(),
            };
            prop_assert!(read.values.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }
}

/// More elements than one block of the reader and of the writer.
#[test]
fn a_large_array_arrives_whole() {
    let values: Vec<f32> = (0..100_003u32).map(|i| i as f32 * 0.25).collect();
    let mut bytes = Vec::new();
    npy::write(&mut bytes, &[values.len()], (&values[..]).into()).unwrap();
    let folder = Folder::new();
    let read = npy::read(folder.write("a.npy", &bytes), None).unwrap();
    assert!(read.values.iter().zip(&values).all(|(&a, &b)| a == b as Real) && read.values.len() == values.len());
}
