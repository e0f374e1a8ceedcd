//! Where a server listens.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A server's origin without TLS, such as `http://127.0.0.1:8080`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin {
    authority: String,
}

/// A text that isn't such an origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an origin such as http://127.0.0.1:8080")]
pub struct BadOrigin;

impl Origin {
    /// Host and port, as `Host` says and as a socket connects to.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

impl From<std::net::SocketAddr> for Origin {
    fn from(address: std::net::SocketAddr) -> Self {
        Self {
            authority: address.to_string(),
        }
    }
}

impl FromStr for Origin {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        let authority = text.strip_prefix("http://").ok_or(BadOrigin)?;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
        if host.is_empty() || host.contains('/') || port.parse::<u16>().is_err() {
            return Err(BadOrigin);
        }
        Ok(Self {
            authority: format!("{host}:{port}"),
        })
    }
}

impl TryFrom<String> for Origin {
    type Error = BadOrigin;

    fn try_from(text: String) -> Result<Self, BadOrigin> {
        text.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_host_and_a_port() {
        let check = |text: &str, expected: Option<&str>| {
            let origin = text.parse::<Origin>().ok();
            let authority = origin.as_ref().map(Origin::authority);
            assert_eq!(authority, expected, "{text}");
        };
        check("http://127.0.0.1:8080", Some("127.0.0.1:8080"));
        check("http://edge.example:81/", Some("edge.example:81"));
        check("http://edge.example", Some("edge.example:80"));
        check("https://edge.example", None);
        check("http://:80", None);
        check("http://edge:80/v1", None);
        check("edge:80", None);
    }
}
