//! An authority of the shop's own that certifies services: who each is stands in its certificate as a URI.

use std::fs::{read_to_string, rename, write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use anyhow::Context;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};

use crate::wiring::NAMES;

/// What stands before a service's name.
const NAMESPACE: &str = "spiffe://shop/";

/// One authority; its key is nowhere but here.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// What [`Authority::issue`] writes for a service: its certificate, its key, and whom it believes.
pub(crate) fn files(name: &str) -> [String; 3] {
    [format!("{name}.pem"), format!("{name}.key"), "authorities.pem".to_owned()]
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// Where no key can be made.
    pub fn new() -> anyhow::Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?).context("sign an authority")?))
    }

    /// Its own certificate in PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate of `name` on this machine and its key, both in PEM.
    ///
    /// # Errors
    /// Where no key can be made.
    pub fn certify(&self, name: &str) -> anyhow::Result<[String; 2]> {
        let mut params = CertificateParams::new(Vec::new())?;
        let address = SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST));
        params.subject_alt_names = vec![SanType::URI(format!("{NAMESPACE}{name}").try_into()?), address];
        let key = KeyPair::generate()?;
        Ok([params.signed_by(&key, &self.0)?.pem(), key.serialize_pem()])
    }

    /// Writes a new certificate and key of every service into a folder, each file whole or not at all.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn issue(&self, folder: &Path) -> anyhow::Result<()> {
        for name in NAMES {
            let [certificate, key] = self.certify(name)?;
            let [certificate_file, key_file, _] = files(name);
            put(folder, &certificate_file, &certificate)?;
            put(folder, &key_file, &key)?;
        }
        Ok(())
    }
}

/// From now on services believe these authorities.
///
/// # Errors
/// Where the file cannot be written.
pub fn believe(folder: &Path, authorities: &[&Authority]) -> anyhow::Result<()> {
    let all: Vec<String> = authorities.iter().map(|authority| authority.pem()).collect();
    put(folder, "authorities.pem", &all.concat())
}

/// What a client shows who is `name`: its certificate and key as one text; and whom it believes.
pub(crate) fn shown(folder: &Path, name: &str) -> anyhow::Result<[String; 2]> {
    let read = |file: &str| read_to_string(folder.join(file)).with_context(|| format!("read {file}"));
    let [certificate, key, authorities] = files(name);
    Ok([read(&certificate)? + &read(&key)?, read(&authorities)?])
}

fn put(folder: &Path, file: &str, text: &str) -> anyhow::Result<()> {
    let new = folder.join(format!("{file}.new"));
    write(&new, text).and_then(|()| rename(&new, folder.join(file))).with_context(|| format!("write {file}"))
}
