//! The keys of one control plane: a CA, the server's certificate, and one per built-in user.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};

use crate::KitError;

/// All files, by name and PEM text.
pub(super) struct Pki(Vec<(String, String)>);

impl Pki {
    /// Makes everything anew: `ca`, `apiserver`, `admin`, `controllers` and the key that signs `ServiceAccount` tokens.
    pub(super) fn create() -> Result<Self, KitError> {
        let ca = authority("presale-test-ca")?;
        let mut files = vec![("ca.crt".to_owned(), ca.pem())];
        let server_names = ["127.0.0.1", "localhost", "kubernetes.default.svc", "10.0.0.1"];
        files.extend(certificate(&ca, "apiserver", "kube-apiserver", &server_names)?);
        files.extend(certificate(&ca, "admin", "admin", &[])?);
        files.extend(certificate(&ca, "controllers", "system:kube-controller-manager", &[])?);
        let tokens = generate_key("service-account")?;
        files.push(("service-account.key".to_owned(), tokens.serialize_pem()));
        files.push(("service-account.pub".to_owned(), tokens.public_key_pem()));
        Ok(Self(files))
    }

    /// Writes all files into one folder.
    pub(super) fn write(&self, folder: &Path) -> Result<(), KitError> {
        for (name, text) in &self.0 {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(KitError::io(format!("write {}", path.display())))?;
        }
        Ok(())
    }
}

fn authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>, KitError> {
    let mut params = params(name, &[])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, generate_key(name)?).map_err(refused(name))
}

/// `FILE.crt` and `FILE.key` of a subject; without names to serve it is a client of the group `system:masters`.
fn certificate(
    ca: &CertifiedIssuer<'_, KeyPair>,
    file: &str,
    subject: &str,
    serves: &[&str],
) -> Result<[(String, String); 2], KitError> {
    let mut params = params(subject, serves)?;
    if serves.is_empty() {
        params.distinguished_name.push(DnType::OrganizationName, "system:masters");
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    } else {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    let key = generate_key(subject)?;
    let signed = params.signed_by(&key, ca).map_err(refused(subject))?;
    Ok([(format!("{file}.crt"), signed.pem()), (format!("{file}.key"), key.serialize_pem())])
}

fn params(subject: &str, names: &[&str]) -> Result<CertificateParams, KitError> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).map_err(refused(subject))?;
    params.distinguished_name.push(DnType::CommonName, subject);
    Ok(params)
}

fn generate_key(subject: &str) -> Result<KeyPair, KitError> {
    KeyPair::generate().map_err(refused(subject))
}

fn refused(subject: &str) -> impl FnOnce(rcgen::Error) -> KitError {
    let subject = subject.to_owned();
    move |source| KitError::Certificate { subject, source }
}
