//! What a session says, as bytes.

use bytes::Bytes;

use parterre_domain::limits;
use parterre_domain::wire::live::{CloseCode, CloseReason, ToClient};

use super::{Hub, World};
use crate::live::event;
use crate::live::frame::{self, Opcode};
use crate::live::message::Subprotocol;
use crate::live::session::Say;

impl<W: World> Hub<W> {
    pub(super) fn render(&mut self, said: Say, subprotocol: Subprotocol) -> Bytes {
        match said {
            Say::Shared(frame) => {
                if frame.is_snapshot {
                    self.tally.snapshots += 1;
                    self.tally.skipped += u64::from(frame.skips_deltas);
                } else {
                    self.tally.deltas += 1;
                }
                frame.bytes
            }
            Say::Message(message) => {
                match message {
                    ToClient::Resumed { .. } => self.tally.resumed += 1,
                    ToClient::Error { .. } => self.tally.errors += 1,
                    _ => {}
                }
                subprotocol.encode(&message)
            }
            Say::Pong(payload) => frame::frame(Opcode::Pong, &payload),
            Say::Counts { all } => self.render_counts(all, subprotocol),
            Say::Heartbeat => subprotocol.encode(&ToClient::Heartbeat { at: self.wall }),
            Say::Stale => {
                let seconds = self.stale_seconds;
                subprotocol.encode(&ToClient::Stale { seconds })
            }
            Say::Close(code) => self.render_close(code, subprotocol),
        }
    }

    fn render_close(&mut self, code: u16, subprotocol: Subprotocol) -> Bytes {
        if code == CloseCode::Abuse as u16 {
            self.tally.abuse_closes += 1;
        }
        let reconnect_after_ms = self.random.u32(limits::RECONNECT_AFTER_MS);
        if subprotocol == Subprotocol::Events {
            return event::last(reconnect_after_ms);
        }
        let reason = CloseReason { reconnect_after_ms };
        frame::close(code, &serde_json::to_vec(&reason).unwrap_or_default())
    }

    fn render_counts(&mut self, all: bool, subprotocol: Subprotocol) -> Bytes {
        if !all && let Some(Some(frame)) = self.counts.frames.get(subprotocol as usize) {
            return frame.clone();
        }
        let (rev, events) = self.world.counts(None);
        subprotocol.encode(&ToClient::Counts { rev, events })
    }
}
