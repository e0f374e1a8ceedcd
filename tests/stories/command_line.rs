//! What somebody at a shell is promised: who may administer, where secrets lie, which
//! setting wins, what an audit and a pass say, and how a process ends.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use parterre_core::store::embedded::EmbeddedStore;
use parterre_core::store::{Commit, Marker, Store, Transaction};
use parterre_domain::ReservationState::Paid;
use parterre_domain::state::Write;
use parterre_domain::{EventId, TicketId, keys};
use parterre_loadtest::wire::{Answer, Call, Client, Origin};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::story::{
    Buyer, Cluster, Process, SOON, Standalone, about, free_address, hall, parterre, parterre_with,
    until,
};

#[tokio::test]
async fn a_token_that_was_made_opens_the_admin_api_of_a_core_that_has_its_hash() {
    let made = parterre(&["admin", "token", "Ada at the door"]);
    let said = String::from_utf8_lossy(&made.stdout).into_owned();
    let token = behind(&said, "token, shown only now: ");
    let hash = behind(&said, "--admin-token-hash ");
    let cluster = Cluster::with(&["--admin-token-hash", &hash]).await;
    let events = Call::get("/admin/v1/events");
    let right = asks(cluster.origin(), &events.clone().bearer(&token)).await;
    assert_eq!(right.status, 200);
    let wrong = asks(cluster.origin(), &events.bearer(&hash)).await;
    assert_eq!(wrong.status, 403);
}

#[tokio::test]
async fn secrets_are_made_once_and_only_their_owner_reads_them() {
    let mut server = Standalone::start().await;
    let data = server.data();
    let secrets = || {
        ["admin-token", "cluster-secret", "signing-key"].map(|name| {
            let file = data.join(name);
            let about = std::fs::metadata(&file).expect("the file");
            assert_eq!(about.permissions().mode() & 0o777, 0o600, "{name}");
            std::fs::read_to_string(&file).expect("its text")
        })
    };
    let made = secrets();
    assert_eq!(made.each_ref().map(|secret| secret.trim().len()), [64; 3]);
    server.process.interrupt();
    let (status, _) = server.process.ended().await;
    assert!(status.success(), "{status}");
    server.restart().await;
    assert_eq!(secrets(), made);
    let log = server.process.whole_log();
    for name in ["admin-token", "cluster-secret", "signing-key"] {
        let file = data.join(name).display().to_string();
        let said = |line: &&str| line.contains("made a secret") && line.contains(&file);
        assert_eq!(log.lines().filter(said).count(), 1, "{name}: {log}");
    }
}

