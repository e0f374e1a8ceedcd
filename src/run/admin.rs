//! `parterre admin`.

use std::time::{Duration, Instant};

use parterre_core::clock::Clock;
use parterre_core::store::any::AnyStore;

use super::Ended;
use crate::cli::{Access, Copy, Epoch, Import, Token};
use crate::client::Client;
use crate::import::{self, Settings};
use crate::secrets;

/// How often a long copy says how far it has come.
const SAID_EVERY: Duration = Duration::from_secs(2);

pub(super) fn token(args: &Token) -> Result<(), Ended> {
    let token = secrets::fresh()?;
    let hash = parterre_domain::hex(&secrets::hash(&token));
    println!("token, shown only now: {token}");
    println!(
        "for a core:            --admin-token-hash {}:{hash}",
        args.name
    );
    Ok(())
}

pub(super) async fn epoch(args: Epoch) -> Result<(), Ended> {
    let store = AnyStore::open_existing(&args.store).await?;
    let renewed = parterre_core::epoch::renew(&store, Clock::Wall.now()).await?;
    println!("epoch {}, before {}", renewed.after, renewed.before);
    println!("every edge and every client begins anew from snapshots when a core is started");
    Ok(())
}

pub(super) async fn copy(args: Copy) -> Result<(), Ended> {
    let from = AnyStore::open_existing(&args.from).await?;
    let to = AnyStore::open(&args.to).await?;
    let mut said = Instant::now();
    let copied = parterre_core::copy::copy(&from, &to, Clock::Wall.now(), |entries| {
        if said.elapsed() > SAID_EVERY {
            said = Instant::now();
            println!("{entries} entries so far");
        }
    });
    let copied = copied.await?;
    let (entries, epoch) = (copied.entries, copied.epoch);
    println!("{entries} entries copied and compared; the copy has epoch {epoch}");
    println!("every edge and every client begins anew from snapshots when a core is started");
    Ok(())
}

pub(super) async fn import(args: Import) -> Result<(), Ended> {
    let client = client(&args.access)?;
    let event = args.event.as_ref().map(std::fs::read).transpose();
    let settings = Settings {
        tickets: args.tickets,
        price: args.price,
        currency: args
            .currency
            .parse()
            .map_err(|error| Ended::cannot(format!("--currency: {error}")))?,
        tz: jiff::tz::TimeZone::get(&args.tz)
            .map_err(|error| Ended::cannot(format!("--tz: {error}")))?,
        event: event.map_err(|error| Ended::cannot(format!("--event: {error}")))?,
        shift_days: args.shift_days,
        urgent: args.urgent,
    };
    client.greet().await?;
    let summary = import::run(&client, &args.files, &settings).await?;
    println!("{summary}");
    if summary.is_whole() {
        Ok(())
    } else {
        Err(Ended::found())
    }
}

fn client(access: &Access) -> Result<Client, Ended> {
    let token = match &access.token {
        Some(token) => token.clone(),
        None => secrets::read(&access.token_file, false)?,
    };
    Ok(Client::new(&access.core, &token, access.trust.dialer()?))
}
