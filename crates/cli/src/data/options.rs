//! The settings of section `[data]`.

use std::ffi::OsStr;
use std::path::Path;

use elbo_datasets::csv::Header;
use elbo_datasets::{Layout, Proportions, Toy, ToyDensity};
use elbo_models::{Configured, Visitor, Word};

const HEADERS: &[(&str, Header)] = &[("auto", Header::Auto), ("yes", Header::Yes), ("no", Header::No)];
const PROPORTIONS: &[(&str, Proportions)] =
    &[("multinomial", Proportions::Multinomial), ("balanced", Proportions::Balanced)];
/// Most rows of a split.
const ROWS: usize = 100_000_000;

/// What becomes of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binarize {
    /// They stay as they are.
    None,
    /// `1[x > U(0, 1)]`, drawn again at every use.
    Dynamic,
}

impl Word for Binarize {
    const WORDS: &'static [(&'static str, Self)] = &[("none", Self::None), ("dynamic", Self::Dynamic)];
}

/// The rows of the test metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestRows {
    /// Held out.
    HeldOut,
    /// The training rows themselves.
    Train,
}

impl Word for TestRows {
    const WORDS: &'static [(&'static str, Self)] = &[("held-out", Self::HeldOut), ("train", Self::Train)];
}

/// The model whose latents replace the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Project {
    /// None: the columns as they are.
    None,
    /// Factor analysis.
    FactorAnalysis,
    /// Principal components.
    Pca,
}

impl Word for Project {
    const WORDS: &'static [(&'static str, Self)] =
        &[("none", Self::None), ("factor-analysis", Self::FactorAnalysis), ("pca", Self::Pca)];
}

/// Which data, and what is done to their rows before a model sees them.
#[derive(Debug, Clone, PartialEq)]
pub struct DataOptions {
    /// A built-in set or a folder of IDX files.
    pub name: String,
    /// A table in place of the named set; empty for none.
    pub file: String,
    /// A table whose rows are the test rows; empty for none.
    pub test_file: String,
    /// The table's column of labels; empty for none.
    pub label_column: String,
    /// Whether the first row of a CSV file names the columns.
    pub header: Header,
    /// The array of an NPZ file; empty for one of the usual names.
    pub member: String,
    /// The labels in an NPZ file; empty for one of the usual names.
    pub label_member: String,
    /// What becomes of pixels.
    pub binarize: Binarize,
    /// Rows held out for validation: of IDX files the first training rows, of a table drawn at random.
    pub valid_rows: usize,
    /// Training rows: of IDX files the number used, 0 for all; of a table always all that are left.
    pub train_rows: usize,
    /// Test rows.
    pub test_rows: usize,
    /// The rows of the test metrics.
    pub test: TestRows,
    /// Seed of a generated set, and of the rows of a table that are held out.
    pub seed: u64,
    /// Components of the mixture, also that of the factors.
    pub components: usize,
    /// Dimensions of the mixture.
    pub dimensions: usize,
    /// Where the mixture's components lie.
    pub layout: Layout,
    /// Standard deviation of each component of the mixture, also that of the factors.
    pub std: f64,
    /// Distance scale of the layout; of the factors the standard deviation of the components' means.
    pub separation: f64,
    /// Weights of the mixture's components, in proportion; empty: equal.
    pub weights: Vec<f64>,
    /// Rows of each component.
    pub proportions: Proportions,
    /// The toy densities with the misprints of their source.
    pub literal: bool,
    /// The model whose latents replace the rows.
    pub project: Project,
    /// Number of these latents.
    pub project_to: usize,
    /// Factor on every column, or on every latent.
    pub scale: f64,
    /// Each column to mean 0 and standard deviation 1 over the training rows.
    pub standardize: bool,
}

impl Default for DataOptions {
    fn default() -> Self {
        Self {
            name: "glyphs".into(),
            file: String::new(),
            test_file: String::new(),
            label_column: String::new(),
            header: Header::Auto,
            member: String::new(),
            label_member: String::new(),
            binarize: Binarize::None,
            valid_rows: 1000,
            train_rows: 10_000,
            test_rows: 2000,
            test: TestRows::HeldOut,
            seed: 1,
            components: 3,
            dimensions: 2,
            layout: Layout::Axes,
            std: 0.7,
            separation: 4.0,
            weights: Vec::new(),
            proportions: Proportions::Multinomial,
            literal: false,
            project: Project::None,
            project_to: 50,
            scale: 1.0,
            standardize: false,
        }
    }
}

