//! The demo programme: a dozen invented events, in the future whenever it is loaded.

use std::f64::consts::PI;

use jiff::{SignedDuration, Timestamp, Unit};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::Client;
use parterre_gate::dial::Dialer;

/// An event of the programme.
struct Show {
    title: &'static str,
    category: &'static str,
    venue: &'static str,
    city: &'static str,
    days_ahead: i64,
    /// The hour of its beginning, in UTC.
    hour: i64,
    description: &'static str,
    house: House,
}

/// What its tickets look like.
enum House {
    /// No seats.
    Standing { tickets: u32, price: i64 },
    /// Sections of straight rows.
    Hall { rows: u32, seats: u32, price: i64 },
    /// Curved rows around a stage, in three tiers, with coordinates.
    Opera,
}

const SHOWS: [Show; 12] = [
    Show {
        title: "The Glass Harbour",
        category: "opera",
        venue: "Opera on the Quay",
        city: "Lisbon",
        days_ahead: 21,
        hour: 18,
        description: "A new opera in three acts about a port that forgets its ships.",
        house: House::Opera,
    },
    Show {
        title: "Night Trains",
        category: "concert",
        venue: "Halle Nord",
        city: "Berlin",
        days_ahead: 6,
        hour: 19,
        description: "Five drummers, one bass line, no encore.",
        house: House::Standing {
            tickets: 1_200,
            price: 3_900,
        },
    },
    Show {
        title: "Small Hours Comedy",
        category: "comedy",
        venue: "The Cellar Door",
        city: "Dublin",
        days_ahead: 2,
        hour: 20,
        description: "Seven comedians try what they wrote this week.",
        house: House::Standing {
            tickets: 90,
            price: 1_500,
        },
    },
    Show {
        title: "River Lights",
        category: "film",
        venue: "Kino Zorya",
        city: "Prague",
        days_ahead: 3,
        hour: 17,
        description: "A barge, a summer, two sisters.",
        house: House::Hall {
            rows: 14,
            seats: 18,
            price: 1_100,
        },
    },
    Show {
        title: "River Lights (late show)",
        category: "film",
        venue: "Kino Zorya",
        city: "Prague",
        days_ahead: 3,
        hour: 20,
        description: "A barge, a summer, two sisters.",
        house: House::Hall {
            rows: 14,
            seats: 18,
            price: 1_100,
        },
    },
    Show {
        title: "The Cartographer's Daughter",
        category: "theatre",
        venue: "Teatr Mały",
        city: "Warsaw",
        days_ahead: 12,
        hour: 18,
        description: "She draws the map; the country follows.",
        house: House::Hall {
            rows: 22,
            seats: 24,
            price: 3_200,
        },
    },
    Show {
        title: "Harriers against Wanderers",
        category: "sport",
        venue: "Millfield Ground",
        city: "Leeds",
        days_ahead: 9,
        hour: 14,
        description: "The last game of the season, and everything depends on it.",
        house: House::Hall {
            rows: 40,
            seats: 60,
            price: 2_800,
        },
    },
    Show {
        title: "Quartet at Noon",
        category: "concert",
        venue: "Library of Saint Anne",
        city: "Lisbon",
        days_ahead: 5,
        hour: 12,
        description: "An hour of strings among books.",
        house: House::Hall {
            rows: 10,
            seats: 12,
            price: 1_800,
        },
    },
    Show {
        title: "Museum by Lamplight",
        category: "museum",
        venue: "Maritime Museum",
        city: "Oslo",
        days_ahead: 15,
        hour: 19,
        description: "The collection after closing time, with a keeper who talks.",
        house: House::Standing {
            tickets: 160,
            price: 2_200,
        },
    },
    Show {
        title: "Ferns and Falling Water",
        category: "dance",
        venue: "Théâtre du Parc",
        city: "Lyon",
        days_ahead: 18,
        hour: 19,
        description: "Twelve dancers and a garden hose.",
        house: House::Hall {
            rows: 18,
            seats: 22,
            price: 2_900,
        },
    },
    Show {
        title: "Open Air: The Long Weekend",
        category: "festival",
        venue: "Isle Meadow",
        city: "Ghent",
        days_ahead: 45,
        hour: 10,
        description: "Three days, four stages, one river to swim in.",
        house: House::Standing {
            tickets: 5_000,
            price: 8_900,
        },
    },
    Show {
        title: "How Bridges Sing",
        category: "talk",
        venue: "Guildhall",
        city: "Leeds",
        days_ahead: 8,
        hour: 18,
        description: "An engineer plays recordings of steel and wind.",
        house: House::Hall {
            rows: 12,
            seats: 16,
            price: 900,
        },
    },
];

