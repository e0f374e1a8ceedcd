//! `parterre standalone`: core and edge in one process. The feed comes over loopback as
//! over any network, and calls by a line of their own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use parterre_core::config::AdminToken;
use parterre_edge::config::Reach;
use parterre_gate::dial::Dialer;
use parterre_gate::tls::Tls;
use parterre_gate::within::{Caller, line};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Ended, core, edge};
use crate::cli::Standalone;
use crate::ops::{self, Probe};
use crate::vitals::Vitals;
use crate::{demo, secrets, signals};

pub(super) async fn run(args: Standalone) -> Result<(), Ended> {
    let stop = signals::stop()?;
    let tls = args.common.encryption.start()?;
    // Core and edge of one process know each other by its own certificate.
    let to_self = tls
        .as_ref()
        .map_or_else(|| Ok(Dialer::default()), Dialer::to_self)?;
    let scheme = core::scheme(tls.as_ref());
    let admin_token = secrets::read(&args.data.join("admin-token"), true)?;
    let cluster_secret = secrets::read(&args.data.join("cluster-secret"), true)?;
    let signing_keys = secrets::signing_keys(&args.data.join("signing-key"), true)?;
    let listener = ops::bind(args.ops_listen)?;
    let (caller, calls) = line();
    let edge = parterre_edge::build(edge_config(
        &args,
        &cluster_secret,
        tls.clone(),
        to_self.clone(),
        caller,
    ))?;
    let public_url = args
        .common
        .public_url
        .clone()
        .unwrap_or_else(|| format!("{scheme}://{}", reachable(edge.address())));
    let core = parterre_core::build(parterre_core::config::Config {
        store: args.store(),
        listen: args.core_listen,
        public_url: public_url.trim_end_matches('/').to_owned(),
        cluster_secret,
        admin_tokens: vec![AdminToken {
            name: "standalone".into(),
            hash: secrets::hash(&admin_token),
        }],
        signing_keys,
        tls: tls.clone(),
        dialer: match args.common.public_url {
            // Another process stands before this one, and is known by its own name.
            Some(_) => Dialer::new(None)?,
            None => to_self.clone(),
        },
        payments: core::payments(args.payments),
    })
    .await?
    .within(calls);
    let core_url = format!("{scheme}://{}", reachable(core.address()));
    let token_file = args.data.join("admin-token");
    tracing::info!(page = public_url, core = core_url, token_file = %token_file.display(), "parterre listens");
    let probes = vec![Probe::Core(core.probe().into()), Probe::Edge(edge.probe())];
    let operating = tokio::spawn(ops::serve(listener, tls, probes, Vitals::new()?));
    let loading = args
        .demo
        .then(|| tokio::spawn(demo::load(core_url, admin_token, to_self)));
    let ended = until_stopped(stop, args.common.drain, edge, core).await;
    for task in [Some(operating), loading].into_iter().flatten() {
        task.abort();
    }
    ended
}

/// Runs both. The edge goes first, so that its last requests still find a core; what it
/// leaves of the time to drain is the core's.
async fn until_stopped(
    stop: impl Future<Output = ()> + Send + 'static,
    drain: Duration,
    edge: parterre_edge::Process,
    core: parterre_core::Core,
) -> Result<(), Ended> {
    let (stopping, stopped) = watch::channel(None);
    let stopper = tokio::spawn(async move {
        stop.await;
        stopping.send_replace(Some(Instant::now() + drain));
    });
    let (edge_done, edge_gone) = watch::channel(None);
    let edge_told = told(stopped.clone());
    let edge = async {
        let edge_told = async {
            edge_told.await;
        };
        let ended = edge.run(edge_told).await;
        edge_done.send_replace(*stopped.borrow());
        ended.map_err(|error| Ended::cannot(format!("the edge broke: {error}")))
    };
    let core = async { core.run(told(edge_gone)).await.map_err(Ended::from) };
    let ended = tokio::try_join!(edge, core).map(drop);
    stopper.abort();
    ended
}

fn edge_config(
    args: &Standalone,
    cluster_secret: &str,
    tls: Option<Tls>,
    dialer: Dialer,
    line: Caller,
) -> parterre_edge::config::Config {
    parterre_edge::config::Config {
        cores: Reach::Within {
            line,
            feed: format!(
                "{}://{}",
                core::scheme(tls.as_ref()),
                reachable(args.core_listen)
            ),
        },
        listen: args.listen,
        cluster_secret: cluster_secret.to_owned(),
        cache_bytes: args.memory.cache_bytes,
        shards: edge::shards(&args.memory),
        // The rest is for what the core has still to commit.
        drain: args.common.drain * 3 / 4,
        feed_delay: Duration::ZERO,
        tls,
        dialer,
        cors: args.clients.cors(),
        clients: args.clients.rules(),
    }
}

/// An address that listens everywhere is reached on this machine by loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port())
    } else {
        address
    }
}

/// Waits until told to stop; gives until when.
async fn told(mut stopped: watch::Receiver<Option<Instant>>) -> Instant {
    let told = stopped.wait_for(Option::is_some).await;
    // An error means that whoever could tell is gone, which tells as much.
    told.ok()
        .and_then(|told| *told)
        .unwrap_or_else(Instant::now)
}
