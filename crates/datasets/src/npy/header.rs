//! The text in front of the numbers: a Python dictionary of element type, order and shape.

/// What a number is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Signed,
    Unsigned,
    Float,
}

/// The type of the elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) kind: Kind,
    /// Bytes of one, at most 8.
    pub(super) size: usize,
    pub(super) big_endian: bool,
}

/// What the header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) element: Element,
    /// Whether the first index runs fastest.
    pub(super) fortran: bool,
    pub(super) shape: Vec<u64>,
}

/// Why a header is refused, and at which of its bytes.
pub(super) type Fault = (usize, String);

/// A header never has more dimensions in NumPy.
const MOST_DIMENSIONS: usize = 64;

impl Element {
    /// The element type of a `descr` such as `<f4`.
    fn parse(descr: &str) -> Result<Self, String> {
        let allowed = "read are f4, f8, i1 to i8, u1 to u8 and b1";
        let (order, code) = descr.split_at_checked(1).unwrap_or_default();
        let big_endian = match order {
            "<" | "|" => false,
            ">" => true,
            _ => return Err(format!("the element type {descr:?} is none that NumPy writes; {allowed}")),
        };
        let (kind, size) = match code {
            "b1" => (Kind::Bool, 1),
            "f4" | "f8" => (Kind::Float, code.as_bytes()[1]),
            "i1" | "i2" | "i4" | "i8" => (Kind::Signed, code.as_bytes()[1]),
            "u1" | "u2" | "u4" | "u8" => (Kind::Unsigned, code.as_bytes()[1]),
            code if code.starts_with('O') => {
                return Err(format!("the elements are Python objects ({descr:?}): pickles are never read; {allowed}"));
            }
            _ => return Err(format!("the element type {descr:?} is not supported; {allowed}")),
        };
        Ok(Self { kind, size: usize::from(size % b'0'), big_endian })
    }

    /// The value of the bytes of one element.
    pub(super) fn value(self, bytes: &[u8]) -> f64 {
        let mut word = [0; 8];
        let used = &mut word[..self.size];
        used.copy_from_slice(bytes);
        if self.big_endian {
            used.reverse();
        }
        let bits = u64::from_le_bytes(word);
        let unused = 64 - 8 * self.size as u32;
        match (self.kind, self.size) {
            (Kind::Bool, _) => f64::from(u8::from(bits != 0)),
            (Kind::Unsigned, _) => bits as f64,
            (Kind::Signed, _) => ((bits << unused).cast_signed() >> unused) as f64,
            (Kind::Float, 4) => f64::from(f32::from_bits(bits as u32)),
            (Kind::Float, _) => f64::from_bits(bits),
        }
    }
}

impl Header {
    /// The header in `text`, a literal `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }` with keys in any
    /// order. Nothing is evaluated.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Fault> {
        let mut literal = Literal { text, at: 0 };
        let (mut element, mut fortran, mut shape) = (None, None, None);
        literal.expect(b'{')?;
        while !literal.follows(b'}') {
            let (at, key) = (literal.next_at(), literal.string()?);
            literal.expect(b':')?;
            let value = literal.next_at();
            match key {
                "descr" if element.is_none() => {
                    if literal.peek() == Some(b'[') {
                        return Err((
                            value,
                            "the elements are records of several fields; save the columns as numbers".into(),
                        ));
                    }
                    element = Some(Element::parse(literal.string()?).map_err(|reason| (value, reason))?);
                }
                "fortran_order" if fortran.is_none() => fortran = Some(literal.truth()?),
                "shape" if shape.is_none() => shape = Some(literal.tuple()?),
                _ => return Err((at, format!("the header has an unknown or repeated key {key:?}"))),
            }
            if !literal.follows(b',') {
                literal.expect(b'}')?;
                break;
            }
        }
        if literal.peek().is_some() {
            return Err((literal.at, "the header goes on after its closing brace".into()));
        }
        match (element, fortran, shape) {
            (Some(element), Some(fortran), Some(shape)) => Ok(Self { element, fortran, shape }),
            _ => Err((0, "the header lacks one of 'descr', 'fortran_order' and 'shape'".into())),
        }
    }
}

