//! Draws a figure as SVG, by the crate `plotters`.
//!
//! Why: one file knows the charting crate, so pictures are plain values that a test can read, and another
//! crate would be one file's work.
//!
//! Invariants: texts are SVG texts in the viewer's own sans-serif font; what a store holds is cut to a line
//! and cleaned of characters that no XML may hold; the crate escapes the rest.
//!
//! Must not know: what a figure shows.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::{Entry, Figure, Ink, Mark, PlotError, SIZE, Swatch};

/// The crate draws at whole units only: so many to a pixel keep a slanted line from having steps.
const FINE: i32 = 4;

/// The strip on the right that the legend has.
const LEGEND: i32 = 166 * FINE;
/// The strip above, with the title and the lines under it.
const ABOVE: i32 = 74 * FINE;
/// Characters that fit: into the width below the title, into the title, into the legend.
const LINE_CHARS: usize = 122;
const TITLE_CHARS: usize = 84;
const LEGEND_CHARS: usize = 21;

/// The size of a text as the crate counts it: 1.24 times the SVG's.
const TITLE: i32 = 22 * FINE;
const TEXT: i32 = 16 * FINE;
const SMALL: i32 = 14 * FINE;

type Root<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Plane<'a, 'b> = DrawingArea<SVGBackend<'a>, Cartesian2d<Scale<'b>, Scale<'b>>>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// The SVG file.
pub(super) fn draw(figure: &Figure) -> Result<String, PlotError> {
    let mut svg = String::new();
    let size = (SIZE.0 * FINE.unsigned_abs(), SIZE.1 * FINE.unsigned_abs());
    let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
    let drawn = paint(figure, &root).and_then(|()| root.present());
    drop(root);
    drawn.map_err(|error| PlotError(error.to_string()))?;
    Ok(described(&svg, figure))
}

/// In pixels, and with the title and the lines under it as the file's own, for whoever does not see it.
fn described(svg: &str, figure: &Figure) -> String {
    let (head, rest) = svg.split_once('\n').unwrap_or((svg, ""));
    let view_box = head.find("viewBox").map_or("", |at| &head[at..]);
    // Bars that touch would show a hair of the ground between them.
    let rest = rest.replace("<rect ", "<rect shape-rendering=\"crispEdges\" ");
    let escaped = |text: &str| {
        let text = line(text, usize::MAX).replace('&', "&amp;");
        text.replace('<', "&lt;").replace('>', "&gt;")
    };
    format!(
        "<svg width=\"{}\" height=\"{}\" {view_box}\n<title>{}</title>\n<desc>{}</desc>\n{rest}",
        SIZE.0,
        SIZE.1,
        escaped(&figure.title),
        escaped(&figure.about.join("; "))
    )
}

/// One line of at most `most` characters.
fn line(text: &str, most: usize) -> String {
    let clean = |c: char| match c {
        '\u{fffe}' | '\u{ffff}' => ' ',
        c if c.is_control() => ' ',
        c => c,
    };
    let mut chars = text.chars().map(clean);
    let mut line: String = chars.by_ref().take(most).collect();
    if chars.next().is_some() {
        line.pop();
        line.push('…');
    }
    line
}

fn colour(ink: Ink) -> RGBAColor {
    let (r, g, b) = ink.rgb;
    RGBColor(r, g, b).mix(ink.alpha)
}

fn style(size: i32, ink: Ink, h: HPos, v: VPos) -> TextStyle<'static> {
    let font = ("sans-serif", size).into_font();
    font.color(&colour(ink)).pos(Pos::new(h, v))
}

fn paint(figure: &Figure, root: &Root<'_>) -> Drawn {
    root.fill(&WHITE)?;
    heading(figure, root)?;
    legend(&figure.legend, root)?;
    let (x, y) = (&figure.x, &figure.y);
    let mut chart = ChartBuilder::on(root)
        .margin_top(ABOVE)
        .margin_right(LEGEND)
        .margin_left(6 * FINE)
        .margin_bottom(4 * FINE)
        .x_label_area_size(46 * FINE)
        .y_label_area_size(62 * FINE)
        .build_cartesian_2d(Scale(x), Scale(y))?;
    chart
        .configure_mesh()
        .bold_line_style(RGBColor(228, 228, 228).stroke_width(wide(1)))
        .axis_style(RGBColor(90, 90, 90).stroke_width(wide(1)))
        .label_style(style(TEXT, super::BLACK, HPos::Left, VPos::Top))
        .axis_desc_style(style(TEXT, super::BLACK, HPos::Left, VPos::Top))
        .x_label_formatter(&|value: &f64| x.tick_text(*value))
        .y_label_formatter(&|value: &f64| y.tick_text(*value))
        .x_desc(x.title.as_str())
        .y_desc(y.title.as_str())
        .set_all_tick_mark_size(4 * FINE)
        .draw()?;
    let plane = chart.plotting_area();
    for mark in &figure.marks {
        put(mark, x, plane)?;
    }
    match figure.empty {
        None => Ok(()),
        Some(text) => {
            let style = style(TEXT, super::GREY, HPos::Center, VPos::Center);
            plane.draw(&Text::new(text, (x.middle(), y.middle()), style))
        }
    }
}

