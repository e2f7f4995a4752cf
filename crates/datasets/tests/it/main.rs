//! Tables and data sets, one file a format. One binary, because linking one for every file costs minutes.

mod csv;
mod idx;
mod npy;
mod npz;
mod support;
mod toy;
