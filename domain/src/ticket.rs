//! Ticket states, their counts, and the packed states of a whole event.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::TicketId;

/// What can be done with a ticket now.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum TicketState {
    /// Anybody may reserve it.
    Free = 0,
    /// Held by one pending reservation.
    Pending = 1,
    /// Belongs to one paid reservation.
    Sold = 2,
    /// Taken off sale by an administrator, or by a refund that doesn't return it.
    Withdrawn = 3,
}

impl TicketState {
    /// Every state, in the order of its number.
    pub const ALL: [Self; 4] = [Self::Free, Self::Pending, Self::Sold, Self::Withdrawn];

    /// The one letter that `Availability.states` uses.
    pub const fn letter(self) -> char {
        match self {
            Self::Free => 'f',
            Self::Pending => 'p',
            Self::Sold => 's',
            Self::Withdrawn => 'w',
        }
    }

    /// The inverse of [`Self::letter`].
    pub const fn from_letter(letter: char) -> Option<Self> {
        match letter {
            'f' => Some(Self::Free),
            'p' => Some(Self::Pending),
            's' => Some(Self::Sold),
            'w' => Some(Self::Withdrawn),
            _ => None,
        }
    }

    const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::Free,
            1 => Self::Pending,
            2 => Self::Sold,
            _ => Self::Withdrawn,
        }
    }

    /// Whether the lifecycle knows a step from here to `next`.
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Free, Self::Pending | Self::Sold | Self::Withdrawn)
                | (Self::Pending, Self::Sold | Self::Free)
                | (Self::Sold, Self::Free | Self::Withdrawn)
                | (Self::Withdrawn, Self::Free)
        )
    }
}

/// How many tickets of an event are in which state. `total` counts every ticket,
/// withdrawn ones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, JsonSchema, Serialize, Deserialize)]
pub struct Counts {
    /// Tickets of the event.
    pub total: u32,
    /// Tickets that anybody may reserve.
    pub free: u32,
    /// Tickets in pending reservations.
    pub pending: u32,
    /// Tickets in paid reservations.
    pub sold: u32,
}

/// A change of counts. `free` needs no field: what leaves it enters another state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CountsChange {
    /// Added to the pending tickets.
    pub pending: i32,
    /// Added to the sold tickets.
    pub sold: i32,
    /// Added to the withdrawn tickets.
    pub withdrawn: i32,
}

impl CountsChange {
    /// The change that one ticket's step makes.
    pub fn of_step(from: TicketState, to: TicketState) -> Self {
        let mut change = Self::default();
        change.shift(from, -1);
        change.shift(to, 1);
        change
    }

    /// Adds another change to this one.
    pub fn add(&mut self, other: Self) {
        self.pending += other.pending;
        self.sold += other.sold;
        self.withdrawn += other.withdrawn;
    }

    fn shift(&mut self, state: TicketState, by: i32) {
        match state {
            TicketState::Free => {}
            TicketState::Pending => self.pending += by,
            TicketState::Sold => self.sold += by,
            TicketState::Withdrawn => self.withdrawn += by,
        }
    }
}

impl Counts {
    /// The counts of an event of which no ticket has ever been touched.
    pub const fn all_free(total: u32) -> Self {
        Self {
            total,
            free: total,
            pending: 0,
            sold: 0,
        }
    }

    /// Tickets off sale.
    pub const fn withdrawn(&self) -> u32 {
        self.total
            .saturating_sub(self.free)
            .saturating_sub(self.pending)
            .saturating_sub(self.sold)
    }

    /// The counts after a change.
    #[must_use]
    pub fn after(self, change: CountsChange) -> Self {
        let pending = self.pending.saturating_add_signed(change.pending);
        let sold = self.sold.saturating_add_signed(change.sold);
        let withdrawn = self.withdrawn().saturating_add_signed(change.withdrawn);
        let taken = pending.saturating_add(sold).saturating_add(withdrawn);
        Self {
            total: self.total,
            free: self.total.saturating_sub(taken),
            pending,
            sold,
        }
    }
}

/// The states of all tickets of an event, two bits a ticket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct States {
    len: u32,
    #[serde(with = "serde_bytes_vec")]
    bits: Vec<u8>,
}

