//! `parterre core`.

use parterre_core::config::{Config, Payments};
use parterre_gate::dial::Dialer;
use parterre_gate::tls::Tls;
use tokio::time::Instant;

use super::Ended;
use crate::cli;
use crate::ops::{self, Probe};
use crate::vitals::Vitals;
use crate::{secrets, signals};

pub(super) async fn run(args: cli::Core) -> Result<(), Ended> {
    let stop = signals::stop()?;
    let drain = args.common.drain;
    let tls = args.common.encryption.start()?;
    let listener = ops::bind(args.ops_listen)?;
    let core = parterre_core::build(config(args, tls.clone())?).await?;
    tracing::info!(address = %core.address(), "the core listens");
    let vitals = Vitals::new()?;
    let operating = tokio::spawn(ops::serve(
        listener,
        tls,
        vec![Probe::Core(core.probe().into())],
        vitals,
    ));
    core.run(async move {
        stop.await;
        Instant::now() + drain
    })
    .await?;
    operating.abort();
    Ok(())
}

fn config(args: cli::Core, tls: Option<Tls>) -> Result<Config, Ended> {
    let cluster_secret = secrets::read(&args.cluster_secret_file, false)?;
    let signing_keys = secrets::signing_keys(&args.signing_key_file, false)?;
    if args.admin_token_hash.is_empty() {
        // A list in the configuration file may be empty.
        return Err(Ended::cannot(
            "nobody may administer; make a token with parterre admin token and name it with --admin-token-hash",
        ));
    }
    let public_url = args.common.public_url;
    let public_url =
        public_url.unwrap_or_else(|| format!("{}://127.0.0.1:8080", scheme(tls.as_ref())));
    Ok(Config {
        store: args.store,
        listen: args.listen,
        public_url: public_url.trim_end_matches('/').to_owned(),
        cluster_secret,
        admin_tokens: args.admin_token_hash,
        signing_keys,
        tls,
        dialer: Dialer::new(None)?,
        payments: payments(args.payments),
    })
}

/// How a listener of this process is reached.
pub(super) fn scheme(tls: Option<&Tls>) -> &'static str {
    if tls.is_some() { "https" } else { "http" }
}

/// The provider that a flag names.
pub(super) fn payments(named: cli::Payments) -> Payments {
    match named {
        cli::Payments::Sandbox => Payments::Sandbox,
    }
}
