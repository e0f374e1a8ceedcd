//! nginx as a peer: a cache in front of the edge, as operators would put one there.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::process;
use crate::wire::{Failure, Origin};

/// A running nginx with one worker; stopped when dropped.
pub(super) struct Nginx {
    child: Child,
    folder: PathBuf,
    address: SocketAddr,
}

impl Nginx {
    /// Starts nginx as a cache in front of an edge; none when it isn't installed.
    pub(super) fn start(edge: &Origin) -> Result<Option<Self>, Failure> {
        let odd = |error: std::io::Error| Failure::Odd(format!("nginx: {error}"));
        if Command::new("nginx").arg("-v").output().is_err() {
            return Ok(None);
        }
        let folder = std::env::temp_dir().join(format!("parterre-nginx-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(odd)?;
        let address = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .map_err(odd)?;
        let config = folder.join("nginx.conf");
        std::fs::write(&config, text(&folder.display().to_string(), address, edge)).map_err(odd)?;
        let child = Command::new("nginx")
            .arg("-p")
            .arg(&folder)
            .arg("-c")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(odd)?;
        let nginx = Self {
            child,
            folder,
            address,
        };
        for _ in 0..200 {
            if TcpStream::connect(address).is_ok() {
                return Ok(Some(nginx));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(Failure::Odd("nginx doesn't start".to_owned()))
    }

    /// Where it listens.
    pub(super) fn origin(&self) -> Origin {
        self.address.into()
    }

    /// The worker, which does all the work.
    pub(super) fn worker(&self) -> Option<u32> {
        process::children(self.child.id()).first().copied()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        // Told to quit, the master takes its worker along; killed, it would leave it.
        let told = Command::new("kill").args(["-TERM", &id]).status();
        if !told.is_ok_and(|status| status.success()) {
            drop(self.child.kill());
        }
        drop(self.child.wait());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn text(folder: &str, address: SocketAddr, edge: &Origin) -> String {
    let authority = edge.authority();
    format!(
        "daemon off;\nworker_processes 1;\npid {folder}/pid;\nerror_log {folder}/error.log;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n\
           access_log off;\n\
           client_body_temp_path {folder}/body;\n\
           proxy_temp_path {folder}/proxy;\n\
           fastcgi_temp_path {folder}/fastcgi;\n\
           uwsgi_temp_path {folder}/uwsgi;\n\
           scgi_temp_path {folder}/scgi;\n\
           keepalive_requests 100000000;\n\
           proxy_cache_path {folder}/cache keys_zone=reads:10m inactive=1h;\n\
           open_file_cache max=1000 inactive=60s;\n\
           server {{\n\
             listen {address};\n\
             location / {{\n\
               proxy_pass http://{authority};\n\
               proxy_cache reads;\n\
               proxy_cache_valid 200 1h;\n\
               proxy_ignore_headers Cache-Control Expires Vary;\n\
             }}\n\
           }}\n\
         }}\n"
    )
}