impl States {
    /// `len` free tickets.
    pub fn all_free(len: u32) -> Self {
        Self {
            len,
            bits: vec![0; (len as usize).div_ceil(4)],
        }
    }

    /// How many tickets there are.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether the event has no tickets.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes the states take.
    pub fn weight_bytes(&self) -> usize {
        self.bits.len()
    }

    /// The state of a ticket; none when the event has no such ticket.
    pub fn get(&self, ticket: TicketId) -> Option<TicketState> {
        (ticket.0 < self.len).then(|| {
            let byte = self.bits[ticket.index() / 4];
            TicketState::from_bits(byte >> (ticket.index() % 4 * 2))
        })
    }

    /// Sets a ticket's state and gives the one before; a ticket that the event
    /// doesn't have is left alone.
    pub fn set(&mut self, ticket: TicketId, state: TicketState) -> Option<TicketState> {
        let before = self.get(ticket)?;
        let shift = ticket.index() % 4 * 2;
        let byte = &mut self.bits[ticket.index() / 4];
        *byte = *byte & !(3 << shift) | (state as u8) << shift;
        Some(before)
    }

    /// Every state, in ticket order.
    pub fn iter(&self) -> impl Iterator<Item = TicketState> + '_ {
        let bytes = self.bits.iter();
        let states =
            bytes.flat_map(|byte| (0..4).map(move |i| TicketState::from_bits(byte >> (i * 2))));
        states.take(self.len as usize)
    }

    /// Counted anew, ticket by ticket.
    pub fn count(&self) -> Counts {
        let mut of_state = [0u32; 4];
        for state in self.iter() {
            of_state[state as usize] += 1;
        }
        Counts {
            total: self.len,
            free: of_state[0],
            pending: of_state[1],
            sold: of_state[2],
        }
    }

    /// One letter a ticket, as `Availability.states` has it.
    pub fn to_letters(&self) -> String {
        self.iter().map(TicketState::letter).collect()
    }

    /// The inverse of [`Self::to_letters`]; none when a letter is no state.
    pub fn from_letters(letters: &str) -> Option<Self> {
        let mut states = Self::all_free(u32::try_from(letters.len()).ok()?);
        for (position, letter) in (0..).zip(letters.chars()) {
            states.set(TicketId(position), TicketState::from_letter(letter)?);
        }
        Some(states)
    }
}

/// Packed states travel as one byte string, not as an array of numbers.
mod serde_bytes_vec {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        bytes::Bytes::deserialize(deserializer).map(Vec::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_states_behave_like_a_list() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut packed = States::all_free(1_003);
        let mut list = vec![TicketState::Free; 1_003];
        for _ in 0..5_000 {
            let ticket = random.u32(0..1_003);
            let state = TicketState::ALL[random.usize(0..4)];
            assert_eq!(
                packed.set(TicketId(ticket), state),
                Some(list[ticket as usize])
            );
            list[ticket as usize] = state;
        }
        assert!(packed.iter().eq(list.iter().copied()));
        assert_eq!(
            States::from_letters(&packed.to_letters()),
            Some(packed.clone())
        );
        assert_eq!(packed.get(TicketId(1_003)), None);
        assert_eq!(packed.set(TicketId(1_003), TicketState::Sold), None);
    }

    #[test]
    fn a_ticket_takes_the_steps_of_its_lifecycle_and_no_other() {
        let known = ["fp", "ps", "pf", "fs", "sf", "sw", "fw", "wf"];
        for from in TicketState::ALL {
            for to in TicketState::ALL {
                let step = format!("{}{}", from.letter(), to.letter());
                let expected = known.contains(&&*step);
                assert_eq!(from.may_become(to), expected, "{from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn counts_follow_steps() {
        let mut states = States::all_free(4);
        let mut counts = states.count();
        let steps = [
            (0, TicketState::Pending),
            (1, TicketState::Withdrawn),
            (0, TicketState::Sold),
            (1, TicketState::Free),
        ];
        for (ticket, next) in steps {
            let before = states
                .set(TicketId(ticket), next)
                .unwrap_or_else(|| panic!("ticket {ticket}"));
            counts = counts.after(CountsChange::of_step(before, next));
            assert_eq!(counts, states.count());
        }
    }
}
