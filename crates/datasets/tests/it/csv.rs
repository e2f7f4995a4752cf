//! CSV files, good and hostile: each fault is one line that names the file, the line and the column.

use crate::support::seeds::config;
use crate::support::{Folder, assert_malformed, assert_table};
use elbo_datasets::csv::{self, Header};
use elbo_datasets::{DataError, Elements, Field, LabelColumn, Place, Table};
use elbo_tensor::Real;
use proptest::prelude::*;

fn read(text: impl AsRef<[u8]>, header: Header, labels: Option<&str>) -> Result<Table, DataError> {
    let folder = Folder::new();
    // The path is relative to nothing that moves: the same for every file.
    let table = csv::read(folder.write("t.csv", text), header, labels.map(LabelColumn::new))?;
    Ok(Table { path: "t.csv".into(), ..table })
}

fn table(columns: &[&str], values: &[Real], labels: Option<&[&str]>) -> Table {
    let labels: Option<Vec<String>> = labels.map(|all| all.iter().map(|label| label.to_string()).collect());
    let rows = labels.as_ref().map_or(2, Vec::len);
    let columns = columns.iter().map(|name| name.to_string()).collect();
    Table {
        path: "t.csv".into(),
        shape: vec![values.len() / rows],
        columns,
        values: values.to_vec(),
        labels,
        coarse: Vec::new(),
    }
}

#[test]
fn every_way_to_write_a_table_is_read_alike() {
    let expected = table(&["a", "b"], &[1.0, -2.5, 3e4, 0.25], None);
    for text in [
        "a,b\n1,-2.5\n3e4,.25\n",
        "a,b\r\n1,-2.5\r\n3e4,.25\r\n",
        "\u{feff}a,b\n1,-2.5\n3e4,.25",
        "\u{feff}\"a\",\"b\"\r\n\"1\",\"-2.5\"\r\n\"3e4\",\"0.25\"",
        "\n\na,b\n\n1,-2.5\n\n\n+3E4,25e-2\n\n",
        " a , b \n 1 ,\t-2.5\n 3e4 , 0.25 \n",
    ] {
        assert_eq!(read(text, Header::Auto, None).unwrap(), expected, "{text:?}");
        assert_eq!(read(text, Header::Yes, None).unwrap(), expected, "{text:?}");
    }
    assert_eq!(read("1,-2.5\n3e4,.25\n", Header::Auto, None).unwrap(), table(&[], &expected.values, None));
}

#[test]
fn a_header_is_a_first_row_with_a_cell_that_is_no_number() {
    let rows = |text, header, labels| read(text, header, labels).map(|table| (table.rows(), table.columns));
    let two = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    assert_eq!(rows("1,x\n2,3\n", Header::Auto, None).unwrap(), (1, two(&["1", "x"])));
    assert_eq!(rows("1,2\n3,4\n", Header::Auto, None).unwrap(), (2, vec![]));
    assert_eq!(rows("1,2\n3,4\n", Header::Yes, None).unwrap(), (1, two(&["1", "2"])));
    assert_eq!(rows("1,2\n3,4\n", Header::No, None).unwrap(), (2, vec![]));
    // Text where the label stands makes no header, unless the label is called by name.
    assert_eq!(rows("1,cat\n2,dog\n", Header::Auto, Some("1")).unwrap(), (2, vec![]));
    assert_eq!(rows("1,cat\n2,dog\n", Header::Auto, Some("last")).unwrap(), (2, vec![]));
    assert_eq!(rows("x,cat\n2,dog\n", Header::Auto, Some("last")).unwrap(), (1, two(&["x"])));
    assert!(rows("1,2\n3,4\n5,6\n", Header::Auto, Some("2")).unwrap_err().to_string().contains("0 to 1"));
    assert_eq!(rows("1,kind\n3,4\n5,6\n", Header::Auto, Some("kind")).unwrap(), (2, two(&["1"])));
    // A row with a missing number is a row and no header, so that none is lost.
    let error = rows("1,,3\n4,5,6\n", Header::Auto, None).unwrap_err().to_string();
    assert!(error.contains("line 1, column 2: the value is missing"), "{error}");
}

