//! The plot area of one panel: two axes with gridlines, tick labels and names.

use super::axis::{Axis, bounds, drawable, drawable_log};
use super::svg::{NORMAL, SMALL, Style, Svg, text_width};

/// A box on the page, in user units.
#[derive(Debug, Clone, Copy)]
pub struct Slot {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl Slot {
    /// Whether a place lies inside, up to the rounding of coordinates.
    pub fn contains(&self, (x, y): (f64, f64)) -> bool {
        let inside = |v: f64, start: f64, length: f64| v >= start - 0.1 && v <= start + length + 0.1;
        inside(x, self.x, self.width) && inside(y, self.y, self.height)
    }
}

/// Space for the tick labels and the name of the horizontal axis.
const BELOW: f64 = 60.0;
/// Space to the right, into which the last tick label may reach by half its width.
const RIGHT: f64 = 28.0;
/// Space to the left beside the tick labels: the name of the axis and the gaps.
const LEFT: f64 = 36.0;
/// Largest space to the left with the tick labels.
const LARGEST_LEFT: f64 = 130.0;

/// How one axis is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Range {
    /// Logarithmic; values that are not positive are then left out.
    pub log: bool,
    /// The ends of the axis where they do not follow from the points; widened to a tick on a logarithmic axis.
    pub limits: Option<(f64, f64)>,
}

impl Range {
    fn can_draw(self, value: f64) -> bool {
        if self.log { drawable_log(value) } else { drawable(value) }
    }

    /// The range of the values, or the limits where they can be drawn.
    fn of(self, values: &[f64]) -> Option<(f64, f64)> {
        let limits = self.limits.filter(|&(lo, hi)| lo < hi && self.can_draw(lo) && self.can_draw(hi));
        bounds(values.iter().copied()).map(|found| limits.unwrap_or(found))
    }
}

/// How the limits of both axes follow from the points.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Scaling {
    /// The horizontal axis.
    pub x: Range,
    /// The vertical axis, which begins and ends at a tick unless it has limits.
    pub y: Range,
    /// One unit is equally long on both axes, which are then linear and may show more than their limits.
    pub equal_units: bool,
}

impl Scaling {
    fn can_draw(&self, (x, y): (f64, f64)) -> bool {
        self.x.can_draw(x) && self.y.can_draw(y)
    }
}

/// A plot area with its axes.
#[derive(Debug)]
pub struct Frame {
    area: Slot,
    x_axis: Axis,
    y_axis: Axis,
    scaling: Scaling,
}

impl Frame {
    /// Fits the axes to the points, and the plot area with its labels to `slot`; `None` if no point can be drawn.
    pub fn around(slot: Slot, points: impl Iterator<Item = (f64, f64)>, scaling: Scaling) -> Option<Self> {
        let (xs, ys): (Vec<f64>, Vec<f64>) = points.filter(|&point| scaling.can_draw(point)).unzip();
        let (mut x_range, mut y_range) = (scaling.x.of(&xs)?, scaling.y.of(&ys)?);
        let height = slot.height - BELOW;
        if scaling.equal_units {
            let width = slot.width - RIGHT - LARGEST_LEFT;
            let longest = f64::max((x_range.1 - x_range.0) / width, (y_range.1 - y_range.0) / height);
            let size = [x_range.0, x_range.1, y_range.0, y_range.1].iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            let unit = if longest > 1e-9 * size { 1.08 * longest } else { (size + 1.0) / height };
            y_range = centred(y_range, unit * height);
            // The area is at least `width` wide; what the tick labels leave over widens the range.
            x_range = centred(x_range, unit * (slot.width - RIGHT - left(&y_axis(y_range, &ys, scaling, height))));
        }
        let y_axis = y_axis(y_range, &ys, scaling, height);
        let left = left(&y_axis);
        let area = Slot { x: slot.x + left, width: slot.width - left - RIGHT, height, ..slot };
        let x_axis = if scaling.x.log {
            Axis::covering_log(x_range.0, x_range.1)
        } else {
            Axis::within(x_range.0, x_range.1, whole(&xs), intervals(area.width, 54.0))
        };
        Some(Frame { area, x_axis, y_axis, scaling })
    }

