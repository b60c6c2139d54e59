//! An SVG file as a test reads it: parsed as XML, not searched as text.

use std::collections::BTreeMap;

/// Units of a file to a pixel.
const FINE: f64 = 4.0;

/// The plane between the axes, in pixels: right of the labels of the y axis, left of the legend, below the
/// title. `plot::canvas` leaves this room.
const PLANE: [f64; 4] = [60.0, 636.0, 72.0, 452.0];

/// One element.
#[derive(Debug, Clone)]
pub struct Shape {
    tag: String,
    attributes: BTreeMap<String, String>,
    text: String,
}

/// A whole file.
pub struct Picture {
    shapes: Vec<Shape>,
}

impl Picture {
    /// Panics where the text is no SVG file of 800 by 500.
    pub fn parse(svg: &str) -> Self {
        let document = roxmltree::Document::parse(svg).unwrap_or_else(|e| panic!("{e}: {svg}"));
        let root = document.root_element();
        assert_eq!(root.tag_name().name(), "svg");
        assert_eq!(root.tag_name().namespace(), Some("http://www.w3.org/2000/svg"));
        assert_eq!(
            (root.attribute("width"), root.attribute("height")),
            (Some("800"), Some("500"))
        );
        assert_eq!(root.attribute("viewBox"), Some("0 0 3200 2000"));
        let shapes = root.descendants().filter(|node| node.is_element()).skip(1);
        let shape = |node: roxmltree::Node<'_, '_>| Shape {
            tag: node.tag_name().name().to_owned(),
            attributes: node
                .attributes()
                .map(|a| (a.name().to_owned(), a.value().to_owned()))
                .collect(),
            text: node.text().unwrap_or_default().trim().to_owned(),
        };
        Self {
            shapes: shapes.map(shape).collect(),
        }
    }

    /// The marks of a kind, in the order of drawing: without the background, the grid and the legend.
    pub fn plane(&self, tag: &str) -> Vec<&Shape> {
        let drawn = self.shapes.iter().filter(|shape| shape.tag == tag);
        drawn.filter(|shape| shape.is_mark()).collect()
    }

    /// True where some text holds `part`.
    pub fn says(&self, part: &str) -> bool {
        self.texts().any(|shape| shape.text.contains(part))
    }

    fn texts(&self) -> impl Iterator<Item = &Shape> {
        self.shapes.iter().filter(|shape| shape.tag == "text")
    }

    /// Panics where something is neither drawn nor written, and where a shape has an attribute that acts.
    pub fn assert_only_shapes_and_texts(&self) {
        for shape in &self.shapes {
            let known = ["title", "desc", "rect", "circle", "line", "polyline", "polygon", "text"];
            assert!(known.contains(&shape.tag.as_str()), "{shape:?}");
            assert!(
                shape
                    .attributes
                    .keys()
                    .all(|name| !name.starts_with("on") && name != "href"),
                "{shape:?}"
            );
        }
    }

    /// Panics where a text would be cut off at an edge, by a generous estimate of its width.
    pub fn assert_texts_fit(&self) {
        for text in self.texts().filter(|text| !text.is_turned()) {
            let [left, right, top, bottom] = text.extent();
            assert!(left >= -1.0 && right <= 801.0, "from {left} to {right}: {text:?}");
            assert!(top >= 0.0 && bottom <= 500.0, "from {top} down to {bottom}: {text:?}");
        }
    }

    /// Panics where two texts lie on one another.
    pub fn assert_texts_apart(&self) {
        let texts: Vec<&Shape> = self.texts().filter(|text| !text.is_turned()).collect();
        for (i, a) in texts.iter().enumerate() {
            for b in &texts[i + 1..] {
                let ([al, ar, at, ab], [bl, br, bt, bb]) = (a.extent(), b.extent());
                let apart = ar <= bl || br <= al || ab <= bt || bb <= at;
                assert!(apart, "{:?} lies on {:?}", a.text, b.text);
            }
        }
    }
}

impl Shape {
    /// An attribute that must be there.
    pub fn get(&self, name: &str) -> &str {
        self.attributes
            .get(name)
            .unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }

    /// The same as a number of pixels.
    pub fn number(&self, name: &str) -> f64 {
        let units: f64 = self
            .get(name)
            .parse()
            .unwrap_or_else(|e| panic!("{name}: {e}: {self:?}"));
        units / FINE
    }

    /// The points of a line or a polygon, in pixels.
    pub fn points(&self) -> Vec<(f64, f64)> {
        let pairs = self.get("points").split_whitespace();
        pairs
            .map(|pair| {
                let (x, y) = pair.split_once(',').expect("x,y");
                let pixels = |text: &str| text.parse::<f64>().expect("a number") / FINE;
                (pixels(x), pixels(y))
            })
            .collect()
    }

    fn is_mark(&self) -> bool {
        let [left, right, top, bottom] = PLANE;
        let (x, y) = match self.tag.as_str() {
            "rect" => (self.number("x"), self.number("y")),
            "circle" => (self.number("cx"), self.number("cy")),
            _ => self.points()[0],
        };
        (left..=right).contains(&x) && (top..=bottom).contains(&y)
    }

    fn is_turned(&self) -> bool {
        self.attributes.contains_key("transform")
    }

    /// Left, right, top and bottom of a text, estimated: wide letters are 0.6 of the size.
    fn extent(&self) -> [f64; 4] {
        let (x, y, size) = (self.number("x"), self.number("y"), self.number("font-size"));
        let width = self.text.chars().count() as f64 * size * 0.55;
        let left = match self.get("text-anchor") {
            "start" => x,
            "middle" => x - width / 2.0,
            _ => x - width,
        };
        let top = match self.get("dy") {
            "0.76em" => y,
            "0.5ex" => y - size / 2.0,
            _ => y - size,
        };
        [left, left + width, top, top + size]
    }
}

/// The colour of a label, as the files write it; grey for what is no label of ours.
pub fn colour_of(label: &str) -> &'static str {
    match label {
        "real_run" => "#0072B2",
        "pup_walk" => "#E69F00",
        "mixed" => "#009E73",
        "outlier" => "#CC79A7",
        _ => "#828282",
    }
}