/// Loads the programme through the admin API, if the store has no event yet.
pub(crate) async fn load(core: String, token: String, dialer: Dialer) {
    let client = Client::new(&core, &token, dialer);
    match try_load(&client).await {
        Ok(0) => {}
        Ok(events) => tracing::info!(events, "loaded the demo programme"),
        Err(error) => tracing::error!(error, "the demo programme couldn't be loaded"),
    }
}

async fn try_load(client: &Client) -> Result<usize, String> {
    #[derive(Deserialize)]
    struct Events {
        events: Vec<Value>,
    }
    let there: Events = client.get("/admin/v1/events?limit=1").await?;
    if !there.events.is_empty() {
        return Ok(0);
    }
    for show in &SHOWS {
        add(client, show).await?;
    }
    Ok(SHOWS.len())
}

async fn add(client: &Client, show: &Show) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Draft {
        id: String,
    }
    let body = |value: Value| bytes::Bytes::from(value.to_string());
    let draft: Draft = client
        .post("/admin/v1/events", "application/json", body(about(show)))
        .await?;
    let path = format!("/admin/v1/events/{}", draft.id);
    let _: Value = client
        .post(
            &format!("{path}/tickets"),
            "application/json",
            body(show.house.tickets()),
        )
        .await?;
    let _: Value = client
        .post(
            &format!("{path}/publish"),
            "application/json",
            bytes::Bytes::new(),
        )
        .await?;
    Ok(())
}

fn about(show: &Show) -> Value {
    json!({
        "title": show.title,
        "category": show.category,
        "venue": show.venue,
        "city": show.city,
        "starts_at": starts_at(show),
        "currency": "EUR",
        "description": show.description,
    })
}

fn starts_at(show: &Show) -> String {
    let now = Timestamp::now()
        .round(Unit::Hour)
        .unwrap_or_else(|_| Timestamp::now());
    let hour_of_day = now.as_second() / 3_600 % 24;
    let ahead = SignedDuration::from_hours(24 * show.days_ahead - hour_of_day + show.hour);
    (now + ahead).to_string()
}

impl House {
    fn tickets(&self) -> Value {
        match self {
            Self::Standing { tickets, price } => standing(*tickets, *price),
            Self::Hall { rows, seats, price } => hall(*rows, *seats, *price),
            Self::Opera => opera(),
        }
    }
}

fn tier(id: &str, name: &str, price: i64) -> Value {
    json!({ "id": id, "name": name, "price": price })
}

fn standing(tickets: u32, price: i64) -> Value {
    let tickets: Vec<Value> = (0..tickets)
        .map(|_| json!({ "section": "Standing", "row": "", "seat": "", "tier": "standing" }))
        .collect();
    json!({ "tiers": [tier("standing", "Standing", price)], "tickets": tickets })
}

fn hall(rows: u32, seats: u32, price: i64) -> Value {
    let front = rows.div_ceil(3);
    let seat = |row: u32, seat: u32| {
        let (tier, section) = if row < front {
            ("front", "Stalls, front")
        } else {
            ("rear", "Stalls, rear")
        };
        json!({
            "section": section, "row": (row + 1).to_string(), "seat": (seat + 1).to_string(), "tier": tier,
            "x": f64::from(seat) - f64::from(seats - 1) / 2.0, "y": f64::from(row) * 1.2,
        })
    };
    let tickets: Vec<Value> = (0..rows)
        .flat_map(|row| (0..seats).map(move |number| seat(row, number)))
        .collect();
    json!({ "tiers": [tier("front", "Front", price * 3 / 2), tier("rear", "Rear", price)], "tickets": tickets })
}