#[tokio::test]
async fn a_demo_has_a_programme_without_anybody_doing_anything() {
    let server = Standalone::with(&["--demo"]).await;
    until("something is on sale", SOON, async || {
        let listed = asks(server.edge(), &Call::get("/v1/events?limit=1")).await;
        let listed: serde_json::Value = serde_json::from_slice(&listed.body).expect("JSON");
        (listed["events"][0]["status"] == "on_sale").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_load_test_of_a_server_says_that_all_it_was_told_agrees() {
    let server = Standalone::start().await;
    let (edge, core) = (server.edge().to_string(), server.core().to_string());
    let token = server.data().join("admin-token").display().to_string();
    let smoke = |core: &str| {
        let little = ["--browsers", "1", "--watchers", "1", "--buyers", "2"];
        let servers = ["--edge", &edge, "--core", core, "--token-file", &token];
        let all = [
            &["loadtest", "smoke", "--seconds", "1"],
            &little[..],
            &servers,
        ];
        parterre(&all.concat())
    };
    says(&smoke(&core), 0, "Everything agrees.");
    let nobody = format!("http://{}", free_address());
    says(&smoke(&nobody), 2, "the test can't begin");
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file() {
    let folder = TempDir::new().expect("a folder");
    let config = folder.path().join("parterre.toml");
    std::fs::write(&config, "store = \"embedded:/named/by/file\"\n").expect("a file");
    let config = config.display().to_string();
    let file = ["check", "--config", &config];
    let flag = [&file[..], &["--store", "embedded:/named/by/flag"]].concat();
    let environment = [("PARTERRE_STORE", "embedded:/named/by/environment")];
    says(&parterre(&file), 2, "/named/by/file,");
    says(
        &parterre_with(&environment, &file),
        2,
        "/named/by/environment,",
    );
    says(&parterre_with(&environment, &flag), 2, "/named/by/flag,");
}

#[test]
fn an_audit_makes_no_store_and_says_where_one_is() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    drop(EmbeddedStore::open(&data.join("store")).expect("a store"));
    std::fs::write(data.join("admin-token"), "0123456789abcdef").expect("a file");
    let (right, wrong) = (named(&data.join("store")), named(&data));
    let inside = data.join("store").display().to_string();
    says(&parterre(&["check", "--store", &wrong]), 2, &inside);
    let renewed = parterre(&["admin", "epoch", "--new", "--store", &wrong]);
    says(&renewed, 2, &inside);
    let mut kept: Vec<_> = std::fs::read_dir(&data)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    kept.sort();
    assert_eq!(kept, ["admin-token", "store"]);
    says(&parterre(&["check", "--store", &right]), 0, "");
}

#[tokio::test]
async fn an_audit_lists_what_is_broken_and_leaves_an_open_store_alone() {
    let folder = TempDir::new().expect("a folder");
    let store = EmbeddedStore::open(folder.path()).expect("a store");
    let named = named(folder.path());
    says(
        &parterre(&["check", "--store", &named]),
        2,
        "open in another",
    );
    let ticket = keys::ticket(EventId::from_number(1), TicketId(3));
    let commit = Commit {
        writes: vec![Write::Set(ticket, b"not a ticket".to_vec())],
        record: Bytes::new(),
        marker: Marker {
            key: keys::marker([1; 16], 0),
            batch: [1; 16],
        },
    };
    let transaction = store.begin().await.expect("a transaction");
    assert!(transaction.commit(commit).await.is_ok());
    drop(store);
    let checked = parterre(&["check", "--store", &named]);
    let list = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert_eq!(checked.status.code(), Some(1), "{list}");
    assert!(list.contains("records-are-readable: "), "{list}");
}

#[tokio::test]
async fn a_pass_is_checked_with_keys_in_a_file_and_no_server() {
    let mut server = Standalone::start().await;
    let event = hall(&mut server.admin(), &about("An Evening"), 20).await;
    let id = event.summary.id;
    let mut buyer = Buyer::at(server.edge());
    buyer.finds(id).await;
    let reserved = buyer.reserves(id, &[7]).await;
    buyer.pays(&reserved, "prompt").await;
    buyer.waits_for(&reserved, Paid).await;
    let owned = buyer.reads(&reserved).await;
    let pass = owned.tickets[0].pass.as_deref().expect("a pass");
    let keys = asks(server.edge(), &Call::get("/v1/keys")).await.body;
    server.process.kill();

    let folder = TempDir::new().expect("a folder");
    let file = |name: &str, text: &[u8]| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("a file");
        file.display().to_string()
    };
    let right = file("keys.json", &keys);
    let none = file("none.json", b"{\"keys\": []}");
    let check = |pass: &str, keys: &str| parterre(&["check-ticket", pass, "--keys", keys]);
    says(&check(pass, &right), 0, "ticket 7\n");
    says(
        &check(&pass.replacen("eyJ", "eyK", 2), &right),
        1,
        "not valid",
    );
    says(&check(pass, &none), 2, "no Ed25519 key");
    says(&check(pass, "/nowhere/keys.json"), 2, "/nowhere/keys.json");
}

#[tokio::test]
async fn an_edge_lives_before_it_is_ready() {
    let folder = TempDir::new().expect("a folder");
    let secret = folder.path().join("cluster-secret");
    std::fs::write(&secret, "a-secret-of-the-stories-cluster").expect("a file");
    let [listen, nobody, ops] = [free_address(), free_address(), free_address()];
    let arguments = [
        "edge",
        "--core",
        &format!("http://{nobody}"),
        "--listen",
        &listen.to_string(),
        "--ops-listen",
        &ops.to_string(),
        "--cluster-secret-file",
        &secret.display().to_string(),
    ];
    let edge = Process::start(&arguments, ops, &folder.path().join("edge.log"));
    let _edge = edge.expect("it starts");
    until("it lives", SOON, async || {
        let alive = Client::new(ops.into()).send(&Call::get("/healthz")).await;
        alive.is_ok_and(|answer| answer.status == 200).then_some(())
    })
    .await;
    let ready = asks(ops.into(), &Call::get("/readyz")).await;
    assert_eq!(ready.status, 503);
    assert!(ready.header("request-id").is_some());
    let wrong = asks(ops.into(), &Call::new(Method::POST, "/readyz")).await;
    assert_eq!(wrong.status, 405);
    assert_eq!(
        wrong.header("content-type"),
        Some("application/problem+json")
    );
}

#[tokio::test]
async fn an_import_outside_the_creation_window_is_put_off_unless_it_is_urgent() {
    let server = Standalone::start().await;
    let (core, token) = (server.core().to_string(), server.token());
    // Closed now, and for an hour to come.
    let opens = |hours: u64| {
        let at = parterre_loadtest::now() + Duration::from_secs(hours * 3_600);
        at.to_string()[11..16].to_owned()
    };
    let window =
        serde_json::json!({ "mode": "daily", "from": opens(2), "to": opens(3), "tz": "UTC" });
    let put = Call::new(Method::PUT, "/admin/v1/creation-window")
        .with_body("application/json", window.to_string())
        .bearer(&token);
    assert_eq!(asks(server.core(), &put).await.status, 200);
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("event.json");
    let event = |title: &str, seats: u32| {
        let event = serde_json::json!({
            "event": { "title": title, "category": "concert", "venue": "Hall", "city": "Ghent",
                       "starts_at": "2090-05-01T19:00:00" },
            "tiers": [{ "id": "all", "name": "All", "price": 4500 }],
            "rows": [{ "section": "Stalls", "row": "A", "seats": seats, "tier": "all" }],
        });
        std::fs::write(&file, event.to_string()).expect("a file");
    };
    let path = file.display().to_string();
    let import = ["admin", "import", &path, "--core", &core, "--token", &token];
    let urgent = [&import[..], &["--urgent"]].concat();
    event("Small", 24);
    let put_off = parterre(&import);
    says(
        &put_off,
        0,
        ": \"Small\"\n0 events with 0 tickets published",
    );
    says(&put_off, 0, "put off until 2");
    event("Large", 1_200);
    says(&parterre(&import), 1, "stays behind as draft");
    says(
        &parterre(&urgent),
        0,
        "1 events with 1200 tickets published",
    );
}

#[tokio::test]
async fn a_server_ends_in_time_whatever_is_still_in_flight() {
    /// Well above what an end without anything in flight takes.
    const DRAIN: Duration = Duration::from_secs(4);
    let mut server = Standalone::with(&["--drain", "4s"]).await;
    let event = hall(&mut server.admin(), &about("An Evening"), 40).await;
    let path = format!("/v1/events/{}/reservations", event.summary.id);
    let _buyer = half_a_request(&server.edge(), &path, "").await;
    let draft = server.admin().create(&about("A Draft")).await;
    let draft = draft.expect("a draft").summary.id;
    let upload = format!("/admin/v1/events/{draft}/tickets");
    let administrator = format!("Authorization: Bearer {}\r\n", server.token());
    let _upload = half_a_request(&server.core(), &upload, &administrator).await;
    server.process.terminate();
    let (status, took) = server.process.ended().await;
    assert!(status.success(), "{status}");
    // Each of them alone would take three quarters of the time.
    assert!(took < DRAIN * 5 / 4, "it took {took:?}");
}

/// Sends the beginning of a request whose body never ends, and waits until it is taken.
async fn half_a_request(origin: &Origin, path: &str, headers: &str) -> TcpStream {
    let stream = TcpStream::connect(origin.authority()).await;
    let mut stream = stream.expect("a connection");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\n{headers}Content-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n",
        origin.authority()
    );
    stream.write_all(head.as_bytes()).await.expect("the head");
    let mut went_on = [0; 25];
    stream.read_exact(&mut went_on).await.expect("100 Continue");
    assert!(went_on.starts_with(b"HTTP/1.1 100"), "{went_on:?}");
    stream.write_all(b"{\"ti").await.expect("the beginning");
    stream
}

async fn asks(of: Origin, call: &Call) -> Answer {
    let answer = Client::new(of).send(call).await;
    answer.unwrap_or_else(|error| panic!("{}: {error:?}", call.name()))
}

/// What follows a text on its line.
fn behind(said: &str, mark: &str) -> String {
    let line = said.lines().find_map(|line| line.split_once(mark));
    let (_, rest) = line.unwrap_or_else(|| panic!("{mark:?} isn't in {said}"));
    rest.to_owned()
}

/// That a command ended with a code and said something.
fn says(output: &Output, code: i32, expected: &str) {
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(expected), "{expected:?} isn't in {said}");
}

fn named(store: &Path) -> String {
    format!("embedded:{}", store.display())
}
