//! The data sets that can be downloaded.

/// A gzip file and what it must unpack to.
#[derive(Debug, Clone, Copy)]
pub struct RemoteFile<'a> {
    /// File name, both below a mirror's base URL and on disk.
    pub name: &'a str,
    /// Exact number of unpacked bytes.
    pub unpacked_len: u64,
    /// SHA-256 of the unpacked bytes in lower-case hexadecimal; the packed bytes may differ between mirrors.
    pub sha256: &'a str,
}

/// A data set that can be downloaded.
#[derive(Debug, Clone, Copy)]
pub struct RemoteSet<'a> {
    /// Name of the set, and of its folder in the cache.
    pub name: &'a str,
    /// The files it consists of.
    pub files: &'a [RemoteFile<'a>],
    /// Base URLs, each ending in `/`, in the order in which they are tried.
    pub mirrors: &'a [&'a str],
}

/// Handwritten digits, LeCun, Cortes and Burges (1998), in their original IDX files.
pub const MNIST: RemoteSet<'static> = RemoteSet {
    name: "mnist",
    files: &[
        RemoteFile {
            name: "train-images-idx3-ubyte.gz",
            unpacked_len: 47_040_016,
            sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        },
        RemoteFile {
            name: "train-labels-idx1-ubyte.gz",
            unpacked_len: 60_008,
            sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        },
        RemoteFile {
            name: "t10k-images-idx3-ubyte.gz",
            unpacked_len: 7_840_016,
            sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        },
        RemoteFile {
            name: "t10k-labels-idx1-ubyte.gz",
            unpacked_len: 10_008,
            sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ],
    mirrors: &["https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"],
};

/// Every set that can be downloaded.
pub const SETS: &[RemoteSet<'static>] = &[MNIST];
