//! What commands print: tables for people, JSON for programs. Results go to stdout, talk goes to stderr.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

/// Rows under a heading, in columns as wide as they need to be.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<&'static str>,
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Begins a table. A column whose heading begins with `>` is set flush right, as numbers are.
    pub(super) fn new(columns: &[&'static str]) -> Self {
        Self {
            columns: columns.iter().map(|name| name.trim_start_matches('>')).collect(),
            right: columns.iter().map(|name| name.starts_with('>')).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row. What comes from a server is stripped of what could move a terminal's cursor.
    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into_iter().map(|cell| printable(&cell)).collect());
    }

    fn render(&self) -> String {
        let heading = self.columns.iter().map(|name| (*name).to_owned()).collect();
        let rows: Vec<&Vec<String>> = std::iter::once(&heading).chain(&self.rows).collect();
        let width = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
        };
        let widths: Vec<usize> = (0..self.columns.len()).filter_map(width).collect();
        let mut text = String::new();
        for row in rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let width = widths[column];
                let cell = if self.right[column] {
                    format!("{cell:>width$}  ")
                } else {
                    format!("{cell:width$}  ")
                };
                line.push_str(&cell);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    pub(super) fn print(&self) -> io::Result<()> {
        io::stdout().lock().write_all(self.render().as_bytes())
    }
}

/// Prints a line of a result.
pub(super) fn print(line: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}

/// Prints a result as it is, byte for byte.
pub(super) fn print_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// Prints a result for programs.
pub(super) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&serde_json::to_string_pretty(value)?)?;
    Ok(())
}

/// JSON with line breaks and indentation, and otherwise as it was written: no key changes its place, no number its form.
pub(super) fn indented(json: &str) -> String {
    let mut text = String::new();
    let mut depth = 0;
    let (mut in_string, mut escaped, mut empty) = (false, false, false);
    let new_line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth));
    };
    for c in json.chars() {
        if in_string {
            text.push(c);
            in_string = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        if c.is_ascii_whitespace() {
            continue;
        }
        if empty && !matches!(c, '}' | ']') {
            new_line(&mut text, depth);
        }
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if !empty {
                    new_line(&mut text, depth);
                }
            }
            _ => {}
        }
        empty = matches!(c, '{' | '[');
        in_string = c == '"';
        text.push(c);
        match c {
            ',' => new_line(&mut text, depth),
            ':' => text.push(' '),
            _ => {}
        }
    }
    text
}

/// Says something beside the result.
pub(super) fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Asks whether to lose what `loss` names. Without a terminal nobody can be asked, so it is refused.
pub(super) fn confirm(loss: &str, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        anyhow::bail!(
            "{loss}\nhint: there is no terminal to ask on; with `--yes` it is done without asking"
        );
    }
    let mut stderr = io::stderr().lock();
    write!(stderr, "{loss}\nGo on? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    anyhow::bail!("nothing was deleted")
}

/// A size for people.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut unit = 0;
    let mut divisor = 1024_u64;
    // At 1000 and not at 1024, so that there are never four digits before the point.
    while bytes / divisor >= 1000 && unit + 1 < UNITS.len() {
        divisor = divisor.saturating_mul(1024);
        unit += 1;
    }
    let tenths = u128::from(bytes) * 10 / u128::from(divisor);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// A number with the right form of its noun.
pub(super) fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A digest short enough for a table; long enough to tell two apart.
pub(super) fn short_digest(digest: &str) -> String {
    match digest.split_once(':') {
        Some((algorithm, hex)) if hex.len() > 12 => {
            format!("{algorithm}:{}", hex.get(..12).unwrap_or(hex))
        }
        _ => digest.to_owned(),
    }
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_as_wide_as_its_cells() {
        let mut table = Table::new(&["NAME", ">SIZE", "BY"]);
        table.row(["team/app".into(), "1 B".into(), "ann".into()]);
        table.row(["a".into(), "12.0 MiB".into(), String::new()]);
        table.row(["\u{1b}[2J".into(), String::new(), String::new()]);
        assert_eq!(
            table.render(),
            "NAME          SIZE  BY\nteam/app       1 B  ann\na         12.0 MiB\n\u{fffd}[2J\n"
        );
    }

    #[test]
    fn json_is_indented_and_otherwise_left_alone() {
        let json = r#"{"z":1.0,"a":{"b\\":"x,\"y{"},"e":{},"l":[1, 2,[]]}"#;
        let expected = "{\n  \"z\": 1.0,\n  \"a\": {\n    \"b\\\\\": \"x,\\\"y{\"\n  },\n  \"e\": {},\n  \"l\": [\n    1,\n    2,\n    []\n  ]\n}";
        assert_eq!(indented(json), expected);
    }

    #[test]
    fn sizes_are_for_people() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1024 * 1023, "0.9 MiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(count(1, "tag"), "1 tag");
        assert_eq!(count(0, "tag"), "0 tags");
        assert_eq!(short_digest("sha256:0123456789abcdef"), "sha256:0123456789ab");
    }
}
