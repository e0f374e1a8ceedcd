//! Messages as Server-Sent Events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>): `event` is the op,
//! `data` the whole message as JSON, which has no line break, and `id` the rev where the
//! client then stands.
//!
//! A detail has no id, though it has a rev: it comes ahead of the frame that leads there,
//! and a client whose connection breaks between the two must come back for both.

use bytes::Bytes;

use parterre_domain::Rev;
use parterre_domain::wire::live::ToClient;

/// A message as an event.
///
/// # Panics
///
/// Never: our messages can be written to memory.
#[expect(clippy::expect_used, reason = "see Panics")]
pub(crate) fn written(message: &ToClient) -> Bytes {
    let mut text = Vec::with_capacity(256);
    text.extend_from_slice(b"event: ");
    text.extend_from_slice(op(message).as_bytes());
    if let Some(rev) = stands_at(message) {
        text.extend_from_slice(format!("\nid: {rev}").as_bytes());
    }
    text.extend_from_slice(b"\ndata: ");
    serde_json::to_writer(&mut text, message).expect("messages can be encoded");
    text.extend_from_slice(b"\n\n");
    text.into()
}

/// The end of a stream: how long to wait before coming back.
pub(crate) fn last(reconnect_after_ms: u32) -> Bytes {
    format!("retry: {reconnect_after_ms}\n\n").into()
}

fn op(message: &ToClient) -> &'static str {
    match message {
        ToClient::Snapshot { .. } => "snapshot",
        ToClient::Resumed { .. } => "resumed",
        ToClient::Delta { .. } => "delta",
        ToClient::Event { .. } => "event",
        ToClient::Counts { .. } => "counts",
        ToClient::Heartbeat { .. } => "heartbeat",
        ToClient::Stale { .. } => "stale",
        ToClient::Fresh => "fresh",
        ToClient::Error { .. } => "error",
    }
}

fn stands_at(message: &ToClient) -> Option<Rev> {
    match message {
        ToClient::Snapshot { rev, .. }
        | ToClient::Resumed { rev, .. }
        | ToClient::Delta { rev, .. } => Some(*rev),
        ToClient::Event { .. }
        | ToClient::Counts { .. }
        | ToClient::Heartbeat { .. }
        | ToClient::Stale { .. }
        | ToClient::Fresh
        | ToClient::Error { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parterre_domain::{Counts, EventId, Timestamp};

    #[test]
    fn a_message_is_one_event_of_its_op_and_its_rev() {
        let event = EventId::new(Timestamp::from_millis(1_700_000_000_000), 7);
        let rev = Rev::default();
        let check = |message: &ToClient, id: Option<Rev>| {
            let text = String::from_utf8(written(message).to_vec()).unwrap();
            let body = text.strip_suffix("\n\n").unwrap();
            let field = |name| body.lines().find_map(|line| line.strip_prefix(name));
            let data: serde_json::Value = serde_json::from_str(field("data: ").unwrap()).unwrap();
            assert_eq!(data, serde_json::to_value(message).unwrap(), "{text}");
            assert_eq!(data["op"], field("event: ").unwrap(), "{text}");
            let id = id.map(|rev| rev.to_string());
            assert_eq!(field("id: "), id.as_deref(), "{text}");
            assert_eq!(body.lines().count(), 2 + usize::from(id.is_some()));
        };
        check(
            &ToClient::Snapshot {
                event,
                rev,
                counts: Counts::all_free(2),
                states: "ff".into(),
            },
            Some(rev),
        );
        check(&ToClient::Resumed { event, rev }, Some(rev));
        check(&ToClient::Stale { seconds: 3 }, None);
        check(&ToClient::Fresh, None);
        let detail = "one\nand two\r\n".to_owned();
        let code = "malformed".to_owned();
        check(&ToClient::Error { code, detail }, None);
    }
}
