//! `parterre edge`.

use parterre_edge::config::{Config, Reach};

use super::Ended;
use crate::cli::{self, Memory};
use crate::ops::{self, Probe};
use crate::vitals::Vitals;
use crate::{secrets, signals};

pub(super) async fn run(args: cli::Edge) -> Result<(), Ended> {
    let stop = signals::stop()?;
    let tls = args.common.encryption.start()?;
    let listener = ops::bind(args.ops_listen)?;
    let config = Config {
        cores: Reach::Network(args.core),
        listen: args.listen,
        cluster_secret: secrets::read(&args.cluster_secret_file, false)?,
        cache_bytes: args.memory.cache_bytes,
        shards: shards(&args.memory),
        drain: args.common.drain,
        feed_delay: args.feed_delay,
        tls: tls.clone(),
        dialer: args.trust.dialer()?,
        cors: args.clients.cors(),
        clients: args.clients.rules(),
    };
    let edge = parterre_edge::build(config)?;
    tracing::info!(address = %edge.address(), "the edge listens");
    let vitals = Vitals::new()?;
    let operating = tokio::spawn(ops::serve(
        listener,
        tls,
        vec![Probe::Edge(edge.probe())],
        vitals,
    ));
    let ended = edge.run(stop).await;
    operating.abort();
    ended.map_err(|error| Ended::cannot(format!("the edge broke: {error}")))
}

/// One shard a core of the machine, unless a flag says otherwise.
pub(super) fn shards(memory: &Memory) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    memory.shards.unwrap_or_else(cores).max(1)
}
