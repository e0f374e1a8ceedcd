//! Whatever stands in the headers of proxies, a client can neither break the reading of
//! them nor choose who it is.

#[path = "../../tests/strange/mod.rs"]
mod strange;

use std::net::IpAddr;

use http::header::FORWARDED;
use http::{HeaderMap, HeaderName, HeaderValue};

use self::strange::{each, each_text};
use crate::client::{Network, Proxies, ProxyHeader};

const PEER: &str = "10.0.0.1";
const SEEN: &str = "192.0.2.1";

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn proxies(header: ProxyHeader) -> (Proxies, HeaderName, String) {
    let networks = ["10.0.0.0/8", "2001:db8:1::/48"];
    let networks = networks.map(|network| network.parse().unwrap()).to_vec();
    let (name, seen) = match header {
        ProxyHeader::XForwardedFor => (HeaderName::from_static("x-forwarded-for"), SEEN.into()),
        ProxyHeader::Forwarded => (FORWARDED, format!("for={SEEN}")),
    };
    (Proxies { networks, header }, name, seen)
}

#[test]
fn what_a_client_writes_ahead_of_a_proxy_changes_nothing() {
    let samples: [&[u8]; 6] = [
        b"203.0.113.7, 10.0.0.2",
        b"[2001:db8:2::1]:80, unknown",
        b"for=203.0.113.7;proto=https, for=\"[2001:db8:2::1]:4711\"",
        b"for=_hidden;by=10.0.0.9",
        b"10.0.0.3,,\t,10.0.0.4:99999",
        b"\"10.0.0.3, for=1.2.3.4",
    ];
    for header in [ProxyHeader::XForwardedFor, ProxyHeader::Forwarded] {
        let (proxies, name, seen) = proxies(header);
        each(&samples, |bytes| {
            let Ok(written) = HeaderValue::from_bytes(bytes) else {
                return;
            };
            let of = |lines: &[&HeaderValue], peer: &str| {
                let mut headers = HeaderMap::new();
                for line in lines {
                    headers.append(&name, (*line).clone());
                }
                proxies.origin(address(peer), &headers)
            };
            let line = HeaderValue::try_from(&*seen).unwrap();
            assert_eq!(of(&[&written, &line], PEER), address(SEEN));
            assert_eq!(of(&[&written], SEEN), address(SEEN), "for itself");
            if written.to_str().is_ok() {
                let one = [bytes, b", ", seen.as_bytes()].concat();
                let one = HeaderValue::from_bytes(&one).unwrap();
                assert_eq!(of(&[&one], PEER), address(SEEN));
            }
        });
    }
}

#[test]
fn a_network_contains_its_own_address_or_is_refused_with_a_reason() {
    let samples = [
        "10.0.0.0/8",
        "2001:db8::1/128",
        "0.0.0.0/0",
        "::ffff:10.0.0.1/96",
    ];
    each_text(&samples, |text| match text.parse::<Network>() {
        Ok(network) => {
            let own = text.split('/').next().unwrap_or_default();
            assert!(network.contains(address(own)), "{text}");
        }
        Err(why) => assert!(why.contains("is no network"), "{why}"),
    });
}
