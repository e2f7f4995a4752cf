//! A table as files hold it, before it becomes a data set.

use std::cmp::Ordering;
use std::path::PathBuf;

use elbo_tensor::Real;

use crate::error::shown;
use crate::{DataError, Dataset, Labels, Values};

/// A column of labels has at most so many distinct values; more are no classes.
const MOST_CLASSES: usize = 1000;

/// Rows of numbers, with or without a label each.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Where it was read, for messages.
    pub path: PathBuf,
    /// The shape of a row.
    pub shape: Vec<usize>,
    /// The names of the columns; empty if they have none.
    pub columns: Vec<String>,
    /// The numbers, row after row.
    pub values: Vec<Real>,
    /// The label of each row as text.
    pub labels: Option<Vec<String>>,
    /// The columns, as messages name them, whose rounding error as [`Real`] is more than 1 % of
    /// their standard deviation.
    pub coarse: Vec<String>,
}

/// Which column of a table holds the labels: its name, its number from 0, or `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelColumn<'a> {
    wanted: &'a str,
    /// Columns of a table that may lack it.
    unlabelled: Option<usize>,
}

impl<'a> LabelColumn<'a> {
    /// The column `wanted`, which a table must have.
    pub fn new(wanted: &'a str) -> Self {
        Self { wanted, unlabelled: None }
    }

    /// The same, but a table of `width` columns, none of this name, has no labels.
    pub fn or_none_of(self, width: usize) -> Self {
        Self { unlabelled: Some(width), ..self }
    }

    /// Whether only a header can tell which column it is.
    pub(crate) fn is_name(&self) -> bool {
        self.wanted != "last" && self.wanted.parse::<usize>().is_err()
    }

    /// The number of the column in a table of `width` columns with these names, or none; `None` if the table
    /// may lack it and does.
    pub(crate) fn find(&self, names: &[String], width: usize) -> Result<Option<usize>, String> {
        if let Some(column) = names.iter().position(|name| name == self.wanted) {
            return Ok(Some(column));
        }
        let (wanted, last) = (shown(self.wanted), width - 1);
        match self.wanted.parse() {
            _ if self.unlabelled == Some(width) => Ok(None),
            _ if self.wanted == "last" => Ok(Some(last)),
            Ok(column) if column < width => Ok(Some(column)),
            Ok(_) => Err(format!("there is no column {}: the columns are 0 to {last}", self.wanted)),
            Err(_) if names.is_empty() => {
                Err(format!("there is no column {wanted}: columns have no names here, but numbers from 0 to {last}"))
            }
            Err(_) => {
                let most = 20;
                let list: Vec<String> = names.iter().take(most).map(|name| shown(name)).collect();
                let rest = if names.len() > most { ", …" } else { "" };
                Err(format!("there is no column {wanted}; there are {}{rest}", list.join(", ")))
            }
        }
    }

    /// [`find`](Self::find) in an array with rows of this shape.
    pub(crate) fn find_in_rows(&self, row: &[usize]) -> Result<Option<usize>, String> {
        let &[width] = row else {
            return Err(format!("rows of shape {row:?} have no columns to take labels from"));
        };
        match self.find(&[], width)? {
            Some(_) if width == 1 => Err("no column is left beside the labels".into()),
            found => Ok(found),
        }
    }
}