impl Configured for DataOptions {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.text("data.name", &mut self.name, "a built-in set (`elbo data ls`) or a folder of IDX files such as mnist");
        v.optional_path("data.file", &mut self.file, "a table in place of the named set, one row a datum");
        v.optional_path("data.test_file", &mut self.test_file, "a table of test rows; without it test_rows are drawn");
        v.optional_text("data.label_column", &mut self.label_column, "column of labels: name, number from 0 or `last`");
        v.choice("data.header", &mut self.header, HEADERS, "first row names columns; auto: if not all are numbers");
        v.optional_text("data.member", &mut self.member, "array of an NPZ file; else x, data, x_train, z or arr_0");
        v.optional_text("data.label_member", &mut self.label_member, "NPZ labels; else y, labels, label or y_train");
        v.word("data.binarize", &mut self.binarize, "pixels as they are, or 1[x > U(0,1)] drawn again at every use");
        v.int(
            "data.valid_rows",
            &mut self.valid_rows,
            0..=ROWS,
            "validation rows, for models trained by steps; of IDX files the first training rows, of a table drawn",
        );
        v.int(
            "data.train_rows",
            &mut self.train_rows,
            0..=ROWS,
            "training rows; of IDX files the number used, 0 for all; of a table always all that are left",
        );
        v.int("data.test_rows", &mut self.test_rows, 0..=ROWS, "test rows; of IDX files 0 for all; of a table drawn");
        v.word("data.test", &mut self.test, "the rows of the test metrics: held out, or the training rows themselves");
        v.seed("data.seed", &mut self.seed, "seed of a generated set, and of the rows of a table that are held out");
        v.int("data.components", &mut self.components, 1..=1000, "components of the mixture, also that of the factors");
        v.int("data.dimensions", &mut self.dimensions, 2..=4096, "dimensions of the mixture");
        let layouts = Layout::ALL.map(|layout| (layout.name(), layout));
        v.choice("data.layout", &mut self.layout, &layouts, "where the mixture's components lie");
        v.positive("data.std", &mut self.std, 1e6, "standard deviation of a component, also of the factors");
        v.positive("data.separation", &mut self.separation, 1e6, "scale of the layout; of the factors the means' std");
        v.floats("data.weights", &mut self.weights, 1000, "the components' weights, in proportion; []: equal");
        v.choice("data.proportions", &mut self.proportions, PROPORTIONS, "drawn by the weights, or exact shares");
        v.flag("data.literal", &mut self.literal, "the toy densities with the misprints of their source");
        v.word("data.project", &mut self.project, "rows replaced by latents of a model fitted to the training rows");
        v.int("data.project_to", &mut self.project_to, 1..=4096, "number of these latents");
        v.float("data.scale", &mut self.scale, 1e-12..=1e12, "factor on every column, or on every latent");
        v.flag("data.standardize", &mut self.standardize, "each column to mean 0 and standard deviation 1");
    }
}

impl DataOptions {
    /// What the data set is called in messages and reports.
    pub fn title(&self) -> &str {
        Path::new(&self.file).file_name().and_then(OsStr::to_str).unwrap_or(&self.name)
    }

    /// Whether the rows are binarised.
    pub fn is_binarized(&self) -> bool {
        self.binarize == Binarize::Dynamic
    }

    /// Rows of a generated set.
    pub fn rows(&self) -> usize {
        self.train_rows + self.valid_rows + self.test_rows
    }

    /// The toy density, if it is one.
    pub fn toy(&self) -> Option<ToyDensity> {
        let kind = Toy::named(&self.name).filter(|_| self.file.is_empty())?;
        Some(ToyDensity { kind, literal: self.literal })
    }

    /// How the layout is written.
    pub fn layout_word(&self) -> &'static str {
        self.layout.name()
    }
}
