//! The file in which books outlive the process that keeps them: one operation a line, written before it is answered.

use std::fs::{File, OpenOptions};
use std::io::{Error, Read, Seek, SeekFrom, Write};
use std::path::Path;

use shop_contracts::psp::{PspOutcome, PspRequest};

/// An open file of operations.
#[derive(Debug)]
pub(crate) struct Journal(File);

impl Journal {
    /// Opens or makes the file, and returns what is written in it; a last line that was cut short is taken out, for
    /// nobody was told of it.
    pub(crate) fn open(path: &Path) -> std::io::Result<(Self, Vec<(PspRequest, PspOutcome)>)> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64)?;
        file.seek(SeekFrom::End(0))?;
        let written = text[..whole].lines().map(|line| serde_json::from_str(line).map_err(Error::from));
        Ok((Self(file), written.collect::<Result<_, _>>()?))
    }

    /// Writes one operation down.
    pub(crate) fn write(&mut self, request: &PspRequest, outcome: &PspOutcome) -> std::io::Result<()> {
        let line = serde_json::to_string(&(request, outcome))?;
        self.0.write_all(format!("{line}\n").as_bytes())
    }
}
