//! TLS for clients: the certificate, its key, and their replacement while the process runs. Owns no socket.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context as _, Result, ensure};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, crypto::ring};
use tokio_rustls::TlsAcceptor;

use crate::files::Watched;

/// The certificate in use.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

/// The certificate and key of two files in PEM form.
pub struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    watched: Watched,
    provider: Arc<CryptoProvider>,
    current: Arc<Current>,
}

impl Certificate {
    /// Reads both files.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self> {
        // Before they are read: a change in between is noticed then.
        let watched = Watched::new(&[certificate, key]);
        let provider = Arc::new(ring::default_provider());
        let current = load(certificate, key, &provider)?;
        Ok(Self {
            chain: certificate.to_owned(),
            key: key.to_owned(),
            watched,
            provider,
            current: Arc::new(Current(RwLock::new(current))),
        })
    }

    /// Accepts TLS connections with the certificate in use at the time, for HTTP/2 and HTTP/1.1.
    pub fn acceptor(&self) -> Result<TlsAcceptor> {
        let current = Arc::clone(&self.current);
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(current);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer = ring::Ticketer::new()?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Whether one of the files has changed since they were read.
    pub fn has_changed(&mut self) -> bool {
        self.watched.have_changed()
    }

    /// Reads both again. On an error the certificate in use stays.
    pub fn reload(&self) -> Result<()> {
        let new = load(&self.chain, &self.key, &self.provider)?;
        let mut current = self
            .current
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = new;
        Ok(())
    }
}

fn load(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>> {
    let about = |path: &Path| format!("cannot use {}", path.display());
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| about(certificate))?;
    ensure!(
        !chain.is_empty(),
        "{} has no certificate in PEM form",
        certificate.display()
    );
    let private = PrivateKeyDer::from_pem_file(key).with_context(|| about(key))?;
    let pair = CertifiedKey::from_der(chain, private, provider).with_context(|| {
        format!(
            "the key {} does not belong to the certificate {}, or is of an unknown kind",
            key.display(),
            certificate.display()
        )
    })?;
    Ok(Arc::new(pair))
}

#[cfg(test)]
pub mod tests {
    use std::fs;

    use super::*;

    /// Writes a new self-signed certificate for `localhost` and 127.0.0.1 and its key; returns the certificate.
    pub fn write_pair(certificate: &Path, key: &Path) -> CertificateDer<'static> {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        fs::write(certificate, made.cert.pem()).unwrap();
        fs::write(key, made.signing_key.serialize_pem()).unwrap();
        made.cert.der().clone()
    }

    #[test]
    fn a_changed_pair_is_used_and_a_half_changed_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("cert"), folder.path().join("key"));
        let first = write_pair(&certificate, &key);
        let mut tls = Certificate::read(&certificate, &key).unwrap();
        let in_use = |tls: &Certificate| tls.current.0.read().unwrap().cert[0].clone();
        assert_eq!(in_use(&tls), first);
        assert!(!tls.has_changed());
        // The certificate is written before its key.
        write_pair(&certificate, &folder.path().join("other"));
        assert!(tls.has_changed());
        let message = tls.reload().unwrap_err().to_string();
        assert!(message.contains("does not belong"), "{message}");
        assert_eq!(in_use(&tls), first);
        let second = write_pair(&certificate, &key);
        assert!(tls.has_changed());
        tls.reload().unwrap();
        assert_eq!(in_use(&tls), second);
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("cert"), folder.path().join("key"));
        let message = |outcome: Result<Certificate>| format!("{:#}", outcome.err().unwrap());
        assert!(message(Certificate::read(&certificate, &key)).contains("cert"));
        write_pair(&certificate, &key);
        fs::write(&certificate, "nothing").unwrap();
        assert!(message(Certificate::read(&certificate, &key)).contains("no certificate"));
    }
}
