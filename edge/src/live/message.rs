//! Messages to and from bytes, in either subprotocol. Both carry the same maps; MessagePack
//! writes ids, revs and times as the same texts as JSON, so that a client can compare them.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use parterre_domain::Object;
use parterre_domain::wire::live::{FromClient, JSON, MSGPACK, ToClient};

use super::event;
use super::frame::{self, HEADER_ROOM, Opcode};
use super::reader::Incoming;

/// How messages are written on one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subprotocol {
    /// `parterre.v1.json`, text frames.
    Json,
    /// `parterre.v1.msgpack`, binary frames.
    Msgpack,
    /// Server-Sent Events
    /// (<https://html.spec.whatwg.org/multipage/server-sent-events.html>), which only the
    /// edge writes.
    Events,
}

impl Subprotocol {
    /// The one with a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            JSON => Some(Self::Json),
            MSGPACK => Some(Self::Msgpack),
            _ => None,
        }
    }

    /// Its name in the handshake.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Json => JSON,
            Self::Msgpack => MSGPACK,
            Self::Events => "text/event-stream",
        }
    }

    /// A message as a frame, ready to be written.
    ///
    /// # Panics
    ///
    /// Never: our messages can be written to memory.
    #[expect(clippy::expect_used, reason = "see Panics")]
    pub fn encode(self, message: &ToClient) -> Bytes {
        let mut buffer = vec![0; HEADER_ROOM];
        match self {
            Self::Events => event::written(message),
            Self::Json => {
                serde_json::to_writer(&mut buffer, message).expect("messages can be encoded");
                frame::seal(Opcode::Text, buffer)
            }
            Self::Msgpack => {
                let mut serializer = rmp_serde::Serializer::new(&mut buffer)
                    .with_struct_map()
                    .with_human_readable();
                message
                    .serialize(&mut serializer)
                    .expect("messages can be encoded");
                frame::seal(Opcode::Binary, buffer)
            }
        }
    }

    /// A client's message.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn decode(self, incoming: &Incoming<'_>) -> Result<FromClient, String> {
        match (self, incoming) {
            (Self::Json, Incoming::Text(text)) => serde_json::from_str(text)
                .map(|Object(message)| message)
                .map_err(|error| error.to_string()),
            (Self::Msgpack, Incoming::Binary(bytes)) => unpack(bytes),
            (Self::Events, _) => Err("nothing is said to a stream of events".to_owned()),
            (Self::Json, _) => Err(format!("{JSON} wants text messages")),
            (Self::Msgpack, _) => Err(format!("{MSGPACK} wants binary messages")),
        }
    }
}

/// A message in MessagePack, which says itself where it ends: nothing may follow it.
fn unpack(bytes: &[u8]) -> Result<FromClient, String> {
    let mut left = bytes;
    let mut deserializer = rmp_serde::Deserializer::new(&mut left).with_human_readable();
    let read = Object::deserialize(&mut deserializer);
    let Object(message) = read.map_err(|error| error.to_string())?;
    if left.is_empty() {
        Ok(message)
    } else {
        Err(format!("{} bytes follow the message", left.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parterre_domain::{EventId, Position, Rev, Timestamp, wire::live::Changes};

    fn event() -> EventId {
        EventId::new(Timestamp::from_millis(1_700_000_000_000), 7)
    }

    fn rev(n: u64) -> Rev {
        Rev {
            epoch: 1,
            position: Position::from_sequence(n),
        }
    }

    #[test]
    fn a_bad_message_is_told_what_is_wrong_with_it() {
        let id = event();
        let rows = [
            ("{", "EOF"),
            (r#"{"op":"buy"}"#, "unknown variant `buy`"),
            (r#"{"op":"subscribe"}"#, "missing field `event`"),
            (r#"{"op":"subscribe","event":"x"}"#, "not a ULID"),
            (
                &format!(r#"{{"op":"subscribe","event":"{id}","since":"12"}}"#),
                "not a rev",
            ),
            (
                &format!(r#"{{"op":"subscribe","event":"{id}","from":1}}"#),
                "unknown field `from`",
            ),
            (r#"["catalog"]"#, "expected an object"),
            (
                r#"{"op":"catalog","event":1}"#,
                "unknown field `event`, there are no fields",
            ),
            (r#"{"op":"catalog"}{}"#, "trailing characters"),
        ];
        for (text, expected) in rows {
            let error = Subprotocol::Json.decode(&Incoming::Text(text)).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let binary = Subprotocol::Json.decode(&Incoming::Binary(b"{}"));
        assert!(binary.unwrap_err().contains("text"));
    }

    #[test]
    fn a_binary_message_is_one_map_with_nothing_behind_it() {
        let catalog = b"\x81\xa2op\xa7catalog";
        let rows: [(&[u8], &str); 4] = [
            (catalog, ""),
            (b"\x91\xa7catalog", "expected an object"),
            (b"\x82\xa2op\xa7catalog\xa1x\x01", "unknown field `x`"),
            (&[&catalog[..], &catalog[..]].concat(), "12 bytes follow"),
        ];
        for (bytes, expected) in rows {
            let decoded = Subprotocol::Msgpack.decode(&Incoming::Binary(bytes));
            match decoded {
                Ok(message) => assert_eq!((message, expected), (FromClient::Catalog {}, "")),
                Err(why) => {
                    let told = !expected.is_empty() && why.contains(expected);
                    assert!(told, "{}: {why}", bytes.escape_ascii());
                }
            }
        }
    }

    #[test]
    fn both_subprotocols_carry_the_same_maps() {
        let message = ToClient::Delta {
            event: event(),
            from: rev(1),
            rev: rev(2),
            counts: parterre_domain::Counts::all_free(3),
            changes: Changes {
                p: vec![parterre_domain::TicketId(2)],
                ..Changes::default()
            },
        };
        let json = Subprotocol::Json.encode(&message);
        let json: serde_json::Value = serde_json::from_slice(&json[4..]).unwrap();
        let packed = Subprotocol::Msgpack.encode(&message);
        let packed: serde_json::Value = rmp_serde::from_slice(&packed[4..]).unwrap();
        assert_eq!(json, packed);
        assert_eq!(json["op"], "delta");
        assert_eq!(json["rev"], rev(2).to_string());
        assert_eq!(json["changes"], serde_json::json!({"p": [2]}));
    }

    #[test]
    fn a_subscription_reads_the_same_in_both_subprotocols() {
        let message = FromClient::Subscribe {
            event: event(),
            since: Some(rev(9)),
        };
        let json = serde_json::to_string(&message).unwrap();
        let decoded = Subprotocol::Json.decode(&Incoming::Text(&json));
        assert_eq!(decoded.as_ref(), Ok(&message));
        let map: serde_json::Value = serde_json::from_str(&json).unwrap();
        let packed = rmp_serde::to_vec_named(&map).unwrap();
        let decoded = Subprotocol::Msgpack.decode(&Incoming::Binary(&packed));
        assert_eq!(decoded, Ok(message));
    }
}
