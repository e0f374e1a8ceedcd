//! Acceptance stories: each starts the real binary and is a customer of it, over its
//! public and its admin API. What they are told in is [`story`].
//!
//! Every story has a short form with fixed seeds, which is what runs by default. Long
//! forms and inputs are chosen by the environment:
//!
//! - `PARTERRE_TEST_DATA`: the folder of real input, by default `../shared/data` beside
//!   the project. A story that misses a file says so and makes an event of the same size.
//! - `PARTERRE_TEST_KILLS`: how often [`crash`] kills the server, and [`cores`] a core or
//!   the database; 3 by default, 50 and 12 are the long forms.
//! - `PARTERRE_TEST_OUTAGE_SECONDS`: how long [`outage`] leaves the edge without its
//!   core; 4 by default, 30 is the long form.
//! - `PARTERRE_TEST_PUT_OFF`: 1 for [`put_off`] to wait until a creation window opens,
//!   which takes up to 70 s; 0 by default.
//! - `PARTERRE_TEST_SLOW`: how many slow clients [`slow`] brings; 200 by default.
//! - `PARTERRE_TEST_STORE`: `foundationdb` for stories that are told of any store to be
//!   told of a cluster of FoundationDB, one for each.
//! - `PARTERRE_TEST_SEED`: where the randomness begins; 1 by default.

mod administration;
mod best;
mod buying;
mod cancelling;
mod catalog;
mod cold;
mod command_line;
mod contract;
#[cfg(feature = "fdb")]
mod copying;
#[cfg(feature = "fdb")]
mod cores;
mod crash;
mod crowd;
mod drain;
mod encrypted;
mod growth;
mod late_money;
mod load;
mod logging;
mod opening;
mod operating;
mod outage;
mod page;
mod peers;
mod programme;
mod put_off;
mod race;
mod records;
mod refunding;
mod repeating;
mod representations;
mod restore;
mod resuming;
mod slow;
mod status;
mod story;
mod strangers;
mod streaming;
mod strictness;
mod subscribing;
mod webhooks;