#[test]
fn the_column_of_labels_may_hold_any_text() {
    let text = "kind,w,h\n Grün ,1,2\n\"a, \"\"b\"\"\",3,4\n7,5,6\n";
    let expected = table(&["w", "h"], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], Some(&["Grün", "a, \"b\"", "7"]));
    for labels in ["kind", "0"] {
        assert_eq!(read(text, Header::Auto, Some(labels)).unwrap(), expected);
    }
    assert_eq!(read("1,2\n3,4\n", Header::No, Some("last")).unwrap(), table(&[], &[1.0, 3.0], Some(&["2", "4"])));
    assert_eq!(read("1,none\n3,?\n", Header::No, Some("1")).unwrap().labels.unwrap(), ["none", "?"]);
    // A name goes before a number and before `last`.
    let text = "1,last,0\n10,20,30\n";
    assert_eq!(read(text, Header::Yes, Some("1")).unwrap().labels.unwrap(), ["10"]);
    assert_eq!(read(text, Header::Yes, Some("last")).unwrap().labels.unwrap(), ["20"]);
    assert_eq!(read(text, Header::Yes, Some("0")).unwrap().labels.unwrap(), ["30"]);
}

/// Text, header, labels; line, column with its name if it is a cell, and what is said.
type Case<'a> = (&'a str, Option<&'a str>, u64, Option<(usize, Option<&'a str>)>, &'a str);

#[test]
fn every_fault_is_named_by_line_and_column() {
    let cases: [Case<'_>; 29] = [
        ("a,b\n1,2\n3\n", None, 3, None, "1 cells, but the first row has 2"),
        ("a,b\r\n1,2\r\n\r\n3,4,5\r\n", None, 4, None, "3 cells, but the first row has 2"),
        ("1,2\n3,4,\n", None, 2, None, "3 cells, but the first row has 2"),
        ("a,b\n1,\n", None, 2, Some((2, Some("b"))), "the value is missing (``)"),
        ("a,b\n\n\n1,2\n , 3\n", None, 5, Some((1, Some("a"))), "the value is missing"),
        ("1,2\nNA,4\n", None, 2, Some((1, None)), "the value is missing (`NA`)"),
        ("1,2\r\n3,nan\r\n", None, 2, Some((2, None)), "the value is missing (`nan`)"),
        ("1,2\n3,?\n", None, 2, Some((2, None)), "the value is missing (`?`)"),
        ("1,2\n3,inf\n", None, 2, Some((2, None)), "inf is not finite"),
        ("1,2\n3,-1e999\n", None, 2, Some((2, None)), "-inf is not finite"),
        ("a,b\n1,2\n3,four\n", None, 3, Some((2, Some("b"))), "`four` is not a number; text is allowed only in the"),
        ("a,b\n1,\"x\ny\"\n3,4\n", None, 2, Some((2, Some("b"))), "`x\\ny` is not a number"),
        ("a,b\n\"1\n\",2\n3,x\n", None, 4, Some((2, Some("b"))), "`x` is not a number"),
        ("a,b\n0x10,2\n", None, 2, Some((1, Some("a"))), "`0x10` is not a number"),
        ("a,b\n1_000,2\n", None, 2, Some((1, Some("a"))), "is not a number"),
        ("a,b\n\"1,5\",2\n", None, 2, Some((1, Some("a"))), "a comma is no decimal point (export"),
        ("a,b\n1,2;3\n", None, 2, Some((2, Some("b"))), "separated by commas, not `;`"),
        ("a;b\n1;2\n", None, 1, None, "separated by `;`; commas are wanted"),
        ("a;b\n1,5;2,5\n", None, 1, None, "separated by `;`"),
        ("1,5;2,5\n3,5;4,5\n", None, 1, None, "separated by `;`"),
        ("1;2\n", None, 1, None, "separated by `;`"),
        ("\"1,5\";\"2,5\"\n", None, 1, None, "separated by `;`"),
        ("\"a\";\"b\"\n\"1,5\";\"2,5\"\n", None, 1, None, "separated by `;`"),
        ("a\tb\n1\t2\n", None, 1, None, "separated by tabs"),
        ("a,b,a\n1,2,3\n", None, 1, Some((3, Some("a"))), "column 1 has this name already"),
        ("a,b\n1,2\n", Some("c"), 1, None, "there is no column `c`; there are `a`, `b`"),
        ("a,b\n1,2\n", Some("2"), 1, None, "the columns are 0 to 1"),
        ("a,b\n1,2\n,3\n", Some("a"), 3, Some((1, Some("a"))), "the label is missing"),
        ("a\nx\n", Some("a"), 2, None, "no column is left beside the labels"),
    ];
    for (text, labels, line, cell, reason) in cases {
        let folder = Folder::new();
        let path = folder.write("t.csv", text);
        let place = match cell {
            None => Place::Line(line),
            Some((column, name)) => Place::Cell { line, column, name: name.map(String::from) },
        };
        assert_table(csv::read(&path, Header::Auto, labels.map(LabelColumn::new)), &path, place, reason);
    }
    if size_of::<Real>() == 4 {
        let error = read("1\n-2e39\n", Header::Auto, None).unwrap_err().to_string();
        assert!(error.contains("line 2, column 1: -2e39 is too large for a number of 32 bits"), "{error}");
    }
}

