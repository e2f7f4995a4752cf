//! NPZ files: those that NumPy writes, those that we write, and hostile ones.

use std::fs::{self, File};
use std::io::{Cursor, Write};

use crate::support::{Folder, assert_malformed, assert_table, numpy, numpy_arrays, row};
use elbo_datasets::npz::{self, Npz};
use elbo_datasets::{DataError, Elements, Field, Place};
use elbo_tensor::Real;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use rawzip::{CompressionMethod, ZipArchiveWriter};

/// An archive of these members, deflated.
fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipArchiveWriter::new(Vec::new());
    for (name, bytes) in members {
        let name = rawzip::path::EntryPath::verbatim(name.as_bytes());
        let file = archive.new_file(name).compression_method(CompressionMethod::DEFLATE);
        let (mut entry, config) = file.start().unwrap();
        let mut member = config.wrap(DeflateEncoder::new(&mut entry, Compression::best()));
        member.write_all(bytes).unwrap();
        let (encoder, checked) = member.finish().unwrap();
        encoder.finish().unwrap();
        entry.finish(checked).unwrap();
    }
    archive.finish().unwrap()
}

/// An NPY file of `count` zeros of 32 bits.
fn zeros(count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    elbo_datasets::npy::write(&mut bytes, &[count], Elements::U32(&vec![0; count])).unwrap();
    bytes
}

#[test]
fn every_element_type_and_order_of_numpy_is_read_stored_and_deflated() {
    for name in ["stored.npz", "deflated.npz"] {
        let archive = Npz::open(numpy(name)).unwrap();
        let mut read = 0;
        for (member, shape, values) in numpy_arrays() {
            if archive.find(&[&member]).is_none() {
                continue;
            }
            let array = archive.read(&member, None).unwrap();
            assert_eq!((array.shape, array.values.len()), (row(&shape), values.len()), "{name}: {member}");
            let equal = array.values.iter().zip(&values).all(|(&a, &b)| a == b as Real);
            assert!(equal, "{name}: {member}: {:?}", array.values);
            read += 1;
        }
        assert_eq!((read, archive.names().count()), (44, 44));
    }
}

#[test]
fn what_we_write_is_read_and_depends_on_nothing_else() {
    let fields = [
        Field { name: "z", shape: &[3, 2], elements: Elements::F32(&[0.5, 1.5, 2.5, 3.5, 4.5, 5.5]) },
        Field { name: "assignments", shape: &[3], elements: Elements::U32(&[2, 0, 1]) },
        Field { name: "classes", shape: &[2], elements: Elements::Text(&["a", "b"]) },
    ];
    let folder = Folder::new();
    let path = folder.path("a.npz");
    npz::write(File::create(&path).unwrap(), &fields).unwrap();
    let archive = Npz::open(&path).unwrap();
    assert_eq!(archive.names().collect::<Vec<_>>(), ["z", "assignments", "classes"]);
    let z = archive.read("z", None).unwrap();
    assert_eq!((z.shape.as_slice(), z.values.as_slice()), (&[2][..], &[0.5, 1.5, 2.5, 3.5, 4.5, 5.5][..]));
    assert_eq!(archive.read_labels("assignments").unwrap(), ["2", "0", "1"]);
    let mut again = Cursor::new(Vec::new());
    npz::write(&mut again, &fields).unwrap();
    assert!(again.into_inner() == fs::read(&path).unwrap());
}

#[test]
fn a_member_that_is_not_there_is_answered_with_those_that_are() {
    let folder = Folder::new();
    let path = folder.write("a.npz", archive(&[("x.npy", &zeros(2)), ("note.txt", b"hello"), ("y.npy", &zeros(2))]));
    let npz = Npz::open(&path).unwrap();
    assert_eq!((npz.find(npz::DATA), npz.find(npz::LABELS), npz.find(&["note"])), (Some("x"), Some("y"), None));
    assert_malformed(npz.read("z", None), &path, 0, "there is no member `z`; there are `x`, `y`");
    let path = folder.write("b.npz", archive(&[("note.txt", b"hello")]));
    assert_malformed(Npz::open(&path).map(|_| ()), &path, 0, "no member that is an NPY file");
}

#[test]
fn labels_are_one_number_a_row() {
    let path = numpy("stored.npz");
    let archive = Npz::open(&path).unwrap();
    let member = path.join("f4_le_c.npy");
    assert_malformed(archive.read_labels("f4_le_c"), &member, 0, "labels have the shape [3, 4]; one a row is wanted");
}

#[test]
fn an_archive_that_would_reach_outside_a_folder_is_refused() {
    let folder = Folder::new();
    for name in ["../x.npy", "a/../../x.npy", "/etc/x.npy", "..\\x.npy", "\\x.npy", "C:\\x.npy", ".."] {
        let path = folder.write("a.npz", archive(&[("y.npy", &zeros(2)), (name, &zeros(2))]));
        assert_malformed(Npz::open(&path).map(|_| ()), &path, 0, "leads outside the archive");
    }
    let path = folder.write("a.npz", archive(&[("layer/..weights.npy", &zeros(2))]));
    assert_eq!(Npz::open(&path).unwrap().read("layer/..weights", None).unwrap().values, [0.0, 0.0]);
    let path = folder.write("a.npz", archive(&[("x.npy", &zeros(2)), ("x.npy", &zeros(3))]));
    assert_malformed(Npz::open(&path).map(|_| ()), &path, 0, "the member `x` is in the archive twice");
}

