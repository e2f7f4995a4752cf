//! IDX files, good and hostile: each fault is one line that names the file, the byte and what is wrong.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use elbo_datasets::{DataError, Dataset, Labels, Splits, Values, idx};
use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;

/// An IDX file of bytes with these dimensions and this content, whether or not they agree.
fn idx_bytes(dims: &[u32], content: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, dims.len() as u8];
    dims.iter().for_each(|n| file.extend(n.to_be_bytes()));
    file.extend(content);
    file
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn images() -> Vec<u8> {
    idx_bytes(&[3, 2, 2], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255])
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

/// The fault must be `Malformed` at `offset`, on one line that names the file and contains `reason`.
#[track_caller]
fn assert_malformed<T: std::fmt::Debug>(result: Result<T, DataError>, path: &Path, at: u64, reason: &str) {
    let error = result.unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, DataError::Malformed { offset, .. } if offset == at), "{error:?}");
    assert!(message.starts_with(&path.display().to_string()), "{message}");
    assert!(message.contains(&format!("byte {at}: ")) && message.contains(reason), "{message}");
    assert!(!message.contains('\n'), "{message}");
}

#[track_caller]
fn assert_images_refused(bytes: &[u8], at: u64, reason: &str) {
    let folder = Folder::new();
    let path = folder.write("images", bytes);
    assert_malformed(idx::read_images(&path), &path, at, reason);
}

#[test]
fn plain_and_gzip_files_read_alike_whatever_their_name() {
    let folder = Folder::new();
    let plain = idx::read_images(folder.write("a.gz", &images())).unwrap();
    let packed = idx::read_images(folder.write("a", &gzip(&images()))).unwrap();
    assert_eq!(plain.values(), &Values::Bytes(vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255]));
    assert_eq!((plain.rows(), plain.shape(), plain.labels()), (3, &[2, 2][..], None));
    assert_eq!(plain.checksum(), packed.checksum());
    let labels = idx::read_labels(folder.write("l", &idx_bytes(&[4], &[1, 0, 5, 1]))).unwrap();
    assert_eq!(labels, Labels { values: vec![1, 0, 5, 1], classes: 6 });
}

#[test]
fn a_gzip_file_of_several_members_is_one_file() {
    let folder = Folder::new();
    let (head, tail) = (gzip(&images()[..18]), gzip(&images()[18..]));
    let read = idx::read_images(folder.write("a", &[head, tail].concat())).unwrap();
    assert_eq!(read.rows(), 3);
}

