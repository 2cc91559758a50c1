use std::fs;
use std::path::{Path, PathBuf};

use super::{bars, chart, machine, table};
use crate::contestants::Kind;

/// One number of one contestant.
#[derive(Clone)]
pub struct Figure {
    pub question: &'static str,
    pub case: String,
    pub contestant: &'static str,
    pub kind: Kind,
    pub value: f64,
    pub unit: &'static str,
}

/// Where results go: beside the build, or into the repository when `FAIRGATE_PUBLISH` is set.
pub struct Results(PathBuf);

impl Results {
    pub fn open() -> Self {
        let folder = match std::env::var_os("FAIRGATE_PUBLISH") {
            Some(_) => Path::new(env!("CARGO_MANIFEST_DIR")).join("results"),
            None => Path::new(env!("CARGO_TARGET_TMPDIR")).join("results"),
        };
        fs::create_dir_all(&folder).expect("a folder for the results");
        fs::write(folder.join("machine.md"), machine::describe()).expect("a description");
        Self(folder)
    }

    /// Shows what a question found, and keeps it as numbers, as a table and as a picture.
    pub fn keep(&self, name: &str, title: &str, figures: &[Figure]) {
        println!("\n{title}\n{}", table::plain(figures));
        self.write(name, "md", &format!("### {title}\n\n{}\n", table::markdown(figures)));
        self.write(name, "csv", &csv(figures));
        self.write(name, "svg", &chart::svg(title, figures));
    }

    /// Holds what was found against the bars.
    pub fn judge(&self, figures: &[Figure]) {
        println!("\nThe bars\n{}", bars::plain(figures));
        self.write("bars", "md", &format!("### The bars\n\n{}\n", bars::markdown(figures)));
    }

    fn write(&self, name: &str, extension: &str, text: &str) {
        fs::write(self.0.join(name).with_extension(extension), text).expect("the results");
    }
}

fn csv(figures: &[Figure]) -> String {
    let mut text = String::from("question,case,contestant,kind,value,unit\n");
    for Figure { question, case, contestant, kind, value, unit } in figures {
        text += &format!("{question},\"{case}\",{contestant},{kind:?},{value:.2},{unit}\n");
    }
    text
}
