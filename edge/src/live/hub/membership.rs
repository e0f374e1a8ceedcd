//! Who watches what. An event's cell is held while anybody does.

use std::time::Instant;

use parterre_domain::wire::live::CloseCode;
use parterre_domain::{EventId, Rev, Slug, limits};

use super::{Effect, Hub, World};
use crate::live::message::Subprotocol;
use crate::live::watch::WatchId;
use crate::slab::ConnectionId;

impl<W: World> Hub<W> {
    pub(super) fn subscribe(&mut self, id: ConnectionId, event: EventId, since: Option<Rev>) {
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        let session = &mut connection.session;
        if let Some(watch) = self.watches.find(event)
            && session.subscription(watch).is_some()
        {
            session.subscribe(watch, 0, since);
            return;
        }
        if session.subscriptions.len() == limits::SUBSCRIPTIONS_PER_CONNECTION {
            session.refuse(event, Slug::Invalid);
            return;
        }
        let (watch_id, is_new) = self.watches.find_or_make(event);
        if is_new {
            self.effects.push(Effect::Load(event));
        }
        if let Some(watch) = self.watches.get(watch_id) {
            let slot = u32::try_from(watch.members.len()).unwrap_or(u32::MAX);
            watch.members.push(id);
            session.subscribe(watch_id, slot, since);
        }
    }

    pub(super) fn unsubscribe(&mut self, id: ConnectionId, event: EventId) {
        let Some(watch) = self.watches.find(event) else {
            return;
        };
        let connection = self.connections.get(id);
        if let Some(slot) = connection.and_then(|of| of.session.unsubscribe(watch)) {
            self.leave(watch, slot);
        }
    }

    /// Ends every subscription to an event, with the word why, and forgets the watch.
    pub(super) fn refuse(&mut self, id: WatchId, slug: Slug, now: Instant) {
        let Some(watch) = self.watches.get(id) else {
            return;
        };
        let event = watch.event;
        for member in std::mem::take(&mut watch.members) {
            let Some(connection) = self.connections.get(member) else {
                continue;
            };
            connection.session.unsubscribe(id);
            connection.session.refuse(event, slug);
            if connection.session.subprotocol() == Subprotocol::Events {
                // It has nothing else to tell; its client comes back and is refused with
                // a status.
                connection.session.close(CloseCode::Draining as u16);
            }
            self.note_closing(member, now);
            self.make_ready(member);
        }
        self.watches.remove(id);
    }

    /// Takes the member at `slot` out of a watch; the last member moves into its place.
    pub(super) fn leave(&mut self, id: WatchId, slot: u32) {
        let Some(watch) = self.watches.get(id) else {
            return;
        };
        watch.members.swap_remove(slot as usize);
        if let Some(&moved) = watch.members.get(slot as usize) {
            let connection = self.connections.get(moved);
            if let Some(subscription) = connection.and_then(|of| of.session.subscription(id)) {
                subscription.slot = slot;
            }
        } else if watch.members.is_empty() {
            self.watches.remove(id);
        }
    }
}
