//! Who a client is: an address, told by the connection or by a proxy that is trusted.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use http::header::FORWARDED;
use http::{HeaderMap, HeaderName};

/// A client as limits tell it apart: an IPv4 address, or an IPv6 network of 64 bits,
/// which is what one customer of a provider has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Client(u64);

impl Client {
    /// The client at an address.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            // No IPv6 network begins with 32 zeros, so the two kinds never meet.
            IpAddr::V4(address) => u64::from(address.to_bits()),
            IpAddr::V6(address) => network(address),
        })
    }
}

fn network(address: Ipv6Addr) -> u64 {
    let [a, b, c, d, ..] = address.segments();
    [a, b, c, d]
        .iter()
        .fold(0, |bits, part| bits << 16 | u64::from(*part))
}

/// A network such as `10.0.0.0/8` or `2001:db8::/32`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether an address belongs to it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let common = match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros()
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros()
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        common >= u32::from(self.bits)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no network; write it like 10.0.0.0/8 or 2001:db8::1");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().map_err(|_| wrong())?,
            None => most,
        };
        if bits > most || address != address.to_canonical() {
            return Err(wrong());
        }
        Ok(Self { address, bits })
    }
}

/// The header in which trusted proxies say whom they speak for. One only: whichever a
/// proxy doesn't write, it may pass on as a client wrote it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyHeader {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// Which proxies are believed.
///
/// By their networks and not by a number of hops: who reaches the edge past the proxies
/// could otherwise name itself as it likes, and a hop more or less would make every
/// client the same or of its own choice.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// Their networks; none means that nobody is believed.
    pub networks: Vec<Network>,
    /// Where they say whom they speak for.
    pub header: ProxyHeader,
}

impl Proxies {
    /// Whether an address is a trusted proxy's.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|network| network.contains(address))
    }

    /// The address of whoever made a request: the peer, if it isn't a trusted proxy; else
    /// the last address in the header that isn't one, because everything before it is
    /// hearsay. Where the header ends or can't be read, the hop that wrote so.
    pub fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if self.networks.is_empty() {
            return peer;
        }
        let mut origin = peer;
        let mut named = match self.header {
            ProxyHeader::XForwardedFor => entries(headers, X_FORWARDED_FOR, plain),
            ProxyHeader::Forwarded => entries(headers, FORWARDED, forwarded),
        };
        while self.trusts(origin) {
            match named.next() {
                Some(Some(address)) => origin = address,
                Some(None) | None => break,
            }
        }
        origin
    }
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

type Entries<'a> = Box<dyn Iterator<Item = Option<IpAddr>> + 'a>;

/// A list header's entries from the last to the first, each as an address if it is one.
fn entries(headers: &HeaderMap, name: HeaderName, read: fn(&str) -> Option<IpAddr>) -> Entries<'_> {
    let lines = headers.get_all(name).into_iter().rev();
    Box::new(lines.flat_map(move |line| {
        let text = line.to_str().unwrap_or("");
        text.rsplit(',').map(move |entry| read(entry.trim()))
    }))
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn plain(text: &str) -> Option<IpAddr> {
    let address = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            let number = port.strip_prefix(':');
            if !port.is_empty() && !number.is_some_and(is_port) {
                return None;
            }
            return address.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
        }
        None => match text.split_once(':') {
            Some((address, port)) if is_port(port) && !address.is_empty() => address,
            _ => text,
        },
    };
    address.parse().ok()
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