#[test]
fn a_file_that_holds_no_rows_of_text_is_refused() {
    let folder = Folder::new();
    let header = "there is a header, but no rows";
    let cases: [(&[u8], Place, &str); 4] = [
        (b"a,b\n", Place::Line(1), header),
        (b"a,b", Place::Line(1), header),
        (b"\xef\xbb\xbfa,b\r\n\r\n", Place::Line(1), header),
        (b"\n\r\n\n", Place::Line(1), "there are no rows"),
    ];
    for (bytes, place, reason) in cases {
        let path = folder.write("t.csv", bytes);
        assert_table(csv::read(&path, Header::Auto, None), &path, place, reason);
    }
    let cases: [(&[u8], &str); 6] = [
        (b"", "there are no data"),
        (b"\xff\xfea\0,\0b\0", "looks like UTF-16 text"),
        (b"\xfe\xff\0a\0,\0b", "looks like UTF-16 text"),
        (b"\x1f\x8b\x08\x00", "looks like gzip data"),
        (b"PK\x03\x04", "looks like a zip archive"),
        (b"1,2\n3,\0\n", "not CSV in UTF-8"),
    ];
    for (bytes, reason) in cases {
        let path = folder.write("t.csv", bytes);
        assert_malformed(csv::read(&path, Header::Auto, None), &path, 0, reason);
    }
    assert_malformed(csv::read(folder.path(""), Header::Auto, None), &folder.path(""), 0, "not a regular file");
    assert!(matches!(csv::read(folder.path("u.csv"), Header::Auto, None), Err(DataError::NotFound { .. })));
}

/// With `or_none_of` a table of that many columns needs no labels, whether or not it has a header.
#[test]
fn a_table_may_lack_the_column_of_labels() {
    let folder = Folder::new();
    let read = |text: &str, wanted: &str| {
        let table = csv::read(folder.write("t.csv", text), Header::Auto, Some(LabelColumn::new(wanted).or_none_of(2)))?;
        Ok::<_, DataError>(Table { path: "t.csv".into(), ..table })
    };
    let values = [1.0, 2.0, 3.0, 4.0];
    for wanted in ["kind", "last", "2"] {
        assert_eq!(read("a,b\n1,2\n3,4\n", wanted).unwrap(), table(&["a", "b"], &values, None), "{wanted}");
        assert_eq!(read("1,2\n3,4\n", wanted).unwrap(), table(&[], &values, None), "{wanted}");
        let labelled = table(&["a", "b"], &values, Some(&["x", "y"]));
        assert_eq!(read("a,b,kind\n1,2,x\n3,4,y\n", wanted).unwrap(), labelled, "{wanted}");
    }
    assert_eq!(read("kind,b\nx,2\ny,4\n", "kind").unwrap(), table(&["b"], &[2.0, 4.0], Some(&["x", "y"])));
    let error = read("a,b,c\n1,2,3\n", "kind").unwrap_err().to_string();
    assert!(error.contains("there is no column `kind`; there are `a`, `b`, `c`"), "{error}");
}

#[test]
fn columns_that_lose_their_spread_are_named() {
    let rows: String = (0..20).map(|i| format!("{},x,{}\n", i % 7, 1_000_000_000 + i % 7)).collect();
    let coarse: &[&str] = if cfg!(feature = "f64") { &[] } else { &["column 3 (`height`)"] };
    assert_eq!(read(format!("width,kind,height\n{rows}"), Header::Auto, Some("kind")).unwrap().coarse, coarse);
    let coarse: &[&str] = if cfg!(feature = "f64") { &[] } else { &["column 3"] };
    assert_eq!(read(rows, Header::Auto, Some("1")).unwrap().coarse, coarse);
}

#[test]
fn text_that_is_not_utf_8_is_named_wherever_it_stands() {
    let folder = Folder::new();
    let cases: [(&[u8], Place); 3] = [
        (b"a,gr\xfcn\n1,2\n", Place::Cell { line: 1, column: 2, name: None }),
        (b"a,b\n1,\xe9\n", Place::Cell { line: 2, column: 2, name: Some("b".into()) }),
        (b"a,kind\n1,gr\xfcn\n", Place::Cell { line: 2, column: 2, name: Some("kind".into()) }),
    ];
    for (bytes, place) in cases {
        let path = folder.write("t.csv", bytes);
        let labels = if bytes.starts_with(b"a,kind") { Some("kind") } else { None };
        assert_table(csv::read(&path, Header::Auto, labels.map(LabelColumn::new)), &path, place, "is not UTF-8");
    }
}

