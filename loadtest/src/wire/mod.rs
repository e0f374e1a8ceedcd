//! A plain client of Parterre: one keep-alive connection ([`Client`]), the calls of the
//! public API ([`Shop`]) and of the admin API ([`Admin`]), and a live connection
//! ([`Live`]).

mod admin;
mod client;
mod live;
mod origin;
mod reply;
mod shop;

pub use admin::{Admin, ReservationList};
pub use client::{Answer, Broken, Call, Client};
pub use live::{Heard, Live};
pub use origin::{BadOrigin, Origin};
pub use reply::{Failure, Refused, Reply};
pub use shop::{Paid, Reserved, Shop};
