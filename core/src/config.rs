//! What a core is told at its start.

use std::net::SocketAddr;
use std::path::PathBuf;

use parterre_gate::dial::Dialer;
use parterre_gate::tls::Tls;

/// Everything a core needs to know. Read once, by the binary.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the state lies.
    pub store: StoreConfig,
    /// Where edges and administrators reach the core.
    pub listen: SocketAddr,
    /// The origin of every absolute URL that leaves the core, without a slash at the end.
    pub public_url: String,
    /// The secret shared by cores and edges; at least 16 bytes.
    pub cluster_secret: String,
    /// Who may call the admin API.
    pub admin_tokens: Vec<AdminToken>,
    /// The secrets of the keys of passes: the first signs, all verify. At least one.
    pub signing_keys: Vec<[u8; 32]>,
    /// Which payment provider checkouts go to.
    pub payments: Payments,
    /// What is spoken beneath HTTP; none means nothing.
    pub tls: Option<Tls>,
    /// Makes the connections that go out, to the payment provider.
    pub dialer: Dialer,
}

/// Where the state lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreConfig {
    /// A folder of this machine.
    Embedded(PathBuf),
    /// A cluster of FoundationDB, by its cluster file.
    #[cfg(feature = "fdb")]
    Fdb(PathBuf),
    /// Nowhere: gone when the process ends. For tests.
    Memory,
}

/// An administrator's token, as a digest only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminToken {
    /// Appears in the audit trail.
    pub name: String,
    /// SHA-256 of the token's text. The token is 32 random bytes, so a plain digest
    /// can't be searched.
    pub hash: [u8; 32],
}

/// A payment provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payments {
    /// Our own stand-in for a third party; moves no money.
    Sandbox,
}
