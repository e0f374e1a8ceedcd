//! Connections that go out to other processes of Parterre: to edges' cores, and to
//! whatever else a role calls. Plain for `http`, under TLS for `https`.

use std::fmt;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::client::WantsClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme,
    WantsVerifier,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::Service;

use parterre_domain::limits;

use crate::tls::{BadTls, Identity, Tls, certificates, provider};

/// Makes connections. Cheap to clone. By default it knows no TLS.
#[derive(Clone)]
pub struct Dialer {
    tcp: HttpConnector,
    tls: Option<TlsConnector>,
}

/// A connection that went out.
#[derive(Debug)]
pub enum Dialed {
    /// As it is.
    Plain(TcpStream),
    /// Encrypted. Boxed: it is large.
    Tls(Box<TlsStream<TcpStream>>),
}

impl fmt::Debug for Dialer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Dialer").finish_non_exhaustive()
    }
}

impl Default for Dialer {
    fn default() -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(limits::CORE_CONNECT));
        Self { tcp, tls: None }
    }
}

impl Dialer {
    /// Trusts the certificate authorities in a PEM file alone, or those that the system
    /// trusts.
    ///
    /// # Errors
    ///
    /// When the file can't be read.
    pub fn new(authorities: Option<&Path>) -> Result<Self, BadTls> {
        let mut roots = RootCertStore::empty();
        match authorities {
            Some(path) => {
                for certificate in certificates(path, "--core-ca")? {
                    roots.add(certificate).map_err(|error| {
                        let shown = path.display();
                        BadTls(format!(
                            "{shown} holds no certificate authority: {error}; name another with --core-ca"
                        ))
                    })?;
                }
            }
            None => {
                // A machine without authorities may still talk in the plain.
                let found = rustls_native_certs::load_native_certs();
                let (added, ignored) = roots.add_parsable_certificates(found.certs);
                tracing::debug!(added, ignored, "read the system's certificate authorities");
            }
        }
        Self::with(|builder| builder.with_root_certificates(roots))
    }

    /// Trusts exactly the certificate that this process has itself: whatever name that is
    /// for, nobody else has its key.
    ///
    /// # Errors
    ///
    /// When TLS can't be had at all.
    pub fn to_self(tls: &Tls) -> Result<Self, BadTls> {
        let own = Arc::new(Own(Arc::clone(&tls.identity)));
        Self::with(|builder| {
            let builder = builder.dangerous();
            builder.with_custom_certificate_verifier(own)
        })
    }

    fn with(
        trust: impl FnOnce(
            ConfigBuilder<ClientConfig, WantsVerifier>,
        ) -> ConfigBuilder<ClientConfig, WantsClientCert>,
    ) -> Result<Self, BadTls> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| BadTls(format!("TLS can't be had: {error}")))?;
        let mut config = trust(builder).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            tls: Some(TlsConnector::from(Arc::new(config))),
            ..Self::default()
        })
    }

    /// Connects to the host of a URI, under TLS if the scheme is `https` or `wss`.
    ///
    /// # Errors
    ///
    /// When there is no connection within [`limits::CORE_CONNECT`] for each of its two
    /// steps, or the other end isn't who it should be.
    pub async fn dial(&self, uri: Uri) -> io::Result<Dialed> {
        let is_secure = matches!(uri.scheme_str(), Some("https" | "wss"));
        let host = uri.host().unwrap_or_default();
        let host = host.trim_matches(['[', ']']).to_owned();
        let mut tcp = self.tcp.clone();
        let stream = tcp.call(uri).await.map_err(io::Error::other)?.into_inner();
        if !is_secure {
            return Ok(Dialed::Plain(stream));
        }
        let tls = self.tls.as_ref();
        let tls = tls.ok_or_else(|| io::Error::other("nothing is set up for TLS"))?;
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        let shaken = timeout(limits::CORE_CONNECT, tls.connect(name, stream)).await;
        Ok(Dialed::Tls(Box::new(shaken??)))
    }
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<Dialed>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Dialed>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dialer = self.clone();
        Box::pin(async move { dialer.dial(uri).await.map(TokioIo::new) })
    }
}

impl Connection for Dialed {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// Takes this process's own certificate and no other.
#[derive(Debug)]
struct Own(Arc<Identity>);

impl ServerCertVerifier for Own {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.0.is(end_entity) {
            Ok(ServerCertVerified::assertion())
        } else {
            let why = rustls::CertificateError::ApplicationVerificationFailure;
            Err(rustls::Error::InvalidCertificate(why))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

impl AsyncRead for Dialed {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Tls(socket) => Pin::new(socket).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Dialed {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tls(socket) => Pin::new(socket).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(socket) => Pin::new(socket).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(socket) => Pin::new(socket).poll_shutdown(cx),
        }
    }
}
