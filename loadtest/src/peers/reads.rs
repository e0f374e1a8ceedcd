//! What a cached read costs the process that serves it.

use std::net::SocketAddr;

use super::nginx::{Nginx, Page};
use super::peer::{NGINX, VARNISH};
use super::report::Report;
use super::varnish::Varnish;
use crate::bench::{Calls, Floor, Parterre, Stage, again, like};
use crate::process::{Aside, Meter, SERVER_CORE};
use crate::raw::{Connection, get};
use crate::wire::{Call, Client, Failure};

/// Connections of the closed loop.
const CONNECTIONS: usize = 64;
/// Tickets of the event: its availability is some 2 KiB.
const TICKETS: u32 = 2_000;

/// Somebody who serves the pages.
struct Server {
    name: &'static str,
    address: SocketAddr,
    /// The process that does the work.
    pid: u32,
    /// Microseconds of its CPU time a read, of each turn.
    micros: Vec<f64>,
    per_second: Vec<f64>,
}

/// What is asked and what belongs in the answer.
struct Read {
    path: String,
    headers: Vec<(&'static str, String)>,
    status: u16,
    body: Vec<u8>,
}

/// Measures reads of one event's detail and of its availability, beside caches and files.
pub(super) async fn measure(stage: &Stage, report: &mut Report) -> Result<(), Failure> {
    let _aside = Aside::hold()?;
    let mut parterre = Parterre::start(stage, SERVER_CORE).await?;
    let event = parterre.publish(TICKETS).await?;
    let mut pages = Vec::new();
    for part in ["", "/availability"] {
        pages.push(page(&parterre, format!("/v1/events/{event}{part}")).await?);
    }
    let nginx = match NGINX.is_installed() {
        true => Some(Nginx::cache(stage, parterre.edge, &pages).await?),
        false => None,
    };
    let varnish = match VARNISH.is_installed() {
        true => Some(Varnish::start(stage, parterre.edge).await?),
        false => None,
    };
    for page in &pages {
        let mut servers = vec![Server::new("Parterre", parterre.edge, parterre.id())];
        if let Some(nginx) = &nginx {
            let (cache, files) = (nginx.address, nginx.files);
            servers.push(Server::new("nginx proxy_cache", cache, nginx.worker()));
            servers.push(Server::new("nginx, static file", files, nginx.worker()));
        }
        if let Some(varnish) = &varnish {
            servers.push(Server::new("varnish", varnish.address, varnish.child()));
        }
        let floor = Floor::of_reads(stage, &page.answer()).await?;
        let name = "bare recv() and send() loop";
        servers.push(Server::new(name, floor.address, floor.id()));
        let bytes = page.body.len();
        let what = format!("a cached read of {bytes} bytes");
        let read = Read::whole(page);
        by_turns(stage, &what, &mut servers, &read, report).await?;
    }
    let mut servers = vec![Server::new("Parterre", parterre.edge, parterre.id())];
    if let Some(nginx) = &nginx {
        servers.push(Server::new(
            "nginx proxy_cache",
            nginx.address,
            nginx.worker(),
        ));
    }
    for page in &pages[1..] {
        let read = Read::unchanged(page)?;
        by_turns(
            stage,
            "a read that is answered 304",
            &mut servers,
            &read,
            report,
        )
        .await?;
    }
    Ok(())
}

/// A page as the edge answers it.
async fn page(parterre: &Parterre, path: String) -> Result<Page, Failure> {
    let call = Call::get(path.clone());
    let answer = Client::new(parterre.edge.into()).send(&call).await?;
    if answer.status != 200 {
        return Err(Failure::Odd(format!("{} for {path}", answer.status)));
    }
    let headers = answer.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.to_string(), value.into_owned())
    });
    Ok(Page {
        path,
        headers: headers.collect(),
        body: answer.body.to_vec(),
    })
}

/// Measures all of them, one after another, as often as there are rounds.
async fn by_turns(
    stage: &Stage,
    what: &str,
    servers: &mut [Server],
    read: &Read,
    report: &mut Report,
) -> Result<(), Failure> {
    for round in 1..=stage.rounds {
        for server in servers.iter_mut() {
            stage.says(format!("{what}: {}, round {round}", server.name));
            server.measure(stage, read).await?;
        }
    }
    let Some((parterre, peers)) = servers.split_first() else {
        return Ok(());
    };
    let cost = format!("server CPU for {what}, µs");
    let rate = format!("{what}, a second on one core");
    if peers.is_empty() {
        report.add(&cost, &parterre.micros);
        report.add(&rate, &parterre.per_second);
    }
    for peer in peers {
        report.compare(&cost, &parterre.micros, peer.name, &peer.micros);
    }
    for peer in peers {
        report.compare(&rate, &parterre.per_second, peer.name, &peer.per_second);
    }
    Ok(())
}

impl Read {
    fn whole(page: &Page) -> Self {
        Self {
            path: page.path.clone(),
            headers: Vec::new(),
            status: 200,
            body: page.body.clone(),
        }
    }

    /// By somebody who has it.
    fn unchanged(page: &Page) -> Result<Self, Failure> {
        let tag = page.headers.iter().find(|(name, _)| name == "etag");
        let (_, tag) = tag.ok_or_else(|| Failure::Odd(format!("{} has no ETag", page.path)))?;
        Ok(Self {
            path: page.path.clone(),
            headers: vec![("If-None-Match", tag.clone())],
            status: 304,
            body: Vec::new(),
        })
    }
}

impl Server {
    fn new(name: &'static str, address: SocketAddr, pid: u32) -> Self {
        Self {
            name,
            address,
            pid,
            micros: Vec::new(),
            per_second: Vec::new(),
        }
    }

    async fn measure(&mut self, stage: &Stage, read: &Read) -> Result<(), Failure> {
        let headers = read.headers.iter();
        let headers: Vec<_> = headers.map(|(name, value)| (*name, &**value)).collect();
        let authority = self.address.to_string();
        // The first read fills every cache.
        let first = get(&authority, &read.path, &[]);
        Connection::open(self.address).await?.call(&first).await?;
        let request = get(&authority, &read.path, &headers);
        let mut connection = Connection::open(self.address).await?;
        let answer = connection.call(&request).await?;
        if (answer.status, answer.body) != (read.status, &read.body[..]) {
            let (name, status) = (self.name, answer.status);
            let what = format!("{name} answers {} with {status} and other bytes", read.path);
            return Err(Failure::Odd(what));
        }
        let calls = Calls::open(self.address, CONNECTIONS).await?;
        let check = like(read.status, read.body.len());
        let meter = Meter::start(self.pid)?;
        let made = calls.make(stage.lasts, &again(request), &check).await?;
        self.micros.push(made.micros_each(meter.spent()?));
        self.per_second.push(made.per_second());
        Ok(())
    }
}
