//! What docs/cookbook.md shows is what is tested.

use std::fs;

const MAX_LINES: usize = 65;

/// The recipe in a source file: what is above its tests.
fn recipe(name: &str) -> String {
    let source =
        fs::read_to_string(format!("src/{name}.rs")).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (recipe, _) =
        source.split_once("\n#[cfg(test)]\n").unwrap_or_else(|| panic!("{name} has no tests"));
    recipe.to_owned()
}

fn page() -> String {
    fs::read_to_string("../docs/cookbook.md").unwrap()
}

/// The code of each recipe on the page, and the name of its source file, which is in a comment above it.
fn blocks() -> Vec<(String, String)> {
    let page = page();
    let block = |part: &str| {
        let (name, after) =
            part.split_once(".rs -->\n```rust\n").expect("a block follows the name of its file");
        let (code, _) = after.split_once("```\n").expect("the block ends");
        (code.to_owned(), name.to_owned())
    };
    page.split("<!-- cookbook/src/").skip(1).map(block).collect()
}

#[test]
fn each_recipe_is_on_the_page_word_for_word() {
    for (code, name) in blocks() {
        assert_eq!(code, recipe(&name), "the block of {name}");
    }
    let mut on_the_page: Vec<_> = blocks().into_iter().map(|(_, name)| name).collect();
    let mut in_the_folder: Vec<_> = fs::read_dir("src")
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap().trim_end_matches(".rs").to_owned())
        .filter(|name| !["lib", "simulation"].contains(&name.as_str()))
        .collect();
    on_the_page.sort();
    in_the_folder.sort();
    assert_eq!(on_the_page, in_the_folder);
    assert_eq!(page().matches("```rust").count(), on_the_page.len(), "each block is a recipe");
}

#[test]
fn each_recipe_is_short() {
    for (code, name) in blocks() {
        let lines = code.lines().filter(|line| !line.trim().is_empty()).count();
        assert!(lines <= MAX_LINES, "{name} has {lines} lines");
    }
}

#[test]
fn each_recipe_has_a_bound_and_says_when_not_to_use_it() {
    let page = page();
    let blocks = page.matches("```rust\n").count();
    for label in ["**Bound:**", "**Not for:**"] {
        assert_eq!(page.matches(label).count(), blocks, "{label}");
    }
}

/// The page is also part of the API documentation, where a relative link leads nowhere.
#[test]
fn each_link_leads_to_a_heading_of_the_page() {
    let page = page();
    let anchor = |heading: &str| heading.to_lowercase().replace(' ', "-").replace([':', ','], "");
    let anchors: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("## ")).map(anchor).collect();
    let links: Vec<_> = page.split("](").skip(1).map(|rest| rest.split_once(')').unwrap().0).collect();
    assert!(links.len() >= anchors.len(), "the table of contents is complete");
    for link in links {
        let target = link.strip_prefix('#').unwrap_or_else(|| panic!("{link} is no link within the page"));
        assert!(anchors.iter().any(|anchor| anchor == target), "no heading for {link}");
    }
}
