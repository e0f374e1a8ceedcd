//! Parterre's pages: what buyers and administrators see in a browser, as files in the
//! binary, and the answers that carry them. An edge shows the shop at `/`, a core the
//! administrator's page at `/admin`; both hand out the parts under `/web/`.
//!
//! It refuses to know a role, an event or a ticket: the pages ask the API for those, as
//! any client may. They ask nobody else for anything, which [`answer`]'s policy enforces.
//!
//! Read [`files`] first; what the pages do is in `web/shop/main.js` and `web/admin/main.js`.

pub mod answer;
pub mod document;
mod encoded;
pub mod files;
mod slim;

pub use answer::{admin, part, shop};
