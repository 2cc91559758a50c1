//! The programs of the lesson, in Python and in Rust, print what the page says that they print. `WRITE=1` renews
//! `page/programs.js`, which is their text for the page.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

/// The names of the programs, and which languages each has.
fn programs() -> BTreeMap<String, Vec<String>> {
    let mut programs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in fs::read_dir("lesson").unwrap() {
        let path = file.unwrap().path();
        let part = |part: Option<&std::ffi::OsStr>| part.unwrap().to_str().unwrap().to_owned();
        programs.entry(part(path.file_stem())).or_default().push(part(path.extension()));
    }
    programs.values_mut().for_each(|languages| languages.sort());
    programs
}

fn read(name: &str, extension: &str) -> String {
    let path = format!("lesson/{name}.{extension}");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}")).replace("\r\n", "\n")
}

fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && stderr.is_empty(), "{command:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n")
}

#[test]
fn every_section_has_a_program_in_both_languages() {
    let programs = programs();
    assert!(programs.len() >= 16, "{programs:?}");
    for (name, languages) in programs {
        let expected: &[&str] =
            if name.starts_with("exercise-") { &["out", "rs"] } else { &["out", "py", "rs"] };
        assert_eq!(languages, expected, "{name}");
    }
}

#[test]
fn the_rust_programs_print_what_the_page_says() {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    for name in programs().keys() {
        let program: PathBuf = profile.join("examples").join(format!("lesson-{name}"));
        let program = program.with_extension(env::consts::EXE_EXTENSION);
        assert_eq!(printed(&mut Command::new(program)), read(name, "out"), "{name}");
    }
}

#[test]
fn the_page_of_the_docs_quotes_what_they_print() {
    let page = fs::read_to_string("../docs/lesson.md").unwrap();
    for name in programs().keys() {
        let quote = match name.starts_with("exercise-") {
            true => format!("`lesson-{name}`"),
            false => {
                format!("$ cargo run -p fairgate-playground --example lesson-{name}\n{}", read(name, "out"))
            }
        };
        assert!(page.contains(&quote), "this is missing: {quote}");
    }
}

#[test]
fn the_python_programs_print_the_same() {
    let version = "import sys; print(sys.version_info >= (3, 11))";
    let python = ["python3", "python"].into_iter().find(|python| {
        Command::new(python).args(["-c", version]).output().is_ok_and(|o| o.stdout.starts_with(b"True"))
    });
    let Some(python) = python else {
        println!("skipped: the Python programs of the lesson; there is no Python 3.11");
        return;
    };
    for (name, languages) in programs() {
        if languages.iter().any(|language| language == "py") {
            assert_eq!(
                printed(Command::new(python).arg(format!("lesson/{name}.py"))),
                read(&name, "out"),
                "{name}"
            );
        }
    }
}

#[test]
fn the_page_shows_the_programs_that_run() {
    let texts: BTreeMap<String, BTreeMap<String, String>> = programs()
        .into_iter()
        .map(|(name, languages)| {
            let texts =
                languages.iter().map(|language| (language.clone(), read(&name, language))).collect();
            (name, texts)
        })
        .collect();
    let json = serde_json::to_string_pretty(&texts).unwrap();
    let module = format!(
        "// The programs of the lesson, from the folder `lesson`: `WRITE=1 cargo test -p fairgate-playground --test lesson`\n\
         // writes this file.\n\nexport default {json};\n"
    );
    if env::var_os("WRITE").is_some() {
        return fs::write("page/programs.js", module).unwrap();
    }
    let current = fs::read_to_string("page/programs.js").unwrap_or_default().replace("\r\n", "\n");
    assert!(current == module, "page/programs.js is out of date; WRITE=1 renews it");
}