    /// The box between the axes.
    pub fn area(&self) -> Slot {
        self.area
    }

    /// Where a data point lies on the page; `None` if it cannot be drawn. It lies outside the area where the limits of
    /// the axes leave it out.
    pub fn at(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        self.x_at(x).zip(self.y_at(y))
    }

    /// The horizontal place of a value.
    pub fn x_at(&self, x: f64) -> Option<f64> {
        let place = || self.area.x + self.area.width * self.x_axis.unit(x);
        self.scaling.x.can_draw(x).then(place)
    }

    /// The vertical place of a value.
    pub fn y_at(&self, y: f64) -> Option<f64> {
        let place = || self.area.y + self.area.height * (1.0 - self.y_axis.unit(y));
        self.scaling.y.can_draw(y).then(place)
    }

    /// Draws gridlines, tick labels, the border and the names of the axes.
    pub fn draw(&self, svg: &mut Svg, x_label: &str, y_label: &str) {
        let Slot { x: left, y: top, width, height } = self.area;
        let (right, bottom) = (left + width, top + height);
        for tick in &self.x_axis.ticks {
            let x = left + width * self.x_axis.unit(tick.value);
            svg.line((x, top), (x, bottom), "#e4e4e4");
            svg.text((x, bottom + 18.0), SMALL, &tick.label);
        }
        for tick in &self.y_axis.ticks {
            let y = top + height * (1.0 - self.y_axis.unit(tick.value));
            svg.line((left, y), (right, y), "#e4e4e4");
            svg.text((left - 7.0, y), Style { anchor: "end", ..SMALL }, &tick.label);
        }
        border(svg, self.area);
        svg.text_within((left + width / 2.0, bottom + 44.0), NORMAL, x_label, width + RIGHT);
        // The name of the vertical axis sits right of the slot's edge, left of the widest tick label.
        let x = left - self::left(&self.y_axis) + NORMAL.size / 2.0 + 4.0;
        let turned = Style { turned: true, ..NORMAL };
        svg.text_within((x, top + height / 2.0), turned, y_label, height + BELOW / 2.0);
    }
}

/// An empty plot area that says so.
pub fn draw_empty(svg: &mut Svg, slot: Slot) {
    let area = Slot { x: slot.x + LEFT, width: slot.width - LEFT - RIGHT, height: slot.height - BELOW, ..slot };
    border(svg, area);
    svg.text((area.x + area.width / 2.0, area.y + area.height / 2.0), Style { fill: "#777", ..NORMAL }, "no data");
}

fn border(svg: &mut Svg, Slot { x, y, width, height }: Slot) {
    svg.rectangle("area", [x, y, width, height], "none", " stroke=\"#999\"");
}

fn y_axis((lo, hi): (f64, f64), values: &[f64], scaling: Scaling, height: f64) -> Axis {
    let steps = intervals(height, 42.0);
    if scaling.y.log {
        Axis::covering_log(lo, hi)
    } else if scaling.equal_units || scaling.y.limits.is_some() {
        Axis::within(lo, hi, false, steps)
    } else {
        Axis::covering(lo, hi, whole(values), steps)
    }
}

/// Space the labels of the vertical axis take.
fn left(y_axis: &Axis) -> f64 {
    let labels = y_axis.ticks.iter().map(|tick| text_width(&tick.label, SMALL.size)).fold(0.0, f64::max);
    f64::min(LEFT + labels, LARGEST_LEFT)
}

/// How many steps an axis of this length has room for.
fn intervals(length: f64, label: f64) -> usize {
    ((length / label) as usize).clamp(2, 8)
}

fn whole(values: &[f64]) -> bool {
    values.iter().all(|v| v.fract() == 0.0)
}

fn centred((lo, hi): (f64, f64), length: f64) -> (f64, f64) {
    let middle = lo / 2.0 + hi / 2.0;
    (middle - length / 2.0, middle + length / 2.0)
}
