//! Watchers that others have written: Python's websockets, npm's ws, a browser. Each
//! subscribes, gets a snapshot, sees somebody reserve, and says goodbye; in text frames,
//! in binary frames, and the browser by an `EventSource` too.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use parterre_domain::EventId;
use parterre_domain::wire::live::{FromClient, JSON, MSGPACK, ToClient};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::story::{ALONE, Buyer, Cluster, Edge, about, hall, tool};

/// How long a stranger may take for anything: a browser's first start takes long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Enough that two of them weigh less than all.
const TICKETS: u32 = 80;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pythons_websockets_follows_an_event() {
    for subprotocol in [JSON, MSGPACK] {
        let Some(command) = python() else { return };
        let scene = Scene::set().await;
        let stranger = Stranger::printing(command, &scene, subprotocol);
        scene.plays(stranger, subprotocol).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn npms_ws_follows_an_event() {
    for subprotocol in [JSON, MSGPACK] {
        let Some(command) = node() else { return };
        let scene = Scene::set().await;
        let stranger = Stranger::printing(command, &scene, subprotocol);
        scene.plays(stranger, subprotocol).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_follows_an_event() {
    let Some(chromium) = tool("chromium") else {
        return;
    };
    for subprotocol in [JSON, MSGPACK] {
        let mut scene = Scene::set().await;
        let page = scene.page("page.html", subprotocol);
        let stranger = Stranger::browsing(&chromium, &mut scene, page);
        scene.plays(stranger, subprotocol).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browsers_event_source_follows_an_event_from_a_page_of_another_origin() {
    let Some(chromium) = tool("chromium") else {
        return;
    };
    let mut scene = Scene::set().await;
    let page = scene.page("stream.html", "");
    let mut stranger = Stranger::browsing(&chromium, &mut scene, page);
    assert_eq!(stranger.tells().await, all_free());
    let reserved = scene.somebody_reserves().await;
    assert_eq!(stranger.tells().await, format!("delta [2, 5] {reserved}"));
    assert_eq!(stranger.tells().await, "closed 2");
}

/// Python with a script; none when it lacks what the script needs.
fn python() -> Option<Command> {
    let python = tool("python3")?;
    let has = Command::new(&python)
        .args(["-c", "import websockets"])
        .output();
    if !has.expect("python can be run").status.success() {
        println!("skipped: python's websockets is missing");
        return None;
    }
    let mut command = Command::new(python);
    command.arg(script("client.py"));
    Some(command)
}

/// Node with a script; none when it lacks what the script needs.
fn node() -> Option<Command> {
    let (node, npm) = (tool("node")?, tool("npm")?);
    let root = Command::new(npm).args(["root", "--global"]).output();
    let root = String::from_utf8(root.expect("npm can be run").stdout).expect("text");
    if !Path::new(root.trim()).join("ws").exists() {
        println!("skipped: npm's ws is missing");
        return None;
    }
    let mut command = Command::new(node);
    command
        .arg(script("client.cjs"))
        .env("NODE_PATH", root.trim());
    Some(command)
}

/// An edge with an event that a stranger will watch, and where a browser gets its page.
struct Scene {
    edge: Edge,
    event: EventId,
    pages: Option<std::net::TcpListener>,
    _cluster: Cluster,
}

impl Scene {
    async fn set() -> Self {
        let pages = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let origin = format!("http://{}", pages.local_addr().expect("its address"));
        let cluster = Cluster::start().await;
        let edge = cluster.edge(&["--cors-origin", &origin]).await;
        let event = hall(&mut cluster.admin(), &about("Seen by Strangers"), TICKETS).await;
        let event = event.summary.id;
        Buyer::at(edge.origin()).finds(event).await;
        Self {
            edge,
            event,
            pages: Some(pages),
            _cluster: cluster,
        }
    }

    fn url(&self) -> String {
        self.edge.origin().to_string().replace("http://", "ws://") + "/v1/live"
    }

    /// A page for this event.
    fn page(&self, name: &str, subprotocol: &str) -> String {
        let page = std::fs::read_to_string(script(name)).expect("the page");
        let page = page.replace("ORIGIN", &self.edge.origin().to_string());
        let page = page.replace("URL", &self.url());
        let page = page.replace("SUBPROTOCOL", subprotocol);
        let page = page.replace("PACKED", &packed(self.event));
        page.replace("EVENT", &self.event.to_string())
    }

    /// Somebody reserves two tickets; the rev that everybody then is at.
    async fn somebody_reserves(&self) -> String {
        let mut buyer = Buyer::at(self.edge.origin());
        let reserved = buyer.reserves(self.event, &[2, 5]).await;
        reserved.rev.to_string()
    }

    async fn plays(self, mut stranger: Stranger, subprotocol: &str) {
        assert_eq!(stranger.tells().await, subprotocol);
        assert_eq!(plain(&stranger.tells().await), all_free());
        self.somebody_reserves().await;
        assert_eq!(plain(&stranger.tells().await), "delta [2, 5]");
        assert_eq!(stranger.tells().await, "pong");
        assert_eq!(stranger.tells().await, "closed 1000");
    }
}

fn all_free() -> String {
    format!("snapshot {}", "f".repeat(80))
}

/// A subscription in MessagePack, as hexadecimal digits: a stranger may lack a library
/// for it.
fn packed(event: EventId) -> String {
    let mut bytes = Vec::new();
    let mut serializer = rmp_serde::Serializer::new(&mut bytes)
        .with_struct_map()
        .with_human_readable();
    let subscribe = FromClient::Subscribe { event, since: None };
    subscribe.serialize(&mut serializer).expect("a message");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a stranger tells of a message; of a binary one it tells the bytes.
fn plain(told: &str) -> String {
    let Some(hex) = told.strip_prefix("frame ") else {
        return told.to_owned();
    };
    let digits: Vec<char> = hex.chars().collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16);
    let bytes: Result<Vec<u8>, _> = digits.chunks(2).map(byte).collect();
    let bytes = bytes.expect("hexadecimal digits");
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(&bytes[..]).with_human_readable();
    match ToClient::deserialize(&mut deserializer).expect("a message") {
        ToClient::Snapshot { states, .. } => format!("snapshot {states}"),
        ToClient::Delta { changes, .. } => {
            let ids: Vec<u32> = changes.p.iter().map(|ticket| ticket.0).collect();
            format!("delta {ids:?}")
        }
        other => panic!("neither a snapshot nor a delta: {other:?}"),
    }
}

/// A program that tells what it sees; killed when dropped.
struct Stranger {
    child: Child,
    told: mpsc::Receiver<String>,
    _profile: Option<TempDir>,
}

impl Stranger {
    /// A script that prints what it sees.
    fn printing(mut command: Command, scene: &Scene, subprotocol: &str) -> Self {
        let packed = packed(scene.event);
        let mut child = command
            .args([&scene.url(), &scene.event.to_string(), subprotocol, &packed])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the script can be run");
        let stdout = child.stdout.take().expect("its output");
        let (tell, told) = mpsc::channel(16);
        std::thread::spawn(move || {
            let lines = std::io::BufReader::new(stdout).lines();
            // Nobody listens any more once the story is over.
            lines
                .map_while(Result::ok)
                .try_for_each(|line| tell.blocking_send(line))
        });
        Self {
            child,
            told,
            _profile: None,
        }
    }

    /// A browser with a page that tells the server it came from what it sees.
    fn browsing(chromium: &Path, scene: &mut Scene, page: String) -> Self {
        let pages = scene.pages.take().expect("one browser");
        let address = pages.local_addr().expect("its address");
        pages.set_nonblocking(true).expect("a socket");
        let listener = TcpListener::from_std(pages).expect("a socket");
        let (tell, told) = mpsc::channel(16);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, page.clone(), tell.clone()));
            }
        });
        let profile = TempDir::new().expect("a folder");
        let child = Command::new(chromium)
            .args(ALONE)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("--remote-debugging-port=0")
            .arg(format!("http://{address}/"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromium can be run");
        Self {
            child,
            told,
            _profile: Some(profile),
        }
    }

    /// The next thing that it tells.
    async fn tells(&mut self) -> String {
        let told = timeout(PATIENCE, self.told.recv()).await;
        let told = told.expect("it tells nothing");
        told.expect("it has ended early, see what it says above")
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Serves the page, and takes what it tells; one request a connection.
async fn answer(stream: TcpStream, page: String, tell: mpsc::Sender<String>) {
    let mut stream = BufReader::new(stream);
    let (mut head, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let lower = line.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line == "\r\n" {
            break;
        }
        head.push(line);
    }
    let mut told = vec![0; length];
    stream.read_exact(&mut told).await.expect("the body");
    let body = match head[0].as_str() {
        "GET / HTTP/1.1\r\n" => page,
        "POST /told HTTP/1.1\r\n" => {
            let told = String::from_utf8(told).expect("text");
            // Nobody listens any more once the story is over.
            drop(tell.send(told).await);
            String::new()
        }
        _ => String::new(),
    };
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // A browser may have gone meanwhile.
    drop(stream.get_mut().write_all(answer.as_bytes()).await);
}

fn script(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories/strangers");
    folder.join(name)
}
