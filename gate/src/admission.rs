//! Who may come in: rates of requests and numbers of connections, by client.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderMap;

use parterre_domain::limits;

use crate::client::{Client, Network, Proxies};
use crate::rate::{Rate, Rates};

/// What an edge is told about its clients.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How much one client may ask; none means as much as it likes.
    pub rate: Option<Rate>,
    /// Who is never refused for asking too much.
    pub exempt: Vec<Network>,
    /// Whose word about clients is believed.
    pub proxies: Proxies,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            rate: Some(Rate::default()),
            exempt: Vec::new(),
            proxies: Proxies::default(),
        }
    }
}

/// Keeps the rules. One for all shards of an edge.
#[derive(Debug)]
pub struct Admission {
    began: Instant,
    exempt: Vec<Network>,
    proxies: Proxies,
    rates: Option<Rates>,
    places: Arc<Places>,
}

/// Somebody who makes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Nothing is counted.
    Exempt,
    /// Counted.
    Counted(Client),
}

/// A client asks too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuch {
    /// How long until it may ask again.
    pub wait: Duration,
}

impl TooMuch {
    /// The same in whole seconds, as `Retry-After` says it.
    pub fn seconds(self) -> u32 {
        let seconds = self.wait.as_millis().div_ceil(1_000).max(1);
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }
}

impl Admission {
    /// Nobody has come yet.
    pub fn new(rules: Rules) -> Self {
        Self {
            began: Instant::now(),
            exempt: rules.exempt,
            proxies: rules.proxies,
            rates: rules.rate.map(Rates::new),
            places: Arc::default(),
        }
    }

    /// Who a connection comes from. A trusted proxy brings connections of many clients,
    /// so it is counted by request and not by connection.
    pub fn peer(&self, peer: IpAddr) -> Caller {
        if self.proxies.trusts(peer) {
            Caller::Exempt
        } else {
            self.caller(peer)
        }
    }

    /// Who makes a request.
    pub fn author(&self, peer: IpAddr, headers: &HeaderMap) -> Caller {
        self.caller(self.proxies.origin(peer, headers))
    }

    fn caller(&self, address: IpAddr) -> Caller {
        // On a machine of its own, everybody on loopback is the operator; behind a proxy
        // on the same machine, everybody is.
        let is_own = self.proxies.networks.is_empty() && address.to_canonical().is_loopback();
        if is_own || self.exempt.iter().any(|network| network.contains(address)) {
            Caller::Exempt
        } else {
            Caller::Counted(Client::of(address))
        }
    }

    /// Counts a request, or a new connection.
    ///
    /// # Errors
    ///
    /// When it is one too many.
    pub fn count(&self, caller: Caller, now: Instant) -> Result<(), TooMuch> {
        let (Some(rates), Caller::Counted(client)) = (&self.rates, caller) else {
            return Ok(());
        };
        let now = now.saturating_duration_since(self.began);
        rates.take(client, now).map_err(|wait| TooMuch { wait })
    }

    /// A place for one more connection of a client; none when it has too many.
    pub fn place(&self, caller: Caller) -> Option<Place> {
        match caller {
            Caller::Exempt => Some(Place(None)),
            Caller::Counted(client) => Places::take(&self.places, client),
        }
    }
}

/// How many connections each client has. As large as there are connections, which are
/// bounded themselves.
#[derive(Debug, Default)]
struct Places(Mutex<HashMap<Client, usize>>);

impl Places {
    fn take(places: &Arc<Self>, client: Client) -> Option<Place> {
        let mut taken = places.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(client).or_default();
        if *count >= limits::CONNECTIONS_PER_CLIENT {
            return None;
        }
        *count += 1;
        Some(Place(Some((Arc::clone(places), client))))
    }

    fn give_back(&self, client: Client) {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&client);
            }
        }
    }
}

/// A connection's place among those of its client, given back when it is dropped.
#[derive(Debug)]
pub struct Place(Option<(Arc<Places>, Client)>);

impl Place {
    /// A place that isn't counted.
    pub fn uncounted() -> Self {
        Self(None)
    }

    /// Whether it is counted.
    pub fn is_counted(&self) -> bool {
        self.0.is_some()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((places, client)) = self.0.take() {
            places.give_back(client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn admission(proxies: &[&str], exempt: &[&str]) -> Admission {
        let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Admission::new(Rules {
            exempt: networks(exempt),
            proxies: Proxies {
                networks: networks(proxies),
                ..Proxies::default()
            },
            ..Rules::default()
        })
    }

    #[test]
    fn loopback_is_exempt_unless_a_proxy_is_trusted() {
        let counted = |admission: &Admission, peer: &str| {
            let caller = admission.author(address(peer), &HeaderMap::new());
            caller != Caller::Exempt
        };
        let direct = admission(&[], &["198.51.100.0/24"]);
        assert!(!counted(&direct, "127.0.0.1"));
        assert!(!counted(&direct, "::1"));
        assert!(!counted(&direct, "::ffff:127.0.0.1"));
        assert!(counted(&direct, "192.0.2.1"));
        assert!(!counted(&direct, "198.51.100.7"));
        let proxied = admission(&["127.0.0.0/8"], &[]);
        assert!(counted(&proxied, "127.0.0.1"));
        assert!(counted(&proxied, "::1"));
    }

    #[test]
    fn a_proxys_connections_are_its_clients() {
        let admission = admission(&["10.0.0.0/8"], &[]);
        assert_eq!(admission.peer(address("10.0.0.1")), Caller::Exempt);
        assert_ne!(admission.peer(address("192.0.2.1")), Caller::Exempt);
    }

    #[test]
    fn a_client_has_so_many_places_and_gets_back_what_it_leaves() {
        let admission = admission(&[], &[]);
        let caller = admission.peer(address("192.0.2.1"));
        let mut places: Vec<_> = (0..limits::CONNECTIONS_PER_CLIENT)
            .map(|_| admission.place(caller).unwrap())
            .collect();
        assert!(admission.place(caller).is_none());
        assert!(
            admission
                .place(admission.peer(address("192.0.2.2")))
                .is_some()
        );
        places.pop();
        places.push(admission.place(caller).unwrap());
        assert!(admission.place(caller).is_none());
        drop(places);
        assert!(admission.places.0.lock().unwrap().is_empty());
    }

    #[test]
    fn a_burst_is_let_in_and_the_next_is_told_when_to_come_back() {
        let admission = admission(&[], &[]);
        let caller = admission.peer(address("192.0.2.1"));
        let now = Instant::now();
        for _ in 0..limits::RATE_BURST.get() {
            admission.count(caller, now).unwrap();
        }
        assert_eq!(admission.count(caller, now).unwrap_err().seconds(), 1);
        admission
            .count(caller, now + Duration::from_secs(1))
            .unwrap();
        for _ in 0..1_000 {
            admission.count(Caller::Exempt, now).unwrap();
        }
    }
}
