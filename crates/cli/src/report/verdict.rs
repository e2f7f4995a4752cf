//! One number of the source beside ours: two verdicts that are never mixed.

use super::number::number;

/// One quantity: ours is judged by the reference band, the source's value is placed among ours and judged by nobody.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Name of the quantity: "KL at β = 0.1, continuous".
    pub quantity: String,
    /// Its unit, or an empty text for a pure number.
    pub unit: &'static str,
    /// Median over our seeds.
    pub median: f64,
    /// Lower and upper end of our seeds, as the caption of the table says.
    pub spread: (f64, f64),
    /// Number of seeds; 0 for a number of all of them together.
    pub n: usize,
    /// Where our median should lie.
    pub band: Option<Band>,
    /// Whether it does; `None` where nobody can tell.
    pub holds: Option<bool>,
    /// The source's value.
    pub source: Option<f64>,
    /// Its percentile in our distribution, 0 to 100.
    pub source_percentile: Option<f64>,
    /// A small SVG document of the distribution, see [`Strip`](crate::plot::panel::Strip).
    pub strip: Option<String>,
}

/// A reference band, open where an end is absent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// Lower end.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// What the band is: "quartiles of 400 independent restarts".
    pub what: &'static str,
}

impl Band {
    /// What the study itself requires.
    pub fn required(low: Option<f64>, high: Option<f64>) -> Self {
        Self { low, high, what: "what the study requires" }
    }

    /// Whether the value lies in the band; NaN lies nowhere.
    pub fn holds(&self, value: f64) -> bool {
        value.is_finite() && self.low.is_none_or(|low| value >= low) && self.high.is_none_or(|high| value <= high)
    }

    /// "3.05 to 4.30", "≥ 0.98", "≤ 1.10".
    pub fn text(&self) -> String {
        match (self.low, self.high) {
            (Some(low), Some(high)) => format!("{} to {}", number(low), number(high)),
            (Some(low), None) => format!("≥ {}", number(low)),
            (None, Some(high)) => format!("≤ {}", number(high)),
            (None, None) => "–".to_string(),
        }
    }
}

/// Fewer values than this have no central 90 %.
const FEW: usize = 20;

impl Verdict {
    /// "[1.69, 5.79], n = 100"; one seed has no spread, and a number of all seeds nothing.
    pub(super) fn spread_text(&self) -> String {
        match self.n {
            0 => String::new(),
            1 => "n\u{a0}=\u{a0}1".to_string(),
            n => format!("[{}, {}], n\u{a0}=\u{a0}{n}", number(self.spread.0), number(self.spread.1)),
        }
    }

    pub(super) fn band_text(&self) -> String {
        self.band.map_or("–".to_string(), |band| band.text())
    }

    /// The verdict on ours in one sign and one or two words.
    pub(super) fn ours_text(&self) -> &'static str {
        match self.holds {
            Some(true) => "✓ inside",
            Some(false) => "✗ outside",
            None => "– not judged",
        }
    }

    /// With no more digits than it has.
    pub(super) fn source_text(&self) -> String {
        let text = |value: f64| {
            [value.to_string().replace('-', "−"), number(value)].into_iter().min_by_key(|text| text.chars().count())
        };
        self.source.and_then(text).unwrap_or("–".to_string())
    }

    /// Whether the source's value lies beyond the 5th or 95th percentile of ours, of which there are enough for tails.
    pub fn is_in_tail(&self) -> bool {
        self.n >= FEW && self.source_percentile.is_some_and(|p| !(5.0..=95.0).contains(&p))
    }

    /// Where the source's value lies among ours: a number and its words.
    pub fn place_text(&self) -> (String, &'static str) {
        let Some(p) = self.source_percentile else { return ("–".to_string(), "") };
        let words = match p {
            // So few have no tails.
            _ if self.n < FEW => "",
            _ if !self.is_in_tail() => "within our 5–95\u{a0}%",
            _ if p < 50.0 => "in our lower tail",
            _ => "in our upper tail",
        };
        (format!("{}\u{a0}%", crate::plot::digits(p, 3)), words)
    }
}

/// What all bands of a table are, where they are the same.
pub(super) fn common_band(rows: &[Verdict]) -> Option<&str> {
    let mut whats = rows.iter().filter_map(|row| Some(row.band?.what));
    let first = whats.next()?;
    whats.all(|what| what == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(low: Option<f64>, high: Option<f64>) -> Band {
        Band { low, high, what: "quartiles" }
    }

    #[test]
    fn bands_and_places_are_words() {
        let texts = [(Some(3.05), Some(4.2)), (Some(0.98), None), (None, Some(1.0986)), (None, None)];
        let texts = texts.map(|(low, high)| band(low, high).text());
        assert_eq!(texts, ["3.050 to 4.200", "≥ 0.980", "≤ 1.099", "–"]);
        let mut verdict = Verdict {
            quantity: "KL".into(),
            unit: "nats",
            median: -3.2,
            spread: (1.0, 2.5),
            n: 100,
            band: None,
            holds: None,
            source: None,
            source_percentile: None,
            strip: None,
        };
        assert_eq!(
            (verdict.spread_text().as_str(), verdict.band_text().as_str()),
            ("[1, 2.500], n\u{a0}=\u{a0}100", "–")
        );
        assert_eq!(verdict.place_text(), ("–".to_string(), ""));
        verdict.source = Some(-0.035);
        assert_eq!(verdict.source_text(), "−0.035");
        verdict.source = Some(2.0 / 3.0);
        assert_eq!(verdict.source_text(), "0.667");
        verdict.source_percentile = Some(99.75);
        assert_eq!(verdict.place_text(), ("99.8\u{a0}%".to_string(), "in our upper tail"));
        verdict.n = 1;
        assert_eq!(verdict.spread_text(), "n\u{a0}=\u{a0}1");
    }
}
