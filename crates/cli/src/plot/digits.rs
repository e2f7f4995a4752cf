//! Numbers as text for readers: few digits, a proper minus sign.

/// The value to `significant` digits (one fewer below 1, where the leading zero reads as one): "3.272", "0.0471",
/// "−133.4", "1.2·10⁻⁷". Whole numbers below a million are printed in full, NaN is a dash, and nothing is "−0".
pub fn digits(value: f64, significant: usize) -> String {
    if value.is_nan() {
        return "–".to_string();
    }
    let sign = if value < 0.0 { "−" } else { "" };
    let size = value.abs();
    if size.is_infinite() {
        return format!("{sign}∞");
    }
    if size.fract() == 0.0 && size < 1e6 {
        return format!("{sign}{size}");
    }
    // The exponent after rounding: 9.9996 to four digits is 10.00.
    let rounded = format!("{size:.*e}", significant - 1);
    let (_, exponent) = parts(&rounded);
    match exponent {
        0..6 => format!("{sign}{size:.*}", (significant as i32 - 1 - exponent).max(0) as usize),
        -4..0 => format!("{sign}{size:.*}", (significant as i32 - 2 - exponent) as usize),
        _ => {
            let short = format!("{size:.1e}");
            let (mantissa, exponent) = parts(&short);
            format!("{sign}{}·10{}", mantissa.trim_end_matches(".0"), superscript(exponent))
        }
    }
}

/// Mantissa and exponent of a number in scientific notation.
fn parts(scientific: &str) -> (&str, i32) {
    let (mantissa, exponent) = scientific.split_once('e').expect("scientific notation has an exponent");
    (mantissa, exponent.parse().expect("an exponent is a whole number"))
}

fn superscript(exponent: i32) -> String {
    let raised = |c: char| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        digit => char::from_u32('⁰' as u32 + digit as u32 - '0' as u32).expect("superscript digits are in a row"),
    };
    exponent.to_string().chars().map(raised).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_few_digits_and_a_proper_sign() {
        let four = |v| digits(v, 4);
        assert_eq!([3.2719, 133.44, 9.99961, 0.97931].map(four), ["3.272", "133.4", "10.00", "0.979"]);
        assert_eq!([-0.04712, 100.0, -3.0, 12_345.6].map(four), ["−0.0471", "100", "−3", "12346"]);
        assert_eq!([0.0, -0.0, f64::NAN, f64::NEG_INFINITY].map(four), ["0", "0", "–", "−∞"]);
        assert_eq!([1.26e-7, -2.0e-12, 1.5e9].map(four), ["1.3·10⁻⁷", "−2·10⁻¹²", "1.5·10⁹"]);
        assert_eq!([0.99996, 0.000_123_4].map(four), ["1.000", "0.000123"]);
    }
}
