//! Sets the hours in which bulk writes run.

use super::Answer;
use crate::keys;
use crate::state::{Decision, Overlay};
use crate::window::CreationWindow;
use crate::{EventId, Timestamp, encode};

/// Sets the creation window. What was put off before keeps its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetCreationWindow {
    /// The window from now on.
    pub window: CreationWindow,
}

impl SetCreationWindow {
    /// It is about no event; it goes the way of this one.
    pub(super) const LANE: EventId = EventId::from_number(0);

    pub(super) fn decide(&self, _now: Timestamp, overlay: &mut Overlay) -> Decision<Answer> {
        self.window.check()?;
        overlay.set(keys::CREATION_WINDOW.to_vec(), encode(&self.window));
        Ok(Answer::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Command;
    use super::super::testing::World;
    use super::*;
    use crate::window::Hours;
    use crate::{Refusal, decode};

    #[test]
    fn a_window_that_can_be_used_is_kept() {
        let daily = |from: &str, to: &str| {
            CreationWindow::Daily(Hours {
                from: from.parse().unwrap(),
                to: to.parse().unwrap(),
                tz: "Europe/Lisbon".to_owned(),
            })
        };
        let mut world = World::draft();
        let mut set = |window| world.run(Command::SetCreationWindow(SetCreationWindow { window }));
        assert_eq!(set(daily("22:00", "04:30")), Ok(Answer::Done));
        assert!(matches!(
            set(daily("02:00", "02:00")),
            Err(Refusal::Invalid(_))
        ));
        let kept = &world.rows.0[keys::CREATION_WINDOW];
        assert_eq!(
            decode::<CreationWindow>(kept).unwrap(),
            daily("22:00", "04:30")
        );
    }
}
