//! Schemathesis tries the OpenAPI documents of both listeners against what they do:
//! every operation with right, wrong and strange input, alone and one after another.
//! The calls of a buyer are made with a reservation's own token, so that they get past it.
//!
//! `PARTERRE_TEST_EXAMPLES=500` is the long form; 20 the short one.

use std::path::Path;
use std::process::Command;

use parterre_loadtest::wire::{Origin, Reserved};

use crate::story::{Buyer, Standalone, about, hall, seed, setting, tool};

/// Reservations that the story makes itself.
const RESERVED: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_edges_document_says_what_it_does() {
    let Some(program) = tool("schemathesis") else {
        return;
    };
    let server = Standalone::start().await;
    let [read, released, checked_out, spare] = two_evenings(&server).await;
    // Each in a reservation of its own, which the others don't end.
    let config = [
        base(),
        of_buyer_at(
            "reserve",
            &spare.reservation.event.to_string(),
            &spare,
            RESERVING,
        ),
        of_buyer("getReservation", &read, ""),
        of_buyer("release", &released, ""),
        of_buyer("checkOut", &checked_out, CHECKOUT),
    ]
    .concat();
    holds(&program, &server, &server.edge(), &config, &spare.token);
    were_let_in(&server).await;
}

/// What a wish for tickets is made of, mostly: an event has few of all integers.
const RESERVING: &str = r#"
"body.tickets[*]" = { dictionary = "tickets", probability = 0.8 }
"body.best.count" = { dictionary = "few", probability = 0.8 }"#;

/// What a checkout's body is made of, mostly: its schema can't say what is an address.
const CHECKOUT: &str = r#"
"body.buyer.name" = { dictionary = "names", probability = 0.8 }
"body.buyer.email" = { dictionary = "emails", probability = 0.8 }
"body.success_url" = { dictionary = "urls", probability = 0.8 }
"body.cancel_url" = { dictionary = "urls", probability = 0.8 }"#;

/// Has an operation tried on a reservation with its token, with further parameters.
fn of_buyer(operation: &str, reserved: &Reserved, parameters: &str) -> String {
    let id = reserved.reservation.id.to_string();
    of_buyer_at(operation, &id, reserved, parameters)
}

fn of_buyer_at(operation: &str, id: &str, reserved: &Reserved, parameters: &str) -> String {
    let token = &reserved.token;
    format!(
        r#"
[[operations]]
include-operation-id = "{operation}"
headers = {{ Authorization = "Bearer {token}" }}
[operations.parameters]
"path.id" = "{id}"{parameters}
"#
    )
}

/// Says how often the calls of a buyer did what they are for, and that each did.
async fn were_let_in(server: &Standalone) {
    let metrics = server.process.metrics_text().await;
    for (route, status, own) in [
        ("/v1/events/{id}/reservations", 201, RESERVED),
        ("/v1/reservations/{id}", 200, 0),
        ("/v1/reservations/{id}", 204, 0),
        ("/v1/reservations/{id}/checkout", 200, 0),
    ] {
        let name = format!(r#"parterre_core_requests_total{{route="{route}",status="{status}"}} "#);
        let count = metrics.lines().find_map(|line| line.strip_prefix(&name));
        let count: usize = count.map_or(0, |count| count.parse().expect("a number"));
        println!("{route} {status}: {count}");
        assert!(count > own, "no {status} of {route}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cores_document_says_what_it_does() {
    let Some(program) = tool("schemathesis") else {
        return;
    };
    let server = Standalone::start().await;
    two_evenings(&server).await;
    holds(&program, &server, &server.core(), &base(), &server.token());
}

/// Two events, and reservations of the second.
async fn two_evenings(server: &Standalone) -> [Reserved; RESERVED] {
    let mut buyer = Buyer::at(server.edge());
    hall(&mut server.admin(), &about("An Evening"), 200).await;
    let event = hall(&mut server.admin(), &about("Another Evening"), 200).await;
    let id = event.summary.id;
    buyer.finds(id).await;
    [
        buyer.reserves(id, &[7, 8]).await,
        buyer.reserves(id, &[9]).await,
        buyer.reserves(id, &[10]).await,
        buyer.reserves(id, &[11]).await,
    ]
}

/// How Schemathesis tries both.
fn base() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis.toml");
    std::fs::read_to_string(path).expect("its configuration")
}

/// Has Schemathesis try a listener, with a token where an operation has none of its own.
fn holds(program: &Path, server: &Standalone, listener: &Origin, config: &str, token: &str) {
    let (examples, seed) = (setting("PARTERRE_TEST_EXAMPLES", 20), seed());
    let file = server.data().join("schemathesis.toml");
    std::fs::write(&file, config).expect("a file");
    let tried = Command::new(program)
        // It leaves a cache where it runs.
        .current_dir(server.data())
        .arg("--config-file")
        .arg(&file)
        .arg("run")
        .arg(format!("{listener}/openapi.json"))
        .args(["--checks", "all", "--continue-on-failure"])
        .args(["--max-examples", &examples.to_string()])
        .args(["--seed", &seed.to_string()])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .output()
        .expect("schemathesis can be run");
    let said = String::from_utf8_lossy(&tried.stdout);
    println!("{said}");
    assert!(tried.status.success(), "{listener}, seed {seed}: see above");
}
