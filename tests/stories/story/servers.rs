//! The servers of a story: all in one process, or a core and edges beside it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use parterre_loadtest::wire::{Admin, Origin};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::process::free_address;
use super::{Metrics, Process, Stored};

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
    stored: Stored,
}

/// `parterre core` over a store of its own, or one of several over one.
pub(crate) struct Cluster {
    pub(crate) core: Process,
    address: SocketAddr,
    ops: SocketAddr,
    folder: TempDir,
    stored: Stored,
    plan: Plan,
}

/// What is unusual about a cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// Where the state lies; in a folder of the core's own when absent.
    pub(crate) store: Option<String>,
    /// Further flags of the core.
    pub(crate) core_flags: Vec<String>,
    /// The environment of the core and of every edge.
    pub(crate) environment: Vec<(String, String)>,
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
        let stored = Stored::within(&folder.path().join("data"));
        for _ in 0..TRIES {
            let addresses = [free_address(), free_address(), free_address()];
            if let Ok(process) = Self::launch(folder.path(), &stored, addresses, flags) {
                let [edge, core, ops] = addresses;
                let mut standalone = Self {
                    process,
                    edge,
                    core,
                    ops,
                    folder,
                    stored,
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
        match Self::launch(self.folder.path(), &self.stored, addresses, &[]) {
            Ok(process) => self.process = process,
            Err(status) => panic!("it ended with {status}:\n{}", self.process.log()),
        }
        self.process.ready().await;
    }

    fn launch(
        folder: &Path,
        stored: &Stored,
        addresses: [SocketAddr; 3],
        flags: &[&str],
    ) -> Result<Process, std::process::ExitStatus> {
        let [edge, core, ops] = addresses.map(|address| address.to_string());
        let data = folder.join("data").display().to_string();
        let mut arguments = vec![
            "standalone",
            "--data",
            &data,
            "--store",
            stored.name(),
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

    /// What `--store` takes.
    pub(crate) fn store(&self) -> &str {
        self.stored.name()
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
        Self::planned(Plan::default()).await
    }

    /// A core with further flags that is ready.
    pub(crate) async fn with(flags: &[&str]) -> Self {
        let core_flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        Self::planned(Plan {
            core_flags,
            ..Plan::default()
        })
        .await
    }

    /// A core that names an edge's address in every URL that it makes, and that edge: a
    /// payment provider's calls come in by it.
    pub(crate) async fn with_front(plan: Plan) -> (Self, Edge) {
        for _ in 0..TRIES {
            let front = free_address();
            let mut plan = plan.clone();
            let url = ["--public-url".to_owned(), format!("http://{front}")];
            plan.core_flags.extend(url);
            let cluster = Self::planned(plan).await;
            if let Some(edge) = cluster.edge_at(front, &[]).await {
                return (cluster, edge);
            }
        }
        panic!("an edge at an address that was free doesn't start");
    }

    /// A core with something unusual about it that is ready.
    pub(crate) async fn planned(plan: Plan) -> Self {
        let folder = TempDir::new().expect("a folder");
        std::fs::write(folder.path().join("cluster-secret"), SECRET).expect("a file");
        std::fs::write(folder.path().join("signing-key"), SIGNING_KEY).expect("a file");
        let stored = match &plan.store {
            Some(store) => Stored::at(store),
            None => Stored::within(folder.path()),
        };
        for _ in 0..TRIES {
            let [address, ops] = [free_address(), free_address()];
            if let Ok(core) = Self::launch(folder.path(), &stored, address, ops, &plan) {
                let mut cluster = Self {
                    core,
                    address,
                    ops,
                    folder,
                    stored,
                    plan,
                };
                cluster.core.ready().await;
                return cluster;
            }
        }
        panic!("it doesn't start:\n{}", log_of(folder.path(), "core"));
    }

    /// Starts the core again at the same address, without waiting until it is ready.
    pub(crate) fn restart(&mut self) {
        let folder = self.folder.path();
        self.core = Self::launch(folder, &self.stored, self.address, self.ops, &self.plan)
            .unwrap_or_else(|status| panic!("the core ended with {status}"));
    }

    fn launch(
        folder: &Path,
        stored: &Stored,
        address: SocketAddr,
        ops: SocketAddr,
        plan: &Plan,
    ) -> Result<Process, std::process::ExitStatus> {
        let (listen, ops_listen) = (address.to_string(), ops.to_string());
        let signing_key = folder.join("signing-key").display().to_string();
        let (secret, token) = (secret(folder), token_hash("stories", TOKEN));
        let mut arguments = vec![
            "core",
            "--store",
            stored.name(),
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
            &token,
        ];
        arguments.extend(plan.core_flags.iter().map(String::as_str));
        Process::start_in(&plan.environment, &arguments, ops, &log(folder, "core"))
    }

    /// An edge beside this core that is ready, with further flags.
    pub(crate) async fn edge(&self, flags: &[&str]) -> Edge {
        for _ in 0..TRIES {
            if let Some(edge) = self.edge_at(free_address(), flags).await {
                return edge;
            }
        }
        panic!("an edge with {flags:?} doesn't start");
    }

    /// The same at an address; none when that is taken.
    async fn edge_at(&self, address: SocketAddr, flags: &[&str]) -> Option<Edge> {
        let ops = free_address();
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
        let environment = &self.plan.environment;
        let process = Process::start_in(environment, &arguments, ops, &log).ok()?;
        let mut edge = Edge { process, address };
        edge.process.ready().await;
        Some(edge)
    }

    /// The secret that core and edges share.
    pub(crate) fn secret(&self) -> &'static str {
        SECRET
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

/// What `--admin-token-hash` takes.
pub(crate) fn token_hash(name: &str, token: &str) -> String {
    let digest = Sha256::digest(token);
    let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{name}:{hash}")
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
