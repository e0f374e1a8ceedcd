//! varnish as a peer: a cache in front of an edge.

use std::fs;
use std::net::SocketAddr;

use super::peer::VARNISH;
use crate::bench::{Launch, Program, Stage, free_address};
use crate::process::{SERVER_CORE, children};
use crate::wire::Failure;

/// The account that Debian's package makes for it. As root it would change to that one by
/// itself, and no longer hear of our end.
const ACCOUNT: &str = "varnish";

/// A running varnish.
pub(super) struct Varnish {
    program: Program,
    child: u32,
    pub(super) address: SocketAddr,
}

impl Varnish {
    /// Starts it in front of an edge.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub(super) async fn start(stage: &Stage, edge: SocketAddr) -> Result<Self, Failure> {
        let odd = |error: std::io::Error| Failure::Odd(format!("varnish: {error}"));
        let folder = stage.folder_of(ACCOUNT, "varnish")?;
        let address = free_address()?;
        let config = folder.join("default.vcl");
        fs::write(&config, vcl(edge)).map_err(odd)?;
        let arguments = [
            "-F",
            "-n",
            &folder.join("work").display().to_string(),
            "-a",
            &address.to_string(),
            "-f",
            &config.display().to_string(),
            "-s",
            "malloc,256m",
            // What is asked for without compression is stored without: varnish would ask
            // for gzip by itself and undo it at each read.
            "-p",
            "http_gzip_support=off",
        ];
        let launch = Launch {
            name: VARNISH.name,
            program: VARNISH.file(),
            arguments: arguments.map(str::to_owned).to_vec(),
            cores: SERVER_CORE,
            account: Some(ACCOUNT),
            // Told to end, the manager takes its child along.
            stop: "TERM",
            folder: &folder,
        };
        let mut program = launch.start()?;
        program.listens(address).await?;
        let child = children(program.id()).first().copied();
        let child = child.ok_or_else(|| Failure::Odd("varnish has no child".to_owned()))?;
        Ok(Self {
            program,
            child,
            address,
        })
    }

    /// The process that does the work.
    pub(super) fn child(&self) -> u32 {
        debug_assert_ne!(self.child, self.program.id());
        self.child
    }
}

/// The default behaviour, but for lifetimes that outlast the measurement.
fn vcl(edge: SocketAddr) -> String {
    let (host, port) = (edge.ip(), edge.port());
    format!(
        "vcl 4.1;\n\
         backend default {{ .host = \"{host}\"; .port = \"{port}\"; }}\n\
         sub vcl_backend_response {{ set beresp.ttl = 1h; }}\n"
    )
}
