//! What peers are told is understood by them: each is started for real where it is
//! installed.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::nginx::{Nginx, Page};
use super::peer::{NCHAN, NGINX, POSTGRES, Peer, VARNISH};
use super::postgres::Postgres;
use super::varnish::Varnish;
use crate::bench::Stage;
use crate::process::{cpu_of_tree, started};
use crate::raw::{Connection, get};

const BODY: &str = r#"{"event":"01","states":"ffff"}"#;

fn stage() -> Stage {
    Stage::new(None, 1, 1).unwrap()
}

/// Whether a peer is there; tests pass over one that isn't.
fn has(peer: &Peer) -> bool {
    if !peer.is_installed() {
        println!("skipped: {}", peer.said());
    }
    peer.is_installed()
}

/// An edge that knows one page.
async fn edge() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let length = BODY.len();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: \"7\"\r\n\
                     Cache-Control: public, max-age=1\r\nVary: Accept, Accept-Encoding\r\n\
                     Content-Length: {length}\r\n\r\n{BODY}"
                );
                let mut request = [0; 4 << 10];
                while stream.read(&mut request).await.unwrap_or(0) > 0 {
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

async fn read(address: SocketAddr, headers: &[(&str, &str)]) -> (u16, String) {
    let mut connection = Connection::open(address).await.unwrap();
    let request = get(&address.to_string(), "/v1/events/1", headers);
    let answer = connection.call(&request).await.unwrap();
    let body = String::from_utf8(answer.body.to_vec()).unwrap();
    (answer.status, body)
}

#[tokio::test]
async fn nginx_serves_the_same_bytes_from_its_cache_and_from_a_file() {
    if !has(&NGINX) {
        return;
    }
    let (stage, edge) = (stage(), edge().await);
    let page = Page {
        path: "/v1/events/1".to_owned(),
        headers: vec![("parterre-rev".to_owned(), "a \"b\" \\".to_owned())],
        body: BODY.into(),
    };
    let nginx = Nginx::cache(&stage, edge, &[page]).await.unwrap();
    let whole = (200, BODY.to_owned());
    for address in [nginx.address, nginx.files] {
        for _ in 0..2 {
            assert_eq!(read(address, &[]).await, whole);
        }
    }
    let unchanged = read(nginx.address, &[("If-None-Match", "\"7\"")]).await;
    assert_eq!(unchanged, (304, String::new()));
    let worker = nginx.worker();
    drop(nginx);
    assert_eq!(started(worker), None);
}

#[tokio::test]
async fn varnish_serves_the_same_bytes_from_its_cache() {
    if !has(&VARNISH) {
        return;
    }
    let (stage, edge) = (stage(), edge().await);
    let varnish = Varnish::start(&stage, edge).await.unwrap();
    for _ in 0..2 {
        assert_eq!(read(varnish.address, &[]).await, (200, BODY.to_owned()));
    }
    let child = varnish.child();
    drop(varnish);
    assert_eq!(started(child), None);
}

#[tokio::test]
async fn nchan_brings_a_message_to_a_screen() {
    if !has(&NCHAN) {
        return;
    }
    let stage = stage();
    let frame = br#"{"op":"delta"}"#;
    let mut hot = super::hot::Hot::nchan(&stage, frame).await.unwrap();
    let pid = hot.pid();
    assert_eq!(hot.change().await, Ok(()));
    drop(hot);
    assert_eq!(started(pid), None);
}

#[tokio::test]
async fn postgres_reserves_and_refuses() {
    if !has(&POSTGRES) {
        return;
    }
    let stage = stage();
    let mut postgres = Postgres::start(&stage).await.unwrap();
    // Enough for ten reservations; what is asked for later is refused.
    postgres.publish(20).await.unwrap();
    let before = cpu_of_tree(postgres.id()).unwrap();
    let mut buyers = postgres.buyers(2).unwrap();
    let sold = async || postgres.reservations().await == Ok(10.0);
    buyers.until(sold).await.unwrap();
    drop(buyers);
    // Sessions have ended, and what they used is still counted.
    assert!(cpu_of_tree(postgres.id()).unwrap() > before);
    let pid = postgres.id();
    drop(postgres);
    assert_eq!(started(pid), None);
}