impl Table {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.width()
    }

    fn width(&self) -> usize {
        self.shape.iter().product()
    }

    fn malformed(&self, reason: String) -> DataError {
        DataError::malformed(&self.path, 0, reason)
    }

    /// This table with `labels`, one a row.
    ///
    /// # Errors
    /// [`DataError::Malformed`] if they are not as many as the rows.
    pub fn with_labels(self, labels: Vec<String>) -> Result<Self, DataError> {
        if labels.len() != self.rows() {
            return Err(self.malformed(format!("{} labels for {} rows", labels.len(), self.rows())));
        }
        Ok(Self { labels: Some(labels), ..self })
    }

    /// Puts the rows of `other` behind these.
    ///
    /// # Errors
    /// [`DataError::Malformed`] of `other` if its rows have another shape or other columns, or if only one of
    /// the tables has labels.
    pub fn append(&mut self, other: Self) -> Result<(), DataError> {
        let ours = self.path.display();
        if other.shape != self.shape {
            let reason = format!("rows have the shape {:?}, but those of {ours} {:?}", other.shape, self.shape);
            return Err(other.malformed(reason));
        }
        let named = !self.columns.is_empty() && !other.columns.is_empty();
        if let Some((a, b)) = self.columns.iter().zip(&other.columns).find(|(a, b)| named && a != b) {
            let reason = format!("there is a column {} where {ours} has {}", shown(b), shown(a));
            return Err(other.malformed(reason));
        }
        match (&mut self.labels, other.labels) {
            (Some(labels), Some(more)) => labels.extend(more),
            (None, None) => {}
            (_, more) => {
                let [has, lacks] = if more.is_some() { [&other.path, &self.path] } else { [&self.path, &other.path] };
                return Err(DataError::malformed(lacks, 0, format!("{} has labels, but this has none", has.display())));
            }
        }
        self.values.extend(other.values);
        self.coarse.extend(other.coarse.into_iter().map(|column| format!("{column} of {}", other.path.display())));
        Ok(())
    }

    /// The data set called `name`. Its classes are the distinct labels: in the order of the numbers if all labels are
    /// numbers (then `1` and `1.0` are one class), else in the order of the texts.
    ///
    /// # Errors
    /// [`DataError::Malformed`] if there are too many distinct labels to be classes, or as [`Dataset::new`].
    pub fn into_dataset(self, name: impl Into<String>) -> Result<Dataset, DataError> {
        let Some(texts) = &self.labels else {
            return Dataset::new(name, &self.shape, Values::Reals(self.values), None);
        };
        let (labels, classes) = classes_of(texts);
        if classes.len() > MOST_CLASSES {
            let (count, rows) = (classes.len(), self.rows());
            let reason =
                format!("the {rows} labels have {count} distinct values; at most {MOST_CLASSES} can be classes");
            return Err(self.malformed(reason));
        }
        Dataset::new(name, &self.shape, Values::Reals(self.values), Some(labels))?.with_class_names(classes)
    }
}

/// The class of each label, and what the classes are called.
fn classes_of(texts: &[String]) -> (Labels, Vec<String>) {
    let numbers: Option<Vec<f64>> =
        texts.iter().map(|text| text.parse().ok().filter(|x: &f64| x.is_finite())).collect();
    match numbers {
        // Adding zero makes one class of 0 and −0.
        Some(numbers) => {
            let (labels, distinct) = ranks(numbers.iter().map(|x| x + 0.0).collect(), f64::total_cmp);
            (labels, distinct.iter().map(f64::to_string).collect())
        }
        None => ranks(texts.to_vec(), String::cmp),
    }
}

