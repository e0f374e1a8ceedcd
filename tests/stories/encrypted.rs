//! Every listener under TLS: events come in by the admin API, screens hear of them, and
//! edge and core of one process find each other.

use std::io::Write;
use std::net::SocketAddr;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use parterre_domain::TicketState::Pending;
use parterre_domain::wire::api::EventList;
use parterre_gate::dial::{Dialed, Dialer};
use parterre_loadtest::wire::Call;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::story::{Buyer, Process, SOON, Watcher, free_address, parterre, token_hash, until};

const EVENT: &str = r#"{"event": {"title": "Behind Closed Doors", "category": "concert",
  "venue": "Hall", "city": "Ghent", "starts_at": "2090-05-01T19:00:00Z", "currency": "EUR"},
  "tiers": [{"id": "all", "name": "All", "price": 4500}],
  "rows": [{"section": "Stalls", "row": "A", "seats": 24, "tier": "all"}]}"#;

const TOKEN: &str = "an-administrator-under-tls";

#[tokio::test]
async fn everything_goes_on_under_tls() {
    let folder = TempDir::new().expect("a folder");
    let file = |name: &str| folder.path().join(name).display().to_string();
    certify(&folder);

    let [edge, core, ops] = [free_address(), free_address(), free_address()];
    let [listen, core_listen, ops_listen] = [edge, core, ops].map(|address| address.to_string());
    let arguments = [
        "standalone",
        "--data",
        &file("data"),
        "--listen",
        &listen,
        "--core-listen",
        &core_listen,
        "--ops-listen",
        &ops_listen,
        "--tls-cert",
        &file("cert.pem"),
        "--tls-key",
        &file("key.pem"),
    ];
    let log = folder.path().join("log");
    let server = Process::start(&arguments, ops, &log).expect("it starts");
    let dialer = Dialer::new(Some(&folder.path().join("cert.pem"))).expect("an authority");
    until("it is ready", SOON, async || {
        get(&dialer, ops, "/readyz").await
    })
    .await;

    let imported = parterre(&[
        "admin",
        "import",
        &file("event.json"),
        "--core",
        &format!("https://{core}"),
        "--core-ca",
        &file("cert.pem"),
        "--token-file",
        &file("data/admin-token"),
    ]);
    let said = String::from_utf8_lossy(&imported.stderr);
    assert!(imported.status.success(), "{said}");
    until("the edge shows it", SOON, async || {
        let list = get(&dialer, edge, "/v1/events").await?;
        list.contains("Behind Closed Doors").then_some(())
    })
    .await;

    server.hang_up();
    let mut screen = screen(&dialer, edge).await;
    let frame = hear(&mut screen, r#"{"op": "catalog"}"#).await;
    assert!(frame.contains(r#""free":24"#), "{frame}");
}

#[tokio::test]
async fn an_edge_finds_its_core_under_tls_by_an_authority_of_their_own() {
    let folder = TempDir::new().expect("a folder");
    let file = |name: &str| folder.path().join(name).display().to_string();
    certify(&folder);
    let (core, _core) = encrypted_core(&folder).await;
    let cert = file("cert.pem");
    let (address, mut trusting) = edge_of(&folder, core, &["--core-ca", &cert]);
    let (_, doubting) = edge_of(&folder, core, &[]);
    trusting.ready().await;

    let (event, url) = (file("event.json"), format!("https://{core}"));
    let import = [
        "admin",
        "import",
        &event,
        "--core",
        &url,
        "--core-ca",
        &cert,
        "--token",
        TOKEN,
    ];
    let imported = parterre(&import);
    let said = String::from_utf8_lossy(&imported.stderr);
    assert!(imported.status.success(), "{said}");
    let mut buyer = Buyer::at(address.into());
    let event = until("the edge lists it", SOON, async || {
        let answer = buyer
            .calls(&Call::get("/v1/events?from=2090-01-01T00:00:00Z"))
            .await;
        let list: EventList = answer.read(200).ok()?.ok()?;
        list.events.first().map(|event| event.id)
    })
    .await;
    // The feed and writes go that way too.
    let watcher = Watcher::of(&address.into(), event).await;
    let reserved = buyer.reserves(event, &[3]).await;
    watcher.sees(3, Pending).await;
    assert_eq!(buyer.reads(&reserved).await.id, reserved.reservation.id);
    // Who doesn't know the authority doesn't take its word.
    assert!(!doubting.is_ready().await, "it trusts anybody");
}

/// A core under TLS on every listener that is ready, and its address.
async fn encrypted_core(folder: &TempDir) -> (SocketAddr, Process) {
    let file = |name: &str| folder.path().join(name).display().to_string();
    let secrets = [
        ("cluster-secret", "a-secret-of-the-two"),
        ("signing-key", &"5f".repeat(32)),
    ];
    for (name, secret) in secrets {
        std::fs::write(file(name), secret).expect("a file");
    }
    let (core, ops) = (free_address(), free_address());
    let flags = [
        ("--store", format!("embedded:{}", file("store"))),
        ("--listen", core.to_string()),
        ("--ops-listen", ops.to_string()),
        ("--payments", "sandbox".to_owned()),
        ("--cluster-secret-file", file("cluster-secret")),
        ("--signing-key-file", file("signing-key")),
        ("--admin-token-hash", token_hash("stories", TOKEN)),
        ("--tls-cert", file("cert.pem")),
        ("--tls-key", file("key.pem")),
    ];
    let flags = flags.iter().flat_map(|(flag, value)| [*flag, value]);
    let arguments: Vec<&str> = std::iter::once("core").chain(flags).collect();
    let log = folder.path().join("core.log");
    let process = Process::start(&arguments, ops, &log).expect("it starts");
    let dialer = Dialer::new(Some(&folder.path().join("cert.pem"))).expect("an authority");
    until("the core is ready", SOON, async || {
        get(&dialer, ops, "/readyz").await
    })
    .await;
    (core, process)
}

/// An edge without TLS beside such a core, and its address.
fn edge_of(folder: &TempDir, core: SocketAddr, trust: &[&str]) -> (SocketAddr, Process) {
    let secret = folder.path().join("cluster-secret").display().to_string();
    let (edge, ops) = (free_address(), free_address());
    let (listen, ops_listen) = (edge.to_string(), ops.to_string());
    let core = format!("https://{core}");
    let mut arguments = vec![
        "edge",
        "--core",
        &core,
        "--listen",
        &listen,
        "--ops-listen",
        &ops_listen,
        "--cluster-secret-file",
        &secret,
    ];
    arguments.extend(trust);
    let log = folder.path().join(format!("edge-{}.log", edge.port()));
    let process = Process::start(&arguments, ops, &log).expect("it starts");
    (edge, process)
}

#[test]
fn files_that_dont_belong_together_are_said_in_one_line() {
    let mut empty = tempfile::NamedTempFile::new().expect("a file");
    empty.write_all(b"nothing").expect("a file");
    let path = empty.path().display().to_string();
    let ended = parterre(&["standalone", "--tls-cert", &path, "--tls-key", &path]);
    assert_eq!(ended.status.code(), Some(2));
    let said = String::from_utf8_lossy(&ended.stderr);
    let last = said.lines().last().expect("a line");
    assert!(
        last.starts_with("error: ") && last.contains("--tls-cert"),
        "{said}"
    );
}

/// Lays down a certificate of this machine, its key, and an event.
fn certify(folder: &TempDir) {
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("a file");
    };
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    write("cert.pem", &cert.pem());
    write("key.pem", &signing_key.serialize_pem());
    write("event.json", EVENT);
}

/// The body of a 200.
async fn get(dialer: &Dialer, address: SocketAddr, path: &str) -> Option<String> {
    let client: Client<_, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build(dialer.clone());
    let request = Request::get(format!("https://{address}{path}"));
    let response = client
        .request(request.body(Full::default()).ok()?)
        .await
        .ok()?;
    if response.status() != 200 {
        return None;
    }
    let body = http_body_util::BodyExt::collect(response.into_body())
        .await
        .ok()?;
    String::from_utf8(body.to_bytes().to_vec()).ok()
}

async fn screen(dialer: &Dialer, edge: SocketAddr) -> WebSocketStream<Dialed> {
    let url = format!("wss://{edge}/v1/live");
    let stream = dialer
        .dial(url.parse().expect("a URI"))
        .await
        .expect("a connection");
    let (socket, _) = tokio_tungstenite::client_async(url, stream)
        .await
        .expect("a WebSocket");
    socket
}

/// Asks, and the first counts that are heard.
async fn hear(screen: &mut WebSocketStream<Dialed>, question: &str) -> String {
    use futures_util::{SinkExt, StreamExt};
    screen
        .send(Message::text(question))
        .await
        .expect("it is taken");
    let heard = async {
        loop {
            let frame = screen
                .next()
                .await
                .expect("a frame")
                .expect("a right frame");
            if let Message::Text(text) = frame
                && text.contains(r#""counts""#)
            {
                return text.to_string();
            }
        }
    };
    tokio::time::timeout(SOON, heard)
        .await
        .expect("it hears nothing")
}
