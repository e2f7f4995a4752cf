//! Shades of one hue for the cells of matrices, light to dark.

/// Readable in grey and with every colour vision.
const RAMP: [[f64; 3]; 4] = [[247.0, 251.0, 255.0], [158.0, 202.0, 225.0], [49.0, 130.0, 189.0], [8.0, 48.0, 107.0]];

/// The colour of a share in [0, 1].
pub fn hex(share: f64) -> String {
    let [r, g, b] = between(&RAMP, share).map(|v| v.round() as u8);
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Black or white, whichever has more contrast on this shade: the contrasts are equal at luminance 0.179.
pub fn text_on(share: f64) -> &'static str {
    if luminance(between(&RAMP, share)) < 0.179 { "#fff" } else { "#000" }
}

/// The colour at `share` in [0, 1] of a ramp of equidistant colours, each component in [0, 255].
pub fn between(ramp: &[[f64; 3]], share: f64) -> [f64; 3] {
    let place = share.clamp(0.0, 1.0) * (ramp.len() - 1) as f64;
    let i = (place as usize).min(ramp.len() - 2);
    std::array::from_fn(|c| ramp[i][c] + (place - i as f64) * (ramp[i + 1][c] - ramp[i][c]))
}

/// Relative luminance of WCAG 2.
pub fn luminance(colour: [f64; 3]) -> f64 {
    let linear = |v: f64| if v <= 10.0 { v / 255.0 / 12.92 } else { ((v / 255.0 + 0.055) / 1.055).powf(2.4) };
    let [r, g, b] = colour.map(linear);
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_on_a_shade_has_a_contrast_of_at_least_four_and_a_half() {
        for i in 0..=100 {
            let share = f64::from(i) / 100.0;
            let back = luminance(between(&RAMP, share));
            let contrast = if text_on(share) == "#fff" { 1.05 / (back + 0.05) } else { (back + 0.05) / 0.05 };
            assert!(contrast >= 4.5, "{share}: {contrast}");
        }
    }
}
