//! The code that the page shows: functions of this crate's own source files.

/// The part of a source file from its first `async fn` or `impl` on, up to `impl Plain`. Only this part is stored in
/// the program.
#[derive(Clone, Copy)]
pub struct Source {
    text: &'static [u8],
    lines_before: u32,
}

impl Source {
    pub(crate) const fn new(text: &'static [u8], whole: &str, start: usize) -> Self {
        let mut lines_before = 0;
        let mut at = 0;
        while at < start {
            lines_before += (whole.as_bytes()[at] == b'\n') as u32;
            at += 1;
        }
        Self { text, lines_before }
    }

    /// The text of a function without indentation, and the number of its first line.
    pub fn function(&self, name: &str) -> Option<(u32, String)> {
        let opening = format!("fn {name}(");
        let lines: Vec<&str> = str::from_utf8(self.text).ok()?.lines().collect();
        let first = lines.iter().position(|line| line.contains(&opening))?;
        let indent = lines[first].len() - lines[first].trim_start().len();
        let closing = format!("{}}}", &lines[first][..indent]);
        let length = lines[first..].iter().position(|line| *line == closing)?;
        let body = lines[first..=first + length].iter().map(|line| line.get(indent..).unwrap_or(""));
        let text = body.collect::<Vec<_>>().join("\n").replace("pub(crate) ", "");
        Some((self.lines_before + first as u32 + 1, text))
    }
}

/// Where the part starts, and where it ends.
pub(crate) const fn part(whole: &str) -> (usize, usize) {
    let bytes = whole.as_bytes();
    let (code, block) = (find(bytes, b"\nasync fn "), find(bytes, b"\nimpl "));
    let start = if code < block { code } else { block };
    (start + 1, find(bytes, b"\nimpl Plain "))
}

const fn find(bytes: &[u8], wanted: &[u8]) -> usize {
    let mut start = 0;
    while start + wanted.len() <= bytes.len() {
        let mut same = 0;
        while same < wanted.len() && bytes[start + same] == wanted[same] {
            same += 1;
        }
        if same == wanted.len() {
            return start;
        }
        start += 1;
    }
    bytes.len()
}

/// Copies the part, so that the rest of the file is not stored.
pub(crate) const fn copy<const N: usize>(whole: &str, start: usize) -> [u8; N] {
    let mut part = [0; N];
    let mut at = 0;
    while at < N {
        part[at] = whole.as_bytes()[start + at];
        at += 1;
    }
    part
}

/// The [`Source`] of a file.
macro_rules! source {
    ($file:literal) => {{
        const WHOLE: &str = include_str!($file);
        // The page that runs the engine as WebAssembly has the code already, from `--levels`.
        const PART: (usize, usize) =
            if cfg!(target_family = "wasm") { (0, 0) } else { $crate::source::part(WHOLE) };
        static TEXT: [u8; PART.1 - PART.0] = $crate::source::copy(WHOLE, PART.0);
        $crate::source::Source::new(&TEXT, WHOLE, PART.0)
    }};
}
pub(crate) use source;
