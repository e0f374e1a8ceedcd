//! The servers of a story: all in one process, or a core and edges beside it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use parterre_loadtest::wire::{Admin, Origin};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::process::free_address;
use super::{Metrics, Process};

/// How often other ports are tried when one was taken meanwhile.
const TRIES: usize = 10;
const TOKEN: &str = "an-administrator-of-the-stories";
const SECRET: &str = "a-secret-of-the-stories-cluster";
const SIGNING_KEY: &str = "5f1c9a0e3b7d24688ace13579bdf02468ace13579bdf02468ace13579bdf0246";

/// `parterre standalone` over a folder of its own.
pub(crate) struct Standalone {
    pub(crate) process: Process,
    edge: SocketAddr,
    core: SocketAddr,
    ops: SocketAddr,
    folder: TempDir,
}

/// `parterre core` over a folder of its own.
pub(crate) struct Cluster {
    pub(crate) core: Process,
    address: SocketAddr,
    ops: SocketAddr,
    folder: TempDir,
}

/// `parterre edge` beside a core.
pub(crate) struct Edge {
    pub(crate) process: Process,
    address: SocketAddr,
}

impl Standalone {
    /// A server that is ready.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A server that is ready, at its first start with further flags.
    pub(crate) async fn with(flags: &[&str]) -> Self {
        let folder = TempDir::new().expect("a folder");
        for _ in 0..TRIES {
            let [edge, core, ops] = [free_address(), free_address(), free_address()];
            if let Ok(process) = Self::launch(folder.path(), [edge, core, ops], flags) {
                let mut standalone = Self {
                    process,
                    edge,
                    core,
                    ops,
                    folder,
                };
                standalone.process.ready().await;
                return standalone;
            }
        }
        panic!("it doesn't start:\n{}", log_of(folder.path(), "standalone"));
    }

    /// Starts it again over the same folder, at the same addresses, after it ended.
    pub(crate) async fn restart(&mut self) {
        let addresses = [self.edge, self.core, self.ops];
        match Self::launch(self.folder.path(), addresses, &[]) {
            Ok(process) => self.process = process,
            Err(status) => panic!("it ended with {status}:\n{}", self.process.log()),
        }
        self.process.ready().await;
    }

    fn launch(
        folder: &Path,
        addresses: [SocketAddr; 3],
        flags: &[&str],
    ) -> Result<Process, std::process::ExitStatus> {
        let [edge, core, ops] = addresses.map(|address| address.to_string());
        let data = folder.join("data").display().to_string();
        let mut arguments = vec![
            "standalone",
            "--data",
            &data,
            "--listen",
            &edge,
            "--core-listen",
            &core,
            "--ops-listen",
            &ops,
        ];
        arguments.extend(flags);
        Process::start(&arguments, addresses[2], &log(folder, "standalone"))
    }

    pub(crate) fn edge(&self) -> Origin {
        self.edge.into()
    }

    pub(crate) fn core(&self) -> Origin {
        self.core.into()
    }

    /// The folder that `--data` names.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The token that it made at its first start.
    pub(crate) fn token(&self) -> String {
        let text = std::fs::read_to_string(self.data().join("admin-token"));
        text.expect("the token that it made").trim().to_owned()
    }

    pub(crate) fn admin(&self) -> Admin {
        Admin::new(self.core(), self.token())
    }

    pub(crate) async fn metrics(&self) -> Metrics {
        Metrics::of(&self.process).await
    }
}

impl Cluster {
    /// A core that is ready.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A core that is ready, at its first start with further flags.
    pub(crate) async fn with(flags: &[&str]) -> Self {
        let folder = TempDir::new().expect("a folder");
        std::fs::write(folder.path().join("cluster-secret"), SECRET).expect("a file");
        std::fs::write(folder.path().join("signing-key"), SIGNING_KEY).expect("a file");
        for _ in 0..TRIES {
            let [address, ops] = [free_address(), free_address()];
            if let Ok(core) = Self::launch(folder.path(), address, ops, flags) {
                let mut cluster = Self {
                    core,
                    address,
                    ops,
                    folder,
                };
                cluster.core.ready().await;
                return cluster;
            }
        }
        panic!("it doesn't start:\n{}", log_of(folder.path(), "core"));
    }

    /// Where the core keeps its state.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// Starts the core again at the same address, without waiting until it is ready.
    pub(crate) fn restart(&mut self) {
        self.core = Self::launch(self.folder.path(), self.address, self.ops, &[])
            .unwrap_or_else(|status| panic!("the core ended with {status}"));
    }

    fn launch(
        folder: &Path,
        address: SocketAddr,
        ops: SocketAddr,
        flags: &[&str],
    ) -> Result<Process, std::process::ExitStatus> {
        let hash: String = Sha256::digest(TOKEN)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let store = format!("embedded:{}", folder.join("store").display());
        let (listen, ops_listen) = (address.to_string(), ops.to_string());
        let signing_key = folder.join("signing-key").display().to_string();
        let (secret, hash) = (secret(folder), format!("stories:{hash}"));
        let mut arguments = vec![
            "core",
            "--store",
            &store,
            "--listen",
            &listen,
            "--ops-listen",
            &ops_listen,
            "--payments",
            "sandbox",
            "--cluster-secret-file",
            &secret,
            "--signing-key-file",
            &signing_key,
            "--admin-token-hash",
            &hash,
        ];
        arguments.extend(flags);
        Process::start(&arguments, ops, &log(folder, "core"))
    }

    /// An edge beside this core that is ready, with further flags.
    pub(crate) async fn edge(&self, flags: &[&str]) -> Edge {
        for _ in 0..TRIES {
            let [address, ops] = [free_address(), free_address()];
            let (listen, ops_listen) = (address.to_string(), ops.to_string());
            let core = format!("http://{}", self.address);
            let secret = secret(self.folder.path());
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
            arguments.extend(flags);
            let log = log(self.folder.path(), &format!("edge-{}", address.port()));
            if let Ok(process) = Process::start(&arguments, ops, &log) {
                let mut edge = Edge { process, address };
                edge.process.ready().await;
                return edge;
            }
        }
        panic!("an edge with {flags:?} doesn't start");
    }

    pub(crate) fn origin(&self) -> Origin {
        self.address.into()
    }

    pub(crate) fn token(&self) -> &'static str {
        TOKEN
    }

    pub(crate) fn admin(&self) -> Admin {
        Admin::new(self.origin(), TOKEN)
    }

    pub(crate) async fn metrics(&self) -> Metrics {
        Metrics::of(&self.core).await
    }
}

impl Edge {
    pub(crate) fn origin(&self) -> Origin {
        self.address.into()
    }

    pub(crate) async fn metrics(&self) -> Metrics {
        Metrics::of(&self.process).await
    }
}

fn secret(folder: &Path) -> String {
    folder.join("cluster-secret").display().to_string()
}

fn log(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.log"))
}

fn log_of(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(log(folder, name)).unwrap_or_default()
}