#[test]
fn no_truncation_and_no_corrupt_byte_makes_it_panic() {
    let folder = Folder::new();
    let good = b"\xef\xbb\xbfa,\"b \"\"c\"\"\",kind\r\n1.5,-2e3,x\r\n\r\n\"4\",5,\"y\nz\"\r\n".to_vec();
    let check = |bytes: &[u8]| {
        for labels in [None, Some("kind"), Some("1"), Some("last")] {
            if let Err(error) = csv::read(folder.write("t.csv", bytes), Header::Auto, labels.map(LabelColumn::new)) {
                assert!(!error.to_string().contains(['\n', '\r']), "{error}");
            }
        }
    };
    csv::read(folder.write("t.csv", &good), Header::Auto, Some(LabelColumn::new("kind"))).unwrap();
    (0..good.len()).for_each(|length| check(&good[..length]));
    for at in 0..good.len() {
        for byte in [0x00, 0x0a, 0x0d, 0x22, 0x2c, 0x3b, 0x39, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[at] = byte;
            check(&bad);
        }
    }
}

#[test]
fn what_is_written_has_a_header_and_one_line_a_row() {
    let mut bytes = Vec::new();
    let fields = [
        Field { name: "z", shape: &[2, 2], elements: Elements::F32(&[0.1, -1.0, 1e-30, 2e20]) },
        Field { name: "cluster", shape: &[2], elements: Elements::U32(&[7, 0]) },
        Field { name: "p", shape: &[2, 1], elements: Elements::F64(&[1.0, 0.3]) },
        Field { name: "label", shape: &[2], elements: Elements::Text(&["a, b", "c"]) },
    ];
    csv::write(&mut bytes, &fields).unwrap();
    let text = "z0,z1,cluster,p0,label\n0.1,-1.0,7,1.0,\"a, b\"\n1e-30,2e20,0,0.3,c\n";
    assert_eq!(String::from_utf8(bytes).unwrap(), text);
    let back = read(text, Header::Auto, Some("label")).unwrap();
    assert_eq!((back.columns.join(","), back.shape), ("z0,z1,cluster,p0".into(), vec![4]));
    assert_eq!(back.labels.unwrap(), ["a, b", "c"]);
}

#[test]
#[should_panic(expected = "cluster has 2 rows, not 3")]
fn fields_of_different_lengths_are_a_bug() {
    let z = Field { name: "z", shape: &[3], elements: Elements::U32(&[0, 1, 2]) };
    let _ = csv::write(Vec::new(), &[z, Field { name: "cluster", shape: &[2], elements: Elements::U32(&[0, 1]) }]);
}

#[test]
fn the_numbers_of_a_file_are_the_values_of_its_data_set() {
    let set = read("x,y,kind\n0.5,1,b\n0,0.25,a\n", Header::Auto, Some("kind")).unwrap().into_dataset("t").unwrap();
    assert_eq!((set.rows(), set.shape(), set.is_intensity()), (2, &[2][..], true));
    assert_eq!(
        (set.labels().unwrap().values.as_slice(), set.class_names()),
        (&[1, 0][..], &["a".into(), "b".into()][..])
    );
    assert!(!read("2\n0\n", Header::Auto, None).unwrap().into_dataset("t").unwrap().is_intensity());
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn what_is_written_is_read(
        rows in 1usize..30, width in 1usize..6, seed in any::<u32>(), texts in prop::collection::vec("[^\0]{0,6}", 30),
    ) {
        let bits = |i: usize| (i as u32 ^ seed).wrapping_mul(2_654_435_761);
        let finite = |x: f32| if x.is_finite() { x } else { 0.5 };
        let values: Vec<f32> = (0..rows * width).map(|i| finite(f32::from_bits(bits(i)))).collect();
        let texts: Vec<String> = texts.iter().map(|text| format!("t{}", text.trim())).collect();
        let texts: Vec<&str> = texts.iter().map(|text| text.trim()).take(rows).collect();
        let fields = [
            Field { name: "x", shape: &[rows, width], elements: Elements::F32(&values) },
            Field { name: "label", shape: &[rows], elements: Elements::Text(&texts) },
        ];
        let mut bytes = Vec::new();
        csv::write(&mut bytes, &fields).unwrap();
        let back = read(&bytes, Header::Auto, Some("last")).unwrap();
        prop_assert_eq!(back.rows(), rows);
        prop_assert!(back.values.iter().zip(&values).all(|(&a, &b)| (f64::from(a) as f32).to_bits() == b.to_bits()));
        prop_assert_eq!(back.labels.unwrap(), texts);
    }
}
