//! TLS over real sockets: who is trusted, which HTTP is spoken, and how certificates change.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use parterre_gate::dial::{Dialed, Dialer};
use parterre_gate::server::{self, Terms};
use parterre_gate::tls::Tls;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);

/// A certificate for localhost and its key, in files.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        let files = Self {
            folder: TempDir::new().unwrap(),
        };
        files.renew();
        files
    }

    /// Puts another certificate there.
    fn renew(&self) {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        std::fs::write(self.certificate(), cert.pem()).unwrap();
        std::fs::write(self.key(), signing_key.serialize_pem()).unwrap();
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    fn tls(&self) -> Tls {
        Tls::load(&self.certificate(), &self.key()).unwrap()
    }

    fn dialer(&self) -> Dialer {
        Dialer::new(Some(&self.certificate())).unwrap()
    }
}

/// A listener that answers every request with its version of HTTP.
async fn listen(tls: Tls) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let terms = Terms {
        tls: Some(tls),
        connections: 16,
        drain: Duration::ZERO,
    };
    let answer = async |request: Request<hyper::body::Incoming>| {
        Response::new(Full::from(format!("{:?}", request.version())))
    };
    let answer = move |request| {
        Box::pin(answer(request))
            as std::pin::Pin<Box<dyn Future<Output = Response<Full<Bytes>>> + Send>>
    };
    tokio::spawn(server::serve(
        listener,
        terms,
        answer,
        std::future::pending(),
    ));
    address
}

async fn dial(dialer: &Dialer, address: SocketAddr) -> std::io::Result<Dialed> {
    let uri = format!("https://localhost:{}/", address.port());
    timeout(DEADLINE, dialer.dial(uri.parse().unwrap()))
        .await
        .unwrap()
}

fn get() -> Request<Full<Bytes>> {
    let request = Request::get("/").header("host", "localhost");
    request.body(Full::default()).unwrap()
}

async fn text(response: Response<hyper::body::Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn only_who_is_trusted_is_spoken_to() {
    let (files, others) = (Files::new(), Files::new());
    let tls = files.tls();
    let address = listen(tls.clone()).await;
    let own = Dialer::to_self(&tls).unwrap();
    let rows = [
        ("its own authority", files.dialer(), true),
        ("the very same certificate", own, true),
        ("another authority", others.dialer(), false),
        (
            "another process",
            Dialer::to_self(&others.tls()).unwrap(),
            false,
        ),
        ("no TLS", Dialer::default(), false),
    ];
    for (what, dialer, is_trusted) in rows {
        let dialed = dial(&dialer, address).await;
        assert_eq!(dialed.is_ok(), is_trusted, "{what}: {dialed:?}");
    }
}

#[tokio::test]
async fn new_connections_see_a_new_certificate_and_old_ones_go_on() {
    let files = Files::new();
    let tls = files.tls();
    let address = listen(tls.clone()).await;
    // Two, because one that has been there before resumes without asking who it is.
    let (before, unused) = (files.dialer(), files.dialer());
    let stream = TokioIo::new(dial(&before, address).await.unwrap());
    let (mut old, connection) = http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(
        text(old.send_request(get()).await.unwrap()).await,
        "HTTP/1.1"
    );

    files.renew();
    tls.reload().unwrap();
    assert!(dial(&unused, address).await.is_err());
    dial(&files.dialer(), address).await.unwrap();
    assert_eq!(
        text(old.send_request(get()).await.unwrap()).await,
        "HTTP/1.1"
    );

    std::fs::write(files.key(), "no key").unwrap();
    assert!(tls.reload().is_err());
    dial(&files.dialer(), address).await.unwrap();
}

#[tokio::test]
async fn http_2_is_spoken_to_who_asks_for_it() {
    let files = Files::new();
    let address = listen(files.tls()).await;
    let mut roots = rustls::RootCertStore::empty();
    let pem = std::fs::read(files.certificate()).unwrap();
    let certificate = rustls::pki_types::pem::PemObject::from_pem_slice(&pem).unwrap();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let stream = connector.connect(name, stream).await.unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = |path: String, header: usize| {
        let uri = format!("https://localhost{path}");
        let request = Request::get(uri).header("x", "x".repeat(header));
        request.body(Full::<Bytes>::default()).unwrap()
    };
    let mut answers = Vec::new();
    for (path, header) in [
        ("/", 1),
        (&*format!("/{}", "x".repeat(5_000)), 1),
        ("/", 13_000),
    ] {
        let response = sender
            .send_request(request(path.to_owned(), header))
            .await
            .unwrap();
        answers.push(response.status().as_u16());
    }
    assert_eq!(answers, [200, 414, 431]);
    let response = sender
        .send_request(request("/".to_owned(), 1))
        .await
        .unwrap();
    assert_eq!(text(response).await, "HTTP/2.0");
}

#[tokio::test]
async fn who_doesnt_speak_tls_is_hung_up_on() {
    let address = listen(Files::new().tls()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let read = timeout(DEADLINE, stream.read_to_end(&mut answer))
        .await
        .unwrap();
    assert!(read.is_err() || !answer.starts_with(b"HTTP"), "{answer:?}");
}

#[test]
fn files_that_make_no_tls_are_refused_in_one_line() {
    let (files, others) = (Files::new(), Files::new());
    let (certificate, key) = (files.certificate(), files.key());
    let nothing = files.folder.path().join("nothing.pem");
    let check = |certificate: &Path, key: &Path, named: &str| {
        let error = Tls::load(certificate, key).unwrap_err().to_string();
        assert!(error.contains(named) && !error.contains('\n'), "{error}");
    };
    check(&nothing, &key, "--tls-cert");
    check(&certificate, &nothing, "--tls-key");
    check(&key, &key, "--tls-cert");
    check(&certificate, &certificate, "--tls-key");
    check(&certificate, &others.key(), "belong together");
}