/// A reader of the few Python literals that occur in a header.
struct Literal<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Literal<'a> {
    /// The next byte that is no space.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text[self.at..];
        self.at += rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.text.get(self.at).copied()
    }

    /// Where the next byte that is no space stands.
    fn next_at(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// Steps over `byte` if it is next.
    fn follows(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.follows(byte) { Ok(()) } else { Err(self.fault(&format!("`{}`", byte as char))) }
    }

    fn fault(&self, wanted: &str) -> Fault {
        (self.at, format!("the header is not what NumPy writes: no {wanted} here"))
    }

    /// A string in single or double quotes, without escapes.
    fn string(&mut self) -> Result<&'a str, Fault> {
        let quote = self.peek().filter(|quote| matches!(quote, b'\'' | b'"')).ok_or_else(|| self.fault("string"))?;
        let start = self.at + 1;
        let length = self.text[start..].iter().position(|&byte| byte == quote).ok_or_else(|| self.fault("string"))?;
        let string = std::str::from_utf8(&self.text[start..start + length]).map_err(|_| self.fault("string"))?;
        self.at = start + length + 1;
        Ok(string)
    }

    /// `True` or `False`.
    fn truth(&mut self) -> Result<bool, Fault> {
        self.peek();
        for (word, value) in [("True", true), ("False", false)] {
            if self.text[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.fault("True or False"))
    }

    /// A tuple of whole numbers: `()`, `(3,)`, `(3, 4)`.
    fn tuple(&mut self) -> Result<Vec<u64>, Fault> {
        let mut numbers = Vec::new();
        self.expect(b'(')?;
        while !self.follows(b')') {
            if numbers.len() == MOST_DIMENSIONS {
                return Err((self.at, format!("the shape has more than {MOST_DIMENSIONS} dimensions")));
            }
            numbers.push(self.number()?);
            if !self.follows(b',') {
                self.expect(b')')?;
                break;
            }
        }
        Ok(numbers)
    }

    /// A whole number that 64 bits hold; Python 2 wrote an `L` behind it.
    fn number(&mut self) -> Result<u64, Fault> {
        self.peek();
        let digits = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = std::str::from_utf8(&self.text[self.at..self.at + digits]).unwrap_or_default();
        let number = text.parse().map_err(|_| match digits {
            0 => self.fault("whole number"),
            _ => (self.at, format!("the shape has the extent {text:.30}, which is too large")),
        })?;
        self.at += digits;
        self.follows(b'L');
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_every_numpy_are_read() {
        let f8 = Element { kind: Kind::Float, size: 8, big_endian: false };
        let cases: [(&str, Element, bool, &[u64]); 5] = [
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }    \n", f8, false, &[3, 4]),
            ("{'shape': (3L, 4L), 'fortran_order': True, 'descr': '<f8'}", f8, true, &[3, 4]),
            (
                "{\"descr\":\"|b1\",\"fortran_order\":False,\"shape\":(5,)}",
                Element { kind: Kind::Bool, size: 1, big_endian: false },
                false,
                &[5],
            ),
            (
                "{'descr': '>i2', 'fortran_order': False, 'shape': ()}",
                Element { kind: Kind::Signed, size: 2, big_endian: true },
                false,
                &[],
            ),
            (
                "{'descr': '|u1', 'fortran_order': False, 'shape': (0,2,2)}",
                Element { kind: Kind::Unsigned, size: 1, big_endian: false },
                false,
                &[0, 2, 2],
            ),
        ];
        for (text, element, fortran, shape) in cases {
            assert_eq!(
                Header::parse(text.as_bytes()),
                Ok(Header { element, fortran, shape: shape.to_vec() }),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_header_is_refused_where_it_goes_wrong() {
        let with = |descr: &str, shape: &str| format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}");
        let many = format!("({})", "1,".repeat(65));
        let cases: [(String, usize, &str); 20] = [
            (String::new(), 0, "no `{` here"),
            ("__import__('os')".into(), 0, "no `{` here"),
            ("{}".into(), 0, "lacks one of"),
            ("{'descr': '<f8'}".into(), 0, "lacks one of"),
            ("{'descr': '<f8', 'descr': '<f4'}".into(), 17, "repeated key"),
            ("{'what': 3}".into(), 1, "unknown or repeated key \"what\""),
            ("{'descr' '<f8'}".into(), 9, "no `:` here"),
            ("{'descr': 'abc".into(), 10, "no string here"),
            ("{'fortran_order': 1}".into(), 18, "no True or False here"),
            (with("'|O'", "(3,)"), 10, "pickles are never read"),
            (with("'O8'", "(3,)"), 10, "none that NumPy writes"),
            (with("'<U3'", "(3,)"), 10, "\"<U3\" is not supported"),
            (with("'<c16'", "(3,)"), 10, "is not supported"),
            (with("'<f2'", "(3,)"), 10, "is not supported"),
            (with("''", "(3,)"), 10, "none that NumPy writes"),
            (with("'é8'", "(3,)"), 10, "none that NumPy writes"),
            (with("[('a', '<f8')]", "(3,)"), 10, "records of several fields"),
            (with("'<f8'", "(-3,)"), 51, "no whole number here"),
            (with("'<f8'", "(18446744073709551616,)"), 51, "too large"),
            (with("'<f8'", &many), 179, "more than 64 dimensions"),
        ];
        for (text, at, reason) in cases {
            let (place, message) = Header::parse(text.as_bytes()).unwrap_err();
            assert!(place == at && message.contains(reason), "{text}: {place}: {message}");
        }
        let trailing = with("'<f8'", "(3,)") + " + 1";
        assert!(Header::parse(trailing.as_bytes()).unwrap_err().1.contains("goes on"));
    }

    #[test]
    fn elements_are_read_in_both_byte_orders() {
        let value = |descr: &str, bytes: &[u8]| Element::parse(descr).unwrap().value(bytes);
        assert_eq!(value("|b1", &[7]), 1.0);
        assert_eq!(value("|i1", &[0xff]), -1.0);
        assert_eq!(value("|u1", &[0xff]), 255.0);
        assert_eq!((value("<i2", &[0xfe, 0xff]), value(">i2", &[0xff, 0xfe])), (-2.0, -2.0));
        assert_eq!(
            (value("<u4", &[1, 0, 0, 0x80]), value(">u4", &[0x80, 0, 0, 1])),
            (2_147_483_649.0, 2_147_483_649.0)
        );
        assert_eq!(value("<i8", &i64::MIN.to_le_bytes()), -(2f64.powi(63)));
        assert_eq!(value(">u8", &u64::MAX.to_be_bytes()), 2f64.powi(64));
        assert_eq!((value("<f4", &1.5f32.to_le_bytes()), value(">f4", &1.5f32.to_be_bytes())), (1.5, 1.5));
        assert_eq!((value("<f8", &1e300f64.to_le_bytes()), value(">f8", &1e300f64.to_be_bytes())), (1e300, 1e300));
    }
}
