//! What an edge is told about its clients.

use std::num::NonZeroU32;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use parterre_gate::admission::Rules;
use parterre_gate::client::{Network, Proxies, ProxyHeader};
use parterre_gate::rate::Rate;

/// How clients are told apart and limited.
#[derive(Debug, Args)]
pub(crate) struct Clients {
    /// Requests a second and at once of one client address, as RATE or RATE:BURST; or off.
    #[arg(long, env = "PARTERRE_RATE_LIMIT", default_value = "50:200", value_name = "RATE[:BURST]", value_parser = rate_limit)]
    pub(crate) rate_limit: RateLimit,
    /// Networks that are never refused for asking too much, separated by commas; repeatable.
    #[arg(
        long,
        env = "PARTERRE_RATE_LIMIT_EXEMPT",
        value_name = "NETWORK",
        value_delimiter = ','
    )]
    pub(crate) rate_limit_exempt: Vec<Network>,
    /// Networks of the proxies that are believed about client addresses, separated by
    /// commas; repeatable.
    #[arg(
        long,
        env = "PARTERRE_TRUSTED_PROXY",
        value_name = "NETWORK",
        value_delimiter = ','
    )]
    pub(crate) trusted_proxy: Vec<Network>,
    /// The header in which trusted proxies name client addresses.
    #[arg(
        long,
        env = "PARTERRE_TRUSTED_PROXY_HEADER",
        default_value = "x-forwarded-for"
    )]
    pub(crate) trusted_proxy_header: Header,
}

/// How much one client may ask; none means as much as it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateLimit(Option<Rate>);

/// A header that names clients.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Header {
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl Clients {
    /// The rules for clients.
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            rate: self.rate_limit.0,
            exempt: self.rate_limit_exempt.clone(),
            proxies: Proxies {
                networks: self.trusted_proxy.clone(),
                header: match self.trusted_proxy_header {
                    Header::XForwardedFor => ProxyHeader::XForwardedFor,
                    Header::Forwarded => ProxyHeader::Forwarded,
                },
            },
        }
    }
}

/// `50`, `50:200` or `off`. Without a burst it is what four seconds let pass.
fn rate_limit(text: &str) -> Result<RateLimit, String> {
    if text == "off" {
        return Ok(RateLimit(None));
    }
    let number = |text: &str| {
        let number = NonZeroU32::from_str(text).ok();
        number
            .filter(|number| number.get() <= MOST)
            .ok_or_else(|| format!("{text:?} isn't between 1 and {MOST}; write 50:200, or off"))
    };
    let (per_second, burst) = match text.split_once(':') {
        Some((per_second, burst)) => (number(per_second)?, number(burst)?),
        None => {
            let per_second = number(text)?;
            (per_second, per_second.saturating_mul(FOUR))
        }
    };
    Ok(RateLimit(Some(Rate { per_second, burst })))
}

const MOST: u32 = 1_000_000;
const FOUR: NonZeroU32 = NonZeroU32::new(4).unwrap();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_with_and_without_its_burst() {
        let check = |text: &str, expected: Option<(u32, u32)>| {
            let read = rate_limit(text).unwrap().0;
            let read = read.map(|rate| (rate.per_second.get(), rate.burst.get()));
            assert_eq!(read, expected, "{text}");
        };
        check("off", None);
        check("50:200", Some((50, 200)));
        check("10", Some((10, 40)));
        assert_eq!(rate_limit("50:200"), Ok(RateLimit(Some(Rate::default()))));
        for bad in [
            "", "0", "-1", "50:", ":200", "50:0", "1000001", "1:2:3", "Off",
        ] {
            assert!(rate_limit(bad).is_err(), "{bad}");
        }
    }
}
