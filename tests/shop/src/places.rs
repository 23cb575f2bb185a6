//! The file of places: where databases, broker, provider and gateway are, for whoever audits the shop.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use anyhow::Context;
use serde::Serialize;
use test_kit::scratch_folder;

/// As `loadgen audit` reads it.
#[derive(Debug, Serialize)]
pub(crate) struct Places<'a> {
    /// URL of the gateway.
    pub(crate) gateway: String,
    /// URL of the broker.
    pub(crate) broker: &'a str,
    /// URL of the payment provider.
    pub(crate) provider: String,
    /// URL of each database with the credential of its owner, by service.
    pub(crate) databases: &'a BTreeMap<&'static str, String>,
    /// URLs of services, by name.
    pub(crate) services: BTreeMap<&'a str, String>,
}

impl Places<'_> {
    /// Writes it where only its owner may read it.
    pub(crate) fn write(&self) -> anyhow::Result<PathBuf> {
        let path = scratch_folder("places")?.join("shop.toml");
        let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path);
        let mut file = file.with_context(|| format!("create {}", path.display()))?;
        file.write_all(toml::to_string(self)?.as_bytes()).with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }
}