/// Replaces every occurrence of `from` by `to`.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let places: Vec<usize> = (0..=bytes.len() - from.len()).filter(|&at| &bytes[at..at + from.len()] == from).collect();
    assert!(!places.is_empty());
    places.iter().for_each(|&at| bytes[at..at + to.len()].copy_from_slice(to));
    bytes
}

#[test]
fn a_bomb_is_refused_whether_or_not_it_announces_itself() {
    let folder = Folder::new();
    let content = zeros(16 << 20);
    let honest = archive(&[("x.npy", &content)]);
    assert!(honest.len() < 100_000);
    let path = folder.write("a.npz", &honest);
    let member = path.join("x.npy");
    assert_malformed(Npz::open(&path).unwrap().read("x", None), &member, 0, "zip bomb?");
    // The directory says 136 bytes, as if there were two elements; the header says what is there, or agrees.
    let size = (content.len() as u32).to_le_bytes();
    let disguised = replaced(&honest, &size, &136u32.to_le_bytes());
    let path = folder.write("a.npz", &disguised);
    assert_malformed(
        Npz::open(&path).unwrap().read("x", None),
        &member,
        136,
        "67108992 bytes in all, but the data have 136",
    );
    let mut small = zeros(2);
    small.extend(vec![0; 64 << 20]);
    let size = (small.len() as u32).to_le_bytes();
    let disguised = replaced(&archive(&[("x.npy", &small)]), &size, &136u32.to_le_bytes());
    let path = folder.write("a.npz", &disguised);
    let error = Npz::open(&path).unwrap().read("x", None).unwrap_err().to_string();
    assert!(error.contains("corrupt") || error.contains("the data go on"), "{error}");
}

#[test]
fn a_member_is_checked_as_a_file_is() {
    let folder = Folder::new();
    let text = fs::read(numpy("text.npy")).unwrap();
    let objects = fs::read(numpy("objects.npy")).unwrap();
    let nan: Vec<u8> = {
        let mut bytes = Vec::new();
        elbo_datasets::npy::write(&mut bytes, &[2, 2], Elements::F64(&[1.0, 2.0, 3.0, f64::NAN])).unwrap();
        bytes
    };
    let members: [(&str, &[u8]); 5] =
        [("t.npy", &text), ("o.npy", &objects), ("n.npy", &nan), ("h.npy", b"<html>...</html>"), ("e.npy", b"")];
    let path = folder.write("a.npz", archive(&members));
    let archive = Npz::open(&path).unwrap();
    assert_malformed(archive.read("t", None), &path.join("t.npy"), 20, "unpacked byte 20: the element type \"<U6\"");
    assert_malformed(archive.read("o", None), &path.join("o.npy"), 20, "pickles are never read");
    assert_table(archive.read("n", None), &path.join("n.npy"), Place::Entry { row: 1, column: 1 }, "NaN is not finite");
    assert_malformed(archive.read("h", None), &path.join("h.npy"), 0, "looks like an HTML page");
    assert_malformed(archive.read("e", None), &path.join("e.npy"), 0, "there are no data");
}

#[test]
fn what_is_no_archive_is_refused() {
    let folder = Folder::new();
    for (bytes, reason) in [
        (&b""[..], "there are no data, not an NPZ file"),
        (b"\x93NUMPY\x01\x00", "looks like a NumPy file, not an NPZ file"),
        (b"PK\x03\x04 and nothing else that an archive has", "the zip archive is corrupt"),
    ] {
        let path = folder.write("a.npz", bytes);
        assert_malformed(Npz::open(&path).map(|_| ()), &path, 0, reason);
    }
    assert!(matches!(Npz::open(folder.path("b.npz")), Err(DataError::NotFound { .. })));
}

#[test]
fn no_truncation_and_no_corrupt_byte_makes_it_panic_or_changes_what_is_read() {
    let folder = Folder::new();
    let values: Vec<f32> = (0..12).map(|i| i as f32).collect();
    let fields = [Field { name: "x", shape: &[3, 4], elements: (&values[..]).into() }];
    let mut stored = Vec::new();
    npz::write(&mut stored, &fields).unwrap();
    let mut npy = Vec::new();
    elbo_datasets::npy::write(&mut npy, &[3, 4], (&values[..]).into()).unwrap();
    for good in [stored, archive(&[("x.npy", &npy)])] {
        let read = |bytes: &[u8]| {
            let array = Npz::open(folder.write("a.npz", bytes))?.read("x", None)?;
            assert_eq!((array.shape, array.values), (vec![4], (0..12).map(|i| i as Real).collect()));
            Ok::<_, DataError>(())
        };
        read(&good).unwrap();
        for length in 0..good.len() {
            assert!(read(&good[..length]).is_err(), "{length}");
        }
        for at in 0..good.len() {
            for bits in [0x01, 0x10, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[at] ^= bits;
                if let Err(error) = read(&bad) {
                    assert!(!error.to_string().contains('\n'), "{error}");
                }
            }
        }
    }
}
