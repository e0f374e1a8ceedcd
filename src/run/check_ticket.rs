//! `parterre check-ticket`: for the door. Needs nothing but the public keys, which a file
//! can hold; says who the pass was made for, or why it is none.

use parterre_domain::{JwkSet, PassPublicKey, pass};

use parterre_gate::dial::Dialer;

use super::Ended;
use crate::cli::CheckTicket;
use crate::client::Client;

pub(super) async fn run(args: &CheckTicket) -> Result<(), Ended> {
    match pass::verify(args.pass.trim(), &keys(args).await?) {
        Ok(claims) => {
            println!("valid: event {}", claims.event);
            println!("       ticket {}", claims.ticket);
            println!("       reservation {}", claims.reservation);
            Ok(())
        }
        Err(bad) => {
            println!("not valid: {bad}");
            Err(Ended::found())
        }
    }
}

async fn keys(args: &CheckTicket) -> Result<Vec<PassPublicKey>, Ended> {
    let set: JwkSet = match &args.keys {
        Some(path) => {
            let shown = path.display();
            let text = std::fs::read(path)
                .map_err(|error| Ended::cannot(format!("--keys {shown}: {error}")))?;
            serde_json::from_slice(&text)
                .map_err(|error| Ended::cannot(format!("--keys {shown}: {error}")))?
        }
        None => {
            let edge = Client::anonymous(&args.edge, Dialer::new(None)?);
            let asked = edge.get("/v1/keys").await;
            asked.map_err(|error| Ended::cannot(format!("--edge {}: {error}", args.edge)))?
        }
    };
    match set.public_keys() {
        keys if keys.is_empty() => Err(Ended::cannot("there is no Ed25519 key among the keys")),
        keys => Ok(keys),
    }
}
