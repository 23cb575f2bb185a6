//! Printing data in the form that was asked for: a table for people, JSON or YAML for programs.

use std::io::Write;

use serde::Serialize;

/// Form of the data on stdout.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Format {
    /// Columns for people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// One YAML document.
    Yaml,
}

/// The argument that chooses the form.
#[derive(clap::Args, Debug, Clone, Copy)]
pub(crate) struct Output {
    /// Form of the data
    #[arg(short = 'o', long = "output", value_enum, default_value_t, value_name = "FORM")]
    pub(crate) format: Format,
}

impl Output {
    /// Prints `data`, or for people what `table` makes of it.
    ///
    /// # Errors
    /// When the data cannot be serialized or stdout is closed.
    pub(crate) fn print<T: Serialize>(self, data: &T, table: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        let text = match self.format {
            Format::Table => table(data),
            Format::Json => serde_json::to_string_pretty(data)? + "\n",
            Format::Yaml => serde_norway::to_string(data)?,
        };
        write(&text)
    }
}

/// Writes text to stdout as it is.
///
/// # Errors
/// When stdout is closed.
pub(crate) fn write(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Rows as columns that line up, two blanks apart; the first row is the head. Empty cells show as `-`.
pub(crate) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let shown = |cell: &String| if cell.is_empty() { "-".to_owned() } else { cell.clone() };
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(shown(cell).chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let line: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{:width$}", shown(cell))).collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_nothing_is_a_dash() {
        let rows = [["NAME", "NOW"], ["catalog", "12"], ["ü", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(columns(&rows), "NAME     NOW\ncatalog  12\nü        -\n");
    }
}
