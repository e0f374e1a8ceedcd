//! nginx as a peer: a cache in front of an edge, a server of the same bodies from files,
//! and, with nchan, a channel for WebSockets. One worker, as it has one core.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use super::peer::{NCHAN, NGINX};
use crate::bench::{Launch, Program, Stage, free_address};
use crate::process::{SERVER_CORE, children};
use crate::wire::Failure;

/// Files that a worker may have open: a connection takes one.
const FILES: u32 = 20_000;
/// Headers of an answer that nginx makes by itself, or that belong to one answer.
const OWN_HEADERS: [&str; 9] = [
    "connection",
    "content-length",
    "content-type",
    "date",
    "etag",
    "last-modified",
    "request-id",
    "server",
    "transfer-encoding",
];

/// A body as the edge answers it, to be served from a file.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Page {
    /// The edge's whole answer, ready to be sent.
    pub(super) fn answer(&self) -> Vec<u8> {
        let headers = self.headers.iter();
        let headers: String = headers
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let head = format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
        [head.as_bytes(), &self.body].concat()
    }
}

/// A running nginx.
pub(super) struct Nginx {
    program: Program,
    worker: u32,
    /// Where the cache listens, or nchan.
    pub(super) address: SocketAddr,
    /// Where the files are.
    pub(super) files: SocketAddr,
}

impl Nginx {
    /// A cache in front of an edge, and pages in files.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub(super) async fn cache(
        stage: &Stage,
        edge: SocketAddr,
        pages: &[Page],
    ) -> Result<Self, Failure> {
        let folder = stage.folder("nginx")?;
        let (address, files) = (free_address()?, free_address()?);
        let mut locations = String::new();
        for (number, page) in pages.iter().enumerate() {
            let file = folder.join(format!("page-{number}"));
            fs::write(&file, &page.body).map_err(|error| odd(&error))?;
            locations.push_str(&location(page, &file));
        }
        let http = caching(&folder, edge, address, files, &locations);
        Self::start(&folder, "", &http, address, files).await
    }

    /// A channel: published to at `/publish`, watched at `/watch`.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub(super) async fn channel(stage: &Stage) -> Result<Self, Failure> {
        let folder = stage.folder("nchan")?;
        let address = free_address()?;
        let module = format!("load_module {};\n", NCHAN.file().display());
        Self::start(&folder, &module, &channel(address), address, address).await
    }

    async fn start(
        folder: &Path,
        modules: &str,
        http: &str,
        address: SocketAddr,
        files: SocketAddr,
    ) -> Result<Self, Failure> {
        let config = folder.join("nginx.conf");
        fs::write(&config, whole(folder, modules, http)).map_err(|error| odd(&error))?;
        let launch = Launch {
            name: NGINX.name,
            program: NGINX.file(),
            arguments: vec![
                "-p".to_owned(),
                folder.display().to_string(),
                "-e".to_owned(),
                folder.join("error.log").display().to_string(),
                "-c".to_owned(),
                config.display().to_string(),
            ],
            cores: SERVER_CORE,
            account: None,
            // Told to end at once, the master takes its worker along.
            stop: "TERM",
            folder,
        };
        let mut program = launch.start()?;
        program.listens(address).await?;
        let master = program.id();
        let mut worker = None;
        program
            .until(async || {
                worker = worker_of(master);
                worker.is_some()
            })
            .await?;
        let worker = worker.ok_or_else(|| odd(&"no worker"))?;
        Ok(Self {
            program,
            worker,
            address,
            files,
        })
    }

    /// The process that does the work.
    pub(super) fn worker(&self) -> u32 {
        debug_assert_ne!(self.worker, self.program.id());
        self.worker
    }
}

fn odd(what: &dyn std::fmt::Display) -> Failure {
    Failure::Odd(format!("nginx: {what}"))
}

/// The child that serves: with a cache there are others that look after it.
fn worker_of(master: u32) -> Option<u32> {
    children(master).into_iter().find(|pid| {
        let said = fs::read_to_string(format!("/proc/{pid}/cmdline"));
        said.is_ok_and(|said| said.contains("worker process"))
    })
}

fn whole(folder: &Path, modules: &str, http: &str) -> String {
    let folder = folder.display();
    let parts = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary: String = parts
        .map(|part| format!("{part}_temp_path {folder}/{part};\n"))
        .concat();
    format!(
        "{modules}daemon off;\n\
         pid {folder}/pid;\n\
         worker_processes 1;\n\
         worker_rlimit_nofile {FILES};\n\
         events {{ worker_connections {FILES}; }}\n\
         http {{\n\
         {temporary}access_log off;\n\
           sendfile on;\n\
           tcp_nopush on;\n\
           keepalive_requests 1000000000;\n\
         {http}}}\n"
    )
}

/// nginx's own guides to caching content and to serving it. `Vary` and the edge's short
/// lifetimes are ignored, so that every read is a hit.
fn caching(
    folder: &Path,
    edge: SocketAddr,
    address: SocketAddr,
    files: SocketAddr,
    locations: &str,
) -> String {
    let folder = folder.display();
    format!(
        "proxy_cache_path {folder}/cache levels=1:2 keys_zone=reads:10m inactive=1h use_temp_path=off;\n\
           upstream edge {{ server {edge}; keepalive 16; }}\n\
           server {{\n\
             listen {address} backlog=4096;\n\
             location / {{\n\
               proxy_pass http://edge;\n\
               proxy_http_version 1.1;\n\
               proxy_set_header Connection \"\";\n\
               proxy_cache reads;\n\
               proxy_cache_lock on;\n\
               proxy_cache_valid 200 1h;\n\
               proxy_ignore_headers Cache-Control Expires Vary;\n\
             }}\n\
           }}\n\
           open_file_cache max=1000 inactive=60s;\n\
           open_file_cache_valid 60s;\n\
           server {{\n\
             listen {files} backlog=4096;\n\
         {locations}}}\n"
    )
}

/// One page from a file, with the edge's headers that nginx has none of its own for.
fn location(page: &Page, file: &Path) -> String {
    let (path, file) = (&page.path, file.display());
    let headers = page.headers.iter();
    let headers = headers.filter(|(name, _)| !OWN_HEADERS.contains(&name.as_str()));
    let headers: String = headers
        .map(|(name, value)| {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            format!("add_header {name} \"{value}\";\n")
        })
        .collect();
    format!(
        "location = {path} {{\n\
             alias {file};\n\
             default_type application/json;\n\
         {headers}}}\n"
    )
}

/// The example of nchan's README. Whoever comes is told what is new and nothing older.
fn channel(address: SocketAddr) -> String {
    format!(
        "server {{\n\
             listen {address} backlog=4096;\n\
             location = /publish {{ nchan_publisher; nchan_channel_id hot; }}\n\
             location = /watch {{\n\
               nchan_subscriber websocket;\n\
               nchan_channel_id hot;\n\
               nchan_subscriber_first_message newest;\n\
             }}\n\
           }}\n"
    )
}
