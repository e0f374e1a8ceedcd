//! TLS for listeners: a certificate and its key from files, read anew when they change.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use parterre_domain::limits;

/// Files that make no TLS: one line that says which, why, and what to name instead.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadTls(pub(crate) String);

/// What a listener needs to speak TLS. Cheap to clone; all clones change together.
#[derive(Clone)]
pub struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) identity: Arc<Identity>,
}

/// What we prove to be, as it stands in two files.
#[derive(Debug)]
pub(crate) struct Identity {
    certificate: PathBuf,
    key: PathBuf,
    current: ArcSwap<CertifiedKey>,
}

/// Offered in this order.
const PROTOCOLS: [&[u8]; 2] = [H2, b"http/1.1"];
pub(crate) const H2: &[u8] = b"h2";

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Tls")
            .field("certificate", &self.identity.certificate)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads a chain of certificates, the own one first, and its key, both as PEM.
    ///
    /// # Errors
    ///
    /// When a file can't be read, or the two don't belong together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, BadTls> {
        let current = read(certificate, key)?;
        let identity = Arc::new(Identity {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            current: ArcSwap::from_pointee(current),
        });
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(&identity) as _;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| BadTls(format!("TLS can't be had: {error}")))?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            identity,
        })
    }

    /// Reads the files again on SIGHUP and whenever they change, for ever. New connections
    /// are greeted with what they hold; others go on. Files that don't fit change nothing.
    pub async fn keep_current(self) {
        let mut hangup = match signal(SignalKind::hangup()) {
            Ok(hangup) => Some(hangup),
            Err(error) => {
                tracing::warn!(%error, "SIGHUP can't be heard");
                None
            }
        };
        let mut seen = self.identity.stamp();
        loop {
            let heard = async {
                match &mut hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            let is_asked = tokio::select! {
                asked = heard => asked.is_some(),
                () = sleep(limits::CERTIFICATE_CHECK) => false,
            };
            let stamp = self.identity.stamp();
            if !is_asked && stamp == seen {
                continue;
            }
            match self.reload() {
                Ok(()) => {
                    seen = stamp;
                    tracing::info!(?self, "certificates were read again");
                }
                Err(error) => tracing::warn!(%error, "the old certificates stay"),
            }
        }
    }

    /// Reads the files again.
    ///
    /// # Errors
    ///
    /// As [`Self::load`]; what was read before stays.
    pub fn reload(&self) -> Result<(), BadTls> {
        let Identity {
            certificate, key, ..
        } = &*self.identity;
        let read = read(certificate, key)?;
        self.identity.current.store(Arc::new(read));
        Ok(())
    }
}

impl Identity {
    /// When each file was changed, as far as the system tells.
    fn stamp(&self) -> [Option<SystemTime>; 2] {
        [&self.certificate, &self.key].map(|path| path.metadata().ok()?.modified().ok())
    }

    /// Whether a certificate is the own one.
    pub(crate) fn is(&self, certificate: &CertificateDer<'_>) -> bool {
        let current = self.current.load();
        current.cert.first().is_some_and(|own| own == certificate)
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

/// What computes; named, so that no other crate's features choose it for us.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn read(certificate: &Path, key: &Path) -> Result<CertifiedKey, BadTls> {
    let chain = certificates(certificate, "--tls-cert")?;
    let shown = key.display();
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| {
        BadTls(format!(
            "{shown}: no private key can be read: {error}; name a PEM file with --tls-key"
        ))
    })?;
    CertifiedKey::from_der(chain, private, &provider()).map_err(|error| {
        BadTls(format!(
            "{} and {shown} don't make a certificate with its key: {error}; \
             name files that belong together with --tls-cert and --tls-key",
            certificate.display()
        ))
    })
}

/// Every certificate in a PEM file; at least one.
pub(crate) fn certificates(
    path: &Path,
    flag: &str,
) -> Result<Vec<CertificateDer<'static>>, BadTls> {
    let bad = |why: String| {
        let shown = path.display();
        BadTls(format!(
            "{shown}: no certificate can be read: {why}; name a PEM file with {flag}"
        ))
    };
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(found) if found.is_empty() => Err(bad("there is none".to_owned())),
        Ok(found) => Ok(found),
        Err(error) => Err(bad(error.to_string())),
    }
}