/// An axis as the crate asks for it: the pixel of a value, and where the ticks are.
struct Scale<'a>(&'a Axis);

impl Ranged for Scale<'_> {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        from + (self.0.share(*value) * f64::from(to - from)).round() as i32
    }

    fn key_points<H: KeyPointHint>(&self, hint: H) -> Vec<f64> {
        match hint.weight().allow_light_points() {
            true => Vec::new(),
            false => self.0.ticks(),
        }
    }

    fn range(&self) -> Range<f64> {
        self.0.low()..self.0.high()
    }
}

fn put(mark: &Mark, x: &Axis, plane: &Plane<'_, '_>) -> Drawn {
    match mark {
        Mark::Bar { from, to, ink } => plane.draw(&Rectangle::new([*from, *to], colour(*ink).filled())),
        Mark::Dot { at, radius, ink } => plane.draw(&Circle::new(*at, radius * FINE, colour(*ink).filled())),
        Mark::Ring { at, radius, ink } => {
            plane.draw(&Circle::new(*at, radius * FINE, colour(*ink).stroke_width(wide(1))))
        }
        Mark::Line { points, width, ink } => plane.draw(&PathElement::new(
            points.clone(),
            colour(*ink).stroke_width(wide(*width)),
        )),
        Mark::Area { points, ink } => plane.draw(&Polygon::new(points.clone(), colour(*ink).filled())),
        Mark::Note { at, text } => {
            // Towards the middle of the picture, so that no legend is written over.
            let (side, aside) = match x.share(at.0) > 0.85 {
                true => (HPos::Right, -7 * FINE),
                false => (HPos::Left, 7 * FINE),
            };
            let style = style(SMALL, super::BLACK, side, VPos::Bottom);
            let text = Text::new(line(text, LEGEND_CHARS), (aside, -3 * FINE), style);
            plane.draw(&(EmptyElement::at(*at) + text))
        }
    }
}

fn heading(figure: &Figure, root: &Root<'_>) -> Drawn {
    let title = style(TITLE, super::BLACK, HPos::Left, VPos::Center);
    root.draw(&Text::new(
        line(&figure.title, TITLE_CHARS),
        (14 * FINE, 20 * FINE),
        title,
    ))?;
    for (text, y) in figure.about.iter().zip([41 * FINE, 58 * FINE]) {
        let about = style(SMALL, Ink::of((70, 70, 70)), HPos::Left, VPos::Center);
        root.draw(&Text::new(line(text, LINE_CHARS), (14 * FINE, y), about))?;
    }
    Ok(())
}

fn legend(entries: &[Entry], root: &Root<'_>) -> Drawn {
    let left = SIZE.0 as i32 * FINE - LEGEND + 14 * FINE;
    let mut y = ABOVE + 8 * FINE;
    for entry in entries {
        let ink = colour(entry.ink);
        let (text, indent) = match entry.swatch {
            Swatch::Heading => (line(&entry.name, LEGEND_CHARS + 2), 0),
            _ => (line(&entry.name, LEGEND_CHARS), 18 * FINE),
        };
        let (middle, thin) = ((left + 5 * FINE, y), wide(1));
        match entry.swatch {
            Swatch::Heading => y += 4 * FINE,
            Swatch::Square => {
                let corners = [(left, y - 5 * FINE), (left + 10 * FINE, y + 5 * FINE)];
                root.draw(&Rectangle::new(corners, ink.filled()))?;
            }
            Swatch::Dot => root.draw(&Circle::new(middle, 4 * FINE, ink.filled()))?,
            Swatch::Ring => root.draw(&Circle::new(middle, 5 * FINE, ink.stroke_width(thin)))?,
            Swatch::Line => {
                let ends = [(left - FINE, y), (left + 12 * FINE, y)];
                root.draw(&PathElement::new(ends, ink.stroke_width(2 * thin)))?;
            }
        }
        let style = style(SMALL, super::BLACK, HPos::Left, VPos::Center);
        root.draw(&Text::new(text, (left + indent, y), style))?;
        y += 18 * FINE;
    }
    Ok(())
}

/// The width of a line of so many pixels.
fn wide(pixels: u32) -> u32 {
    pixels * FINE.unsigned_abs()
}