/// Stalls, a circle and a gallery: rows are arcs about the stage, each row a little
/// longer than the one before it.
fn opera() -> Value {
    let mut tickets = Vec::new();
    for (section, tier, first_radius, rows) in [
        ("Stalls", "stalls", 8.0, 24_u32),
        ("Circle", "circle", 40.0, 14),
        ("Gallery", "gallery", 62.0, 16),
    ] {
        for row in 0..rows {
            let radius = first_radius + f64::from(row) * 1.1;
            tickets.extend(arc(section, tier, row, radius));
        }
    }
    let tiers = [
        tier("stalls", "Stalls", 12_500),
        tier("circle", "Circle", 8_500),
        tier("gallery", "Gallery", 3_500),
    ];
    json!({ "tiers": tiers, "tickets": tickets })
}

/// One row: seats 0.6 apart on an arc of 120 degrees that opens away from the stage.
fn arc(section: &str, tier: &str, row: u32, radius: f64) -> Vec<Value> {
    let span = 2.0 * PI / 3.0;
    let mut seats = 0_u32;
    while f64::from(seats + 1) * 0.6 <= radius * span {
        seats += 1;
    }
    let place = |seat: u32| {
        let angle = PI / 2.0 - span / 2.0 + span * (f64::from(seat) + 0.5) / f64::from(seats);
        json!({
            "section": section, "row": (row + 1).to_string(), "seat": (seat + 1).to_string(), "tier": tier,
            "x": (radius * angle.cos() * 100.0).round() / 100.0,
            "y": (radius * angle.sin() * 100.0).round() / 100.0,
        })
    };
    (0..seats).map(place).collect()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use parterre_core::config::{AdminToken, Config, Payments, StoreConfig};
    use tokio::sync::oneshot;
    use tokio::time::Instant;

    use super::*;

    const TOKEN: &str = "an administrator's token";

    #[tokio::test]
    async fn the_programme_is_loaded_into_an_empty_store_and_no_other() {
        let config = Config {
            store: StoreConfig::Memory,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            public_url: "http://127.0.0.1:1".into(),
            cluster_secret: "a cluster's secret".into(),
            admin_tokens: vec![AdminToken {
                name: "test".into(),
                hash: crate::secrets::hash(TOKEN),
            }],
            signing_keys: vec![[7; 32]],
            payments: Payments::Sandbox,
            tls: None,
            dialer: Dialer::default(),
        };
        let core = parterre_core::build(config).await;
        let core = core.unwrap_or_else(|error| panic!("{error}"));
        let origin = format!("http://{}", core.address());
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(core.run(async {
            drop(stopped.await);
            Instant::now()
        }));
        let client = Client::new(&origin, TOKEN, Dialer::default());
        let listed = async || {
            let list: Value = client.get("/admin/v1/events?limit=100").await.unwrap();
            list["events"].as_array().unwrap().clone()
        };
        load(origin.clone(), TOKEN.to_owned(), Dialer::default()).await;
        let programme = listed().await;
        assert_eq!(programme.len(), SHOWS.len());
        for event in &programme {
            assert_eq!(event["status"], "on_sale", "{event}");
        }
        load(origin.clone(), TOKEN.to_owned(), Dialer::default()).await;
        assert_eq!(listed().await, programme);
        drop(stop);
        running
            .await
            .unwrap()
            .unwrap_or_else(|error| panic!("{error}"));
    }

    #[test]
    fn every_show_is_ahead_and_its_tickets_are_taken() {
        for show in &SHOWS {
            let starts: Timestamp = starts_at(show).parse().unwrap();
            assert!(starts > Timestamp::now(), "{}", show.title);
            let body = show.house.tickets().to_string();
            let upload = parterre_domain::upload::json(body.as_bytes()).unwrap();
            assert!(!upload.tickets.is_empty(), "{}", show.title);
        }
        let opera = parterre_domain::upload::json(opera().to_string().as_bytes()).unwrap();
        assert!(
            (3_000..8_000).contains(&opera.tickets.len()),
            "{}",
            opera.tickets.len()
        );
    }
}
