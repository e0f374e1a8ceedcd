//! What this crate's own tests begin with.

use parterre_domain::{About, Timestamp};

/// A concert with three tickets to a buyer.
pub(crate) fn about() -> About {
    About {
        title: "A Night of Song".into(),
        category: "concert".into(),
        venue: "Old Hall".into(),
        city: "Lisbon".into(),
        starts_at: Timestamp::from_millis(2_000_000_000_000),
        sale_opens_at: None,
        sale_closes_at: None,
        currency: "EUR".parse().unwrap(),
        description: String::new(),
        image_url: None,
        max_tickets: 3,
        hold_seconds: 600,
    }
}