/// The `for` of one element, such as `for="[2001:db8::1]:80";proto=https`. A comma within
/// quotes would cut an element in two; no address has one, so neither half is read.
fn forwarded(text: &str) -> Option<IpAddr> {
    let mut pairs = text.split(';').filter_map(|pair| pair.split_once('='));
    let (_, node) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    plain(node.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_is_an_ipv4_address_or_an_ipv6_network_of_64_bits() {
        let rows = [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("2001:db8::1", "2001:db8::ffff:2", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("2001:db8::1", "192.0.2.1", false),
        ];
        for (one, other, same) in rows {
            let is_same = Client::of(address(one)) == Client::of(address(other));
            assert_eq!(is_same, same, "{one} and {other}");
        }
    }

    #[test]
    fn a_network_contains_what_begins_with_its_bits() {
        let rows = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
        ];
        for (network, inside, contains) in rows {
            let network: Network = network.parse().unwrap();
            assert_eq!(
                network.contains(address(inside)),
                contains,
                "{network:?} {inside}"
            );
        }
        for bad in [
            "",
            "/8",
            "10.0.0.0/33",
            "10.0.0.0/",
            "::/129",
            "ten",
            "::ffff:10.0.0.1",
        ] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    /// What a request from a peer counts as, with proxies in 10.0.0.0/8 and 2001:db8:1::/48.
    fn check(header: ProxyHeader, peer: &str, lines: &[&[u8]], expected: &str) {
        let networks = ["10.0.0.0/8", "2001:db8:1::/48"];
        let proxies = Proxies {
            networks: networks.map(|network| network.parse().unwrap()).to_vec(),
            header,
        };
        let name = match header {
            ProxyHeader::XForwardedFor => X_FORWARDED_FOR,
            ProxyHeader::Forwarded => FORWARDED,
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, HeaderValue::from_bytes(line).unwrap());
        }
        let origin = proxies.origin(address(peer), &headers);
        assert_eq!(origin, address(expected), "{peer} {lines:?}");
    }

    #[test]
    fn the_last_address_that_is_no_proxy_is_the_client() {
        let check = |peer, lines: &[&str], expected| {
            let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
            check(ProxyHeader::XForwardedFor, peer, &lines, expected);
        };
        check("10.0.0.1", &["192.0.2.1"], "192.0.2.1");
        check("10.0.0.1", &["192.0.2.1, 10.0.0.2"], "192.0.2.1");
        check("10.0.0.1", &["192.0.2.1", "10.0.0.2"], "192.0.2.1");
        check("10.0.0.1", &["192.0.2.1:4711"], "192.0.2.1");
        check("2001:db8:1::1", &["[2001:db8:2::1]:80"], "2001:db8:2::1");
        check("10.0.0.1", &["2001:db8:2::1"], "2001:db8:2::1");
        check("10.0.0.1", &[], "10.0.0.1");
        // Whoever isn't a proxy speaks for itself.
        check("192.0.2.9", &["192.0.2.1"], "192.0.2.9");
        // What a client wrote itself stands before what the proxy saw.
        check("10.0.0.1", &["203.0.113.7, 192.0.2.1"], "192.0.2.1");
        check("10.0.0.1", &["10.0.0.7, 192.0.2.1"], "192.0.2.1");
        check("10.0.0.1", &["203.0.113.7", "192.0.2.1"], "192.0.2.1");
    }

    #[test]
    fn what_cant_be_read_is_put_down_to_the_hop_that_wrote_it() {
        let bad: [&[u8]; 9] = [
            b"",
            b"unknown",
            b"192.0.2.1, ",
            b"192.0.2.1, _hidden",
            b"192.0.2.1, 999.1.1.1",
            b"192.0.2.1, [2001:db8::1",
            b"192.0.2.1, [2001:db8::1]x",
            b"192.0.2.1, \xff\xfe",
            b"192.0.2.1, 10.0.0.0/8",
        ];
        for line in bad {
            check(ProxyHeader::XForwardedFor, "10.0.0.1", &[line], "10.0.0.1");
        }
        check(
            ProxyHeader::XForwardedFor,
            "10.0.0.1",
            &[b"192.0.2.1, garbage, 10.0.0.2"],
            "10.0.0.2",
        );
    }

    #[test]
    fn the_standard_header_is_read_when_it_is_the_chosen_one() {
        let check = |line: &str, expected| {
            check(
                ProxyHeader::Forwarded,
                "10.0.0.1",
                &[line.as_bytes()],
                expected,
            );
        };
        check("for=192.0.2.1", "192.0.2.1");
        check("proto=https; For=\"192.0.2.1:80\"", "192.0.2.1");
        check("for=203.0.113.7, for=\"[2001:db8:2::1]\"", "2001:db8:2::1");
        check("for=192.0.2.1, for=10.0.0.2;by=10.0.0.1", "192.0.2.1");
        check("for=unknown", "10.0.0.1");
        check("192.0.2.1", "10.0.0.1");
        check("for=\"192.0.2.1, 192.0.2.2\"", "10.0.0.1");
    }
}