/// The rank of each value among the distinct ones, and these.
fn ranks<T: Clone>(all: Vec<T>, order: impl Fn(&T, &T) -> Ordering) -> (Labels, Vec<T>) {
    let mut distinct = all.clone();
    distinct.sort_unstable_by(&order);
    distinct.dedup_by(|a, b| order(a, b).is_eq());
    let rank = |value| distinct.partition_point(|other| order(other, value).is_lt()) as u32;
    (Labels { values: all.iter().map(rank).collect(), classes: distinct.len() }, distinct)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(shape: &[usize], values: &[Real], labels: Option<&[&str]>) -> Table {
        let labels = labels.map(|labels| labels.iter().map(|label| label.to_string()).collect());
        Table {
            path: "t.csv".into(),
            shape: shape.to_vec(),
            columns: Vec::new(),
            values: values.to_vec(),
            labels,
            coarse: Vec::new(),
        }
    }

    fn classes(labels: &[&str]) -> (Vec<u32>, Vec<String>) {
        let set = table(&[1], &vec![0.0; labels.len()], Some(labels)).into_dataset("t").unwrap();
        (set.labels().unwrap().values.clone(), set.class_names().to_vec())
    }

    #[test]
    fn labels_are_ranked_as_numbers_if_all_are_and_as_texts_if_not() {
        assert_eq!(classes(&["10", "9", "1e1", "09"]), (vec![1, 0, 1, 0], vec!["9".into(), "10".into()]));
        assert_eq!(classes(&["-0", "0.0", "-1.5"]), (vec![1, 1, 0], vec!["-1.5".into(), "0".into()]));
        assert_eq!(classes(&["10", "9", "x"]), (vec![0, 1, 2], vec!["10".into(), "9".into(), "x".into()]));
        assert_eq!(classes(&["b", "a", "b"]), (vec![1, 0, 1], vec!["a".into(), "b".into()]));
    }

    #[test]
    fn labels_that_are_no_classes_are_refused() {
        let texts: Vec<String> = (0..1001).map(|i| i.to_string()).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        assert_eq!(classes(&texts[..1000]).1.len(), 1000);
        let error = table(&[1], &[0.0; 1001], Some(&texts)).into_dataset("t").unwrap_err();
        assert!(error.to_string().contains("1001 distinct values; at most 1000"), "{error}");
        let error = table(&[1], &[0.0; 3], None).with_labels(vec!["a".into()]).unwrap_err();
        assert!(error.to_string().contains("1 labels for 3 rows"), "{error}");
    }

    #[test]
    fn a_column_of_an_array_is_told_by_its_number_or_as_the_last() {
        let find = |row: &[usize], wanted| LabelColumn::new(wanted).find_in_rows(row);
        assert_eq!([find(&[3], "last"), find(&[3], "2"), find(&[3], "0")], [Ok(Some(2)), Ok(Some(2)), Ok(Some(0))]);
        assert!(find(&[3], "3").unwrap_err().contains("the columns are 0 to 2"));
        assert!(find(&[3], "class").unwrap_err().contains("columns have no names here"));
        assert!(find(&[1], "0").unwrap_err().contains("no column is left"));
        assert!(find(&[1, 2], "last").unwrap_err().contains("shape [1, 2] have no columns"));
        // A table that may lack it.
        let or_none_of = |width| LabelColumn::new("last").or_none_of(width).find_in_rows(&[3]);
        assert_eq!([or_none_of(3), or_none_of(2)], [Ok(None), Ok(Some(2))]);
    }

    #[test]
    fn tables_are_joined_only_if_they_fit() {
        let labelled = table(&[2], &[1.0, 2.0], Some(&["b"]));
        let mut all = labelled.clone();
        all.append(table(&[2], &[3.0, 4.0], Some(&["a"]))).unwrap();
        assert_eq!((all.values.as_slice(), all.labels.as_ref().unwrap().len()), (&[1.0, 2.0, 3.0, 4.0][..], 2));
        let refusal = |mut first: Table, second: Table| first.append(second).unwrap_err().to_string();
        assert!(refusal(labelled.clone(), table(&[1], &[3.0], None)).contains("shape [1], but those of t.csv [2]"));
        assert!(refusal(labelled.clone(), table(&[2], &[3.0, 4.0], None)).contains("but this has none"));
        assert!(refusal(table(&[2], &[3.0, 4.0], None), labelled.clone()).contains("but this has none"));
        let named = |a: &str, b: &str| Table { columns: vec![a.into(), b.into()], ..labelled.clone() };
        assert!(refusal(named("a", "b"), named("b", "a")).contains("a column `b` where t.csv has `a`"));
        named("a", "b").append(labelled.clone()).unwrap();
    }
}
