//! What an edge is told at its start.

use std::net::SocketAddr;
use std::time::Duration;

use parterre_gate::admission::Rules;
use parterre_gate::dial::Dialer;
use parterre_gate::tls::Tls;
use parterre_gate::within::Caller;

use crate::cors::Cors;

/// Where an edge's cores are.
#[derive(Clone, Debug)]
pub enum Reach {
    /// In other processes, at these origins, such as `http://127.0.0.1:8081`; at least one.
    Network(Vec<String>),
    /// In this process, one alone.
    Within {
        /// Calls go over it.
        line: Caller,
        /// The origin that the feed comes from.
        feed: String,
    },
}

/// Everything an edge needs to know. Read once, by the binary.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the cores are.
    pub cores: Reach,
    /// Where the public reaches the edge.
    pub listen: SocketAddr,
    /// The secret shared by cores and edges.
    pub cluster_secret: String,
    /// How many bytes cells and rendered bodies may take.
    pub cache_bytes: u64,
    /// Shards, each with its own thread and listener; one a core of the machine.
    pub shards: usize,
    /// How long to finish what is in flight when told to stop.
    pub drain: Duration,
    /// How long records of the feed are held back before they are applied. Zero but in
    /// tests that need an edge which is behind.
    pub feed_delay: Duration,
    /// What is spoken beneath HTTP; none means nothing.
    pub tls: Option<Tls>,
    /// Makes the connections to cores.
    pub dialer: Dialer,
    /// Whose pages may call.
    pub cors: Cors,
    /// How much each client may ask.
    pub clients: Rules,
}
