//! What is written to files of tables.

/// Numbers or texts to be written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Elements<'a> {
    /// Floats of 32 bits.
    F32(&'a [f32]),
    /// Floats of 64 bits.
    F64(&'a [f64]),
    /// Whole numbers: indices, classes, clusters.
    U32(&'a [u32]),
    /// Text: names of classes.
    Text(&'a [&'a str]),
}

impl Elements<'_> {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::F32(all) => all.len(),
            Self::F64(all) => all.len(),
            Self::U32(all) => all.len(),
            Self::Text(all) => all.len(),
        }
    }
}

impl<'a> From<&'a [f32]> for Elements<'a> {
    fn from(all: &'a [f32]) -> Self {
        Self::F32(all)
    }
}

impl<'a> From<&'a [f64]> for Elements<'a> {
    fn from(all: &'a [f64]) -> Self {
        Self::F64(all)
    }
}

impl<'a> From<&'a [u32]> for Elements<'a> {
    fn from(all: &'a [u32]) -> Self {
        Self::U32(all)
    }
}

/// A named array of a table whose first axis counts the rows: a member of an archive, or columns of a text file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field<'a> {
    /// The member, or the column; of several columns the name is followed by a number from 0.
    pub name: &'a str,
    /// Its extents: `[n]` for one column, `[n, d]` for `d` columns.
    pub shape: &'a [usize],
    /// Its elements in C order.
    pub elements: Elements<'a>,
}