#[test]
fn a_large_gzip_file_arrives_whole() {
    let content: Vec<u8> = (0..5_000_003u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let folder = Folder::new();
    let path = folder.write("a.gz", &gzip(&idx_bytes(&[5_000_003, 1, 1], &content)));
    assert_eq!(idx::read_images(path).unwrap().values(), &Values::Bytes(content));
}

#[test]
fn a_wrong_magic_number_is_told_by_what_it_looks_like() {
    let cases: [(&[u8], &str); 12] = [
        (&[0, 0, 8, 1, 0, 0, 0, 1, 7], "these are IDX labels (magic 0x00000801), not IDX images (magic 0x00000803)"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "looks like an HTML page"),
        (b"\xef\xbb\xbf\n  <html>", "looks like an HTML page"),
        (b"404: Not Found", "looks like text"),
        (b"Hi\n", "looks like text"),
        (b"PK\x03\x04 and so on", "a zip archive"),
        (b"\x93NUMPY\x01\x00", "a NumPy file"),
        (&[0, 0, 0x0d, 3, 0, 0, 0, 1], "IDX of element type 0x0d and 3 dimensions"),
        (&[0, 0, 8, 4, 0, 0, 0, 1], "IDX of element type 0x08 and 4 dimensions"),
        (&[0xde, 0xad, 0xbe, 0xef, 0], "the magic number is 0xdeadbeef"),
        (&[0, 0, 8], "the magic number is 0x000008"),
        (b"", "there are no data"),
    ];
    for (bytes, reason) in cases {
        assert_images_refused(bytes, 0, reason);
        assert_images_refused(&gzip(bytes), 0, reason);
    }
    assert_images_refused(&gzip(&gzip(&images())), 0, "packed twice");
    let folder = Folder::new();
    let path = folder.write("labels", &images());
    assert_malformed(idx::read_labels(&path), &path, 0, "these are IDX images");
}

#[test]
fn a_short_file_is_refused_where_it_ends() {
    assert_images_refused(&images()[..4], 4, "end within the header of 16 bytes");
    assert_images_refused(&images()[..15], 15, "end within the header of 16 bytes");
    assert_images_refused(&images()[..16], 16, "announces 3 x 2 x 2 images, 28 bytes in all, but the file has 16");
    assert_images_refused(&images()[..27], 27, "announces 3 x 2 x 2 images, 28 bytes in all, but the file has 27");
    assert_images_refused(&gzip(&images()[..15]), 15, "end within the header");
    assert_images_refused(&gzip(&images()[..27]), 27, "28 bytes in all, but the data end after 27");
}

#[test]
fn a_long_file_is_refused_where_it_should_have_ended() {
    let long = [images(), vec![0]].concat();
    assert_images_refused(&long, 28, "28 bytes in all, but the file has 29");
    assert_images_refused(&gzip(&long), 28, "28 bytes in all, but the data go on");
}

#[test]
fn dimensions_that_overflow_or_vanish_are_refused() {
    assert_images_refused(&idx_bytes(&[u32::MAX; 3], &[]), 4, "4294967295 x 4294967295 x 4294967295 overflow");
    // Just below 2^64, which a signed length cannot hold.
    assert_images_refused(&idx_bytes(&[u32::MAX, u32::MAX, 1], &[]), 4, "overflow");
    // 2^64 − 1, to which the header of 16 bytes is added.
    assert_images_refused(&idx_bytes(&[u32::MAX, 641, 6_700_417], &[]), 4, "overflow");
    // 2^64 exactly, which wraps to an empty file.
    assert_images_refused(&idx_bytes(&[1 << 31, 1 << 31, 4], &[]), 4, "overflow");
    assert_images_refused(&gzip(&idx_bytes(&[u32::MAX; 3], &[])), 4, "overflow");
    assert_images_refused(&idx_bytes(&[0, 2, 2], &[]), 4, "the number of images is 0");
    assert_images_refused(&idx_bytes(&[3, 0, 2], &[]), 8, "the number of rows is 0");
    assert_images_refused(&idx_bytes(&[3, 2, 0], &[]), 12, "the number of columns is 0");
}

#[test]
fn a_size_that_the_file_cannot_hold_is_refused_before_it_is_allocated() {
    // 2^62 bytes: an attempt to allocate them would abort or fail as an error of the system, not as this one.
    let dims = [1 << 31, 1 << 16, 1 << 15];
    assert_images_refused(&idx_bytes(&dims, &[]), 16, "but the file has 16");
    assert_images_refused(&gzip(&idx_bytes(&dims, &[])), 4, "gzip bomb");
}

#[test]
fn a_gzip_bomb_is_refused_whether_or_not_it_announces_itself() {
    let zeros = vec![0u8; 64 << 20];
    let honest = gzip(&idx_bytes(&[64, 1 << 10, 1 << 10], &zeros));
    assert!(honest.len() < 100_000);
    assert_images_refused(&honest, 4, "too much for a gzip file of");
    let disguised = gzip(&idx_bytes(&[3, 2, 2], &zeros));
    assert_images_refused(&disguised, 28, "but the data go on");
}

#[test]
fn every_truncation_of_a_gzip_file_is_refused() {
    let folder = Folder::new();
    let packed = gzip(&images());
    for length in 0..packed.len() {
        let path = folder.write("images.gz", &packed[..length]);
        let error = idx::read_images(&path).unwrap_err();
        assert!(matches!(error, DataError::Malformed { .. }), "{length}: {error:?}");
        assert!(length < 2 || error.to_string().contains("truncated"), "{length}: {error}");
    }
}

#[test]
fn no_flipped_bit_of_a_gzip_file_changes_what_is_read() {
    let folder = Folder::new();
    let packed = gzip(&images());
    let intact = idx::read_images(folder.write("images.gz", &packed)).unwrap();
    // The first ten bytes are gzip's own header, where a time stamp, say, may be anything.
    for bit in 80..8 * packed.len() {
        let mut flipped = packed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        match idx::read_images(folder.write("images.gz", &flipped)) {
            Err(DataError::Malformed { .. }) => {}
            // Before the 8 bytes of checksum and length, deflate pads its last byte with bits that mean nothing.
            Ok(data) if bit / 8 == packed.len() - 9 => assert_eq!(data, intact),
            other => panic!("bit {bit}: {other:?}"),
        }
    }
    let mut checksum = packed.clone();
    let at = packed.len() - 8;
    checksum[at] ^= 1;
    assert_images_refused(&checksum, 28, "the gzip file is corrupt");
    assert_images_refused(&[packed, b"garbage after the end".to_vec()].concat(), 28, "the gzip file is corrupt");
}

#[test]
fn a_missing_file_is_not_found_and_what_is_no_file_is_malformed() {
    let folder = Folder::new();
    let missing = folder.0.path().join("nothing");
    assert!(matches!(idx::read_images(&missing), Err(DataError::NotFound { path, .. }) if path == missing));
    let below_a_file = folder.write("file", b"").join("images");
    assert!(matches!(idx::read_labels(below_a_file), Err(DataError::NotFound { .. })));
    assert_malformed(idx::read_images(folder.0.path()), folder.0.path(), 0, "not a regular file");
    assert!(matches!(idx::load_folder(missing), Err(DataError::NotFound { .. })));
}

/// A whole data set of 3 + 2 images under the spelling and packing given.
fn write_set(folder: &Folder, name: impl Fn(&str, u8) -> String, pack: impl Fn(&[u8]) -> Vec<u8>) {
    folder.write(&name("train-images", 3), &pack(&images()));
    folder.write(&name("train-labels", 1), &pack(&idx_bytes(&[3], &[0, 1, 4])));
    folder.write(&name("t10k-images", 3), &pack(&idx_bytes(&[2, 2, 2], &[9; 8])));
    folder.write(&name("t10k-labels", 1), &pack(&idx_bytes(&[2], &[6, 0])));
}

fn usual(stem: &str, rank: u8) -> String {
    format!("{stem}-idx{rank}-ubyte")
}

#[test]
fn a_folder_reads_alike_in_every_spelling() {
    let load = |name: &dyn Fn(&str, u8) -> String, pack: &dyn Fn(&[u8]) -> Vec<u8>| {
        let folder = Folder::new();
        write_set(&folder, name, pack);
        let (train, test) = idx::load_folder(folder.0.path()).unwrap();
        assert_eq!(train.name(), folder.0.path().file_name().unwrap().to_str().unwrap());
        (train.with_name("set"), test.with_name("set"))
    };
    let (train, test) = load(&usual, &|bytes| bytes.to_vec());
    // Seven classes on both sides, though label 6 is in the test set only.
    assert_eq!(train.labels().unwrap(), &Labels { values: vec![0, 1, 4], classes: 7 });
    assert_eq!(test.labels().unwrap(), &Labels { values: vec![6, 0], classes: 7 });
    assert_eq!((train.rows(), test.rows()), (3, 2));
    let dotted = |stem: &str, rank: u8| format!("{stem}.idx{rank}-ubyte");
    let packed = |stem: &str, rank: u8| usual(stem, rank) + ".gz";
    assert_eq!(load(&dotted, &|bytes| bytes.to_vec()), (train.clone(), test.clone()));
    assert_eq!(load(&packed, &gzip), (train, test));
}

#[test]
fn a_folder_needs_no_labels_but_both_files_of_images() {
    let folder = Folder::new();
    write_set(&folder, usual, |bytes| bytes.to_vec());
    fs::remove_file(folder.0.path().join(usual("t10k-labels", 1))).unwrap();
    let (train, test) = idx::load_folder(folder.0.path()).unwrap();
    assert_eq!((train.labels().unwrap().classes, test.labels()), (5, None));
    fs::remove_file(folder.0.path().join(usual("train-labels", 1))).unwrap();
    let (train, _) = idx::load_folder(folder.0.path()).unwrap();
    assert_eq!(train.labels(), None);
    fs::remove_file(folder.0.path().join(usual("t10k-images", 3))).unwrap();
    let error = idx::load_folder(folder.0.path()).unwrap_err();
    assert!(matches!(error, DataError::NotFound { .. }) && error.to_string().contains("t10k-images-idx3-ubyte"));
}

#[test]
fn a_folder_whose_files_disagree_is_refused() {
    let folder = Folder::new();
    write_set(&folder, usual, |bytes| bytes.to_vec());
    let labels = folder.write(&usual("train-labels", 1), &idx_bytes(&[4], &[0, 1, 2, 3]));
    assert_malformed(idx::load_folder(folder.0.path()), &labels, 4, "4 labels for the 3 images of");
    write_set(&folder, usual, |bytes| bytes.to_vec());
    let test = folder.write(&usual("t10k-images", 3), &idx_bytes(&[2, 1, 4], &[9; 8]));
    assert_malformed(idx::load_folder(folder.0.path()), &test, 8, "test images are [1, 4], but train images [2, 2]");
}

/// `shared/data/mnist` beside some ancestor of the crate.
fn mnist() -> Option<PathBuf> {
    let ancestors = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    ancestors.map(|dir| dir.join("../shared/data/mnist")).find(|dir| dir.is_dir())
}

fn histogram(data: &Dataset) -> Vec<usize> {
    let labels = data.labels().unwrap();
    (0..labels.classes as u32).map(|class| labels.values.iter().filter(|&&label| label == class).count()).collect()
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
fn mnist_has_its_published_counts() {
    let Some(dir) = mnist() else {
        eprintln!("SKIPPED: no ../shared/data/mnist beside any folder above this crate; MNIST was NOT read");
        return;
    };
    let (train, test) = idx::load_folder(dir).unwrap();
    assert_eq!((train.name(), train.rows(), test.rows()), ("mnist", 60_000, 10_000));
    assert_eq!((train.shape(), test.shape()), (&[28, 28][..], &[28, 28][..]));
    assert_eq!(histogram(&test), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    assert_eq!(histogram(&train).iter().sum::<usize>(), 60_000);
    let last = train.slice(59_999..60_000);
    let splits = Splits::holdout(train, test, 5000).unwrap();
    assert_eq!((splits.train.rows(), splits.valid.rows()), (55_000, 5000));
    assert_eq!(splits.train.slice(54_999..55_000), last);
}
