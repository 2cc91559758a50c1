//! The pages of `docs/` that the crate's documentation includes show their pictures there, too.
//!
//! A picture beside the page is found in the repository and not by the built documentation. So `docs/pictures/embedded.md`
//! defines each picture as a data URL, and stands before the page: of two definitions of a name, Markdown takes the first.
//! `WRITE=1 cargo test -p fairgate-tests --test usage guide` renews the file.
#![cfg(not(miri))]

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

const PAGES: [&str; 2] = ["docs/lesson.md", "docs/performance.md"];
const EMBEDDED: &str = "docs/pictures/embedded.md";

fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of a page's pictures, and their files relative to the page.
fn pictures(page: &str) -> Vec<(&str, &str)> {
    page.lines()
        .filter_map(|line| line.strip_prefix('[')?.split_once("]: "))
        .filter(|(_, file)| file.ends_with(".svg"))
        .collect()
}

/// A shape or a text of a picture. `style` is its attributes other than where it is.
struct Element {
    style: String,
    /// The shape as a path, or the text with its position.
    drawing: String,
    /// Left, top, right and bottom of a shape.
    extent: [f64; 4],
}

/// The value with at most one decimal: less than a pixel can show.
fn rounded(value: &str) -> String {
    value.parse().map_or(value.to_string(), |number: f64| {
        let tenths = (number * 10.0).round() / 10.0;
        tenths.to_string()
    })
}

/// The attributes of a tag, without those that have their default values.
fn attributes(tag: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut parts = tag.split('"');
    std::iter::from_fn(move || {
        let name = parts.next()?.rsplit(' ').next()?.strip_suffix('=')?;
        Some((name, parts.next()?.trim()))
    })
    .filter(|attribute| {
        !matches!(attribute, ("opacity", "1") | ("stroke", "none") | ("dy" | "font-family", _))
    })
}

/// The shapes and the texts of a picture.
fn elements(svg: &str) -> (Vec<Element>, Vec<Element>) {
    let (mut shapes, mut texts) = (Vec::new(), Vec::new());
    let mut lines = svg.lines();
    while let Some(line) = lines.next() {
        let (mut style, mut at) = (String::new(), HashMap::new());
        for (name, value) in attributes(line) {
            if ["x", "y", "width", "height", "points"].contains(&name) {
                at.insert(name, value);
            } else {
                write!(style, " {name}='{}'", rounded(value)).unwrap();
            }
        }
        let number = |name| at[name].parse::<f64>().unwrap_or_else(|error| panic!("{line}: {error}"));
        if line.starts_with("<rect") {
            let [x, y, width, height] = ["x", "y", "width", "height"].map(number);
            let drawing = format!("M{x} {y}h{width}v{height}H{x}z");
            shapes.push(Element { style, drawing, extent: [x, y, x + width, y + height] });
        } else if line.starts_with("<polyline") {
            let (mut extent, mut drawing) = ([f64::MAX, f64::MAX, f64::MIN, f64::MIN], String::from("M"));
            for point in at["points"].split(' ') {
                let (x, y) = point.split_once(',').expect("a point");
                let [x, y] = [x, y].map(|number| number.parse::<f64>().expect("a number"));
                write!(drawing, "{x} {y} ").unwrap();
                // Wider than any line.
                extent[0] = extent[0].min(x - 5.0);
                extent[1] = extent[1].min(y - 5.0);
                extent[2] = extent[2].max(x + 5.0);
                extent[3] = extent[3].max(y + 5.0);
            }
            drawing.pop();
            shapes.push(Element { style, drawing, extent });
        } else if line.starts_with("<text") {
            let [x, y] = ["x", "y"].map(number);
            let text = lines.next().expect("the text");
            texts.push(Element {
                style,
                drawing: format!("<text x='{x}' y='{y}'>{text}</text>"),
                extent: [0.0; 4],
            });
        } else {
            // The title, the description and the link: here the page has its own. `shortened` keeps the style.
            assert!(
                ["<svg", "<title", "<desc", "<style", "<a ", "</"]
                    .iter()
                    .any(|start| line.starts_with(start)),
                "unknown: {line}"
            );
        }
    }
    (shapes, texts)
}

fn overlap(one: &Element, other: &Element) -> bool {
    let [left, top, right, bottom] = one.extent;
    left < other.extent[2] && other.extent[0] < right && top < other.extent[3] && other.extent[1] < bottom
}

/// Groups elements of one style. An element joins an earlier group if nothing in between covers its place.
fn grouped(elements: Vec<Element>) -> Vec<Vec<Element>> {
    let mut groups: Vec<Vec<Element>> = Vec::new();
    for element in elements {
        let mut joined = None;
        for (index, group) in groups.iter().enumerate().rev() {
            if group[0].style == element.style {
                joined = Some(index);
                break;
            }
            if group.iter().any(|other| overlap(other, &element)) {
                break;
            }
        }
        match joined {
            Some(index) => groups[index].push(element),
            None => groups.push(vec![element]),
        }
    }
    groups
}

/// The same picture in a quarter of the bytes: a path for the shapes of one style, and above them a group for the texts of
/// one style.
fn shortened(svg: &str) -> String {
    let head = svg.lines().next().expect("a picture");
    let size: Vec<_> = attributes(head).filter(|(name, _)| ["width", "height"].contains(name)).collect();
    let [("width", width), ("height", height)] = size[..] else { panic!("no size: {head}") };
    let mut short = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' viewBox='0 0 {width} {height}' \
         font-family='sans-serif'>"
    );
    // The colours of dark pages.
    short.extend(svg.lines().filter(|line| line.starts_with("<style")));
    let (shapes, texts) = elements(svg);
    for group in grouped(shapes) {
        let path: String = group.iter().map(|shape| shape.drawing.as_str()).collect();
        write!(short, "<path{} d='{path}'/>", group[0].style).unwrap();
    }
    for group in grouped(texts) {
        let texts: String = group.iter().map(|text| text.drawing.as_str()).collect();
        // Half the height of an x: the text is centred on its position.
        write!(short, "<g{} style='transform:translateY(.5ex)'>{texts}</g>", group[0].style).unwrap();
    }
    short + "</svg>"
}

/// The picture as the destination of a link in angle brackets. Only what is special in a data URL or in Markdown is encoded.
fn data_url(svg: &str) -> String {
    let mut url = "<data:image/svg+xml,".to_string();
    for character in svg.chars() {
        match character {
            '%' | '#' | '&' | '"' | '\\' => write!(url, "%{:02X}", character as u32).unwrap(),
            '<' | '>' => url.extend(['\\', character]),
            _ => url.push(character),
        }
    }
    url + ">"
}

#[test]
fn the_pictures_of_the_guide_are_embedded() {
    let mut expected = String::new();
    for name in PAGES {
        let page = read(name);
        let pictures = pictures(&page);
        assert_eq!(
            page.matches("\n![").count(),
            pictures.len(),
            "{name}: a picture is not defined at the end"
        );
        for (picture, file) in pictures {
            let svg = read(Path::new(name).parent().unwrap().join(file));
            writeln!(expected, "[{picture}]: {}", data_url(&shortened(&svg))).unwrap();
        }
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(EMBEDDED);
    if std::env::var_os("WRITE").is_some() {
        fs::write(&file, &expected).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    let command = "WRITE=1 cargo test -p fairgate-tests --test usage guide";
    assert!(found == expected, "{EMBEDDED} is not up to date. This renews it:\n{command}");
}
