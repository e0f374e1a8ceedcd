//! Watchers that others have written: Python's websockets, npm's ws, a browser. Each
//! subscribes, gets a snapshot, sees somebody reserve, and says goodbye.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use parterre_domain::EventId;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::story::{Buyer, Standalone, about, hall, tool};

/// How long a stranger may take for anything: a browser's first start takes long.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pythons_websockets_follows_an_event() {
    let Some(python) = tool("python3") else {
        return;
    };
    let has = Command::new(&python)
        .args(["-c", "import websockets"])
        .output();
    if !has.expect("python can be run").status.success() {
        println!("skipped: python's websockets is missing");
        return;
    }
    let scene = Scene::set().await;
    let mut command = Command::new(python);
    command.arg(script("client.py"));
    let stranger = Stranger::printing(command, &scene);
    scene.plays(stranger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn npms_ws_follows_an_event() {
    let (Some(node), Some(npm)) = (tool("node"), tool("npm")) else {
        return;
    };
    let root = Command::new(npm).args(["root", "--global"]).output();
    let root = String::from_utf8(root.expect("npm can be run").stdout).expect("text");
    if !Path::new(root.trim()).join("ws").exists() {
        println!("skipped: npm's ws is missing");
        return;
    }
    let scene = Scene::set().await;
    let mut command = Command::new(node);
    command
        .arg(script("client.cjs"))
        .env("NODE_PATH", root.trim());
    let stranger = Stranger::printing(command, &scene);
    scene.plays(stranger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_follows_an_event() {
    let Some(chromium) = tool("chromium") else {
        return;
    };
    let scene = Scene::set().await;
    let stranger = Stranger::browsing(chromium, &scene).await;
    scene.plays(stranger).await;
}

/// A server with an event that a stranger will watch.
struct Scene {
    server: Standalone,
    event: EventId,
}

impl Scene {
    async fn set() -> Self {
        let server = Standalone::start().await;
        let event = hall(&mut server.admin(), &about("Seen by Strangers"), 8).await;
        let event = event.summary.id;
        Buyer::at(server.edge()).finds(event).await;
        Self { server, event }
    }

    fn url(&self) -> String {
        self.server.edge().to_string().replace("http://", "ws://") + "/v1/live"
    }

    async fn plays(self, mut stranger: Stranger) {
        assert_eq!(stranger.tells().await, "parterre.v1.json");
        assert_eq!(stranger.tells().await, "snapshot ffffffff");
        Buyer::at(self.server.edge())
            .reserves(self.event, &[2, 5])
            .await;
        assert_eq!(stranger.tells().await, "delta [2, 5]");
        assert_eq!(stranger.tells().await, "pong");
        assert_eq!(stranger.tells().await, "closed 1000");
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
    fn printing(mut command: Command, scene: &Scene) -> Self {
        let mut child = command
            .args([scene.url(), scene.event.to_string()])
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
    async fn browsing(chromium: PathBuf, scene: &Scene) -> Self {
        let page = std::fs::read_to_string(script("page.html")).expect("the page");
        let page = page.replace("URL", &scene.url());
        let page = page.replace("EVENT", &scene.event.to_string());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let (tell, told) = mpsc::channel(16);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, page.clone(), tell.clone()));
            }
        });
        let profile = TempDir::new().expect("a folder");
        let child = Command::new(chromium)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
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
