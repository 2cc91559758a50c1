//! The pages of `docs/` that the crate's documentation includes show their pictures there, too.
//!
//! A picture beside the page is found in the repository and not by the built documentation. So `docs/pictures/embedded.md`
//! defines each picture as a data URL, and stands before the page: of two definitions of a name, Markdown takes the first.
//! `WRITE=1 cargo test -p fairgate-tests --test guide` renews the file.
#![cfg(not(miri))]

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

/// Leaves out what does not change the picture: attributes with their default values, and space around texts.
fn shortened(svg: &str) -> String {
    let svg = svg.replace(" opacity=\"1\"", "").replace(" stroke=\"none\"", "");
    svg.lines().map(|line| line.trim().replace(" \"", "\"")).collect()
}

/// Everything is encoded that is special in a URL, in Markdown, or in HTML.
fn data_url(svg: &str) -> String {
    let mut url = "data:image/svg+xml,".to_string();
    for byte in svg.bytes() {
        if byte.is_ascii_alphanumeric() || b"-./:,=".contains(&byte) {
            url.push(byte.into());
        } else {
            write!(url, "%{byte:02X}").unwrap();
        }
    }
    url
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
    let command = "WRITE=1 cargo test -p fairgate-tests --test guide";
    assert!(found == expected, "{EMBEDDED} is not up to date. This renews it:\n{command}");
}
