//! Whatever bytes come, reading them ends in a value or in a refusal: no panic, no memory
//! without bound; and what can be printed reads back the same.

#[path = "../../tests/strange/mod.rs"]
mod strange;

use std::fmt::Display;
use std::str::FromStr;

use parterre_domain::upload::{BadUpload, Format, Prices, read};
use parterre_domain::wire::api::{
    CheckoutRequest, RefundRequest, ReserveRequest, TicketsRequest, TicketsUpload,
};
use parterre_domain::wire::feed::{FeedFrame, Join, decode_record};
use parterre_domain::wire::live::{FromClient, ToClient};
use parterre_domain::{
    About, Currency, EventChange, EventId, JwkSet, LogRecord, Money, PassClaims, PassKey, Position,
    ReservationId, ReservationRecord, Rev, TicketId, Tier, Timestamp, limits, pass,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use strange::{each, each_text, within_memory};

const CSV: &str =
    "section,row,seat,tier,x,y\nStalls,A,1,front,1.5,2\nStalls,\"A, \"\"b\"\"\",2,back,-1,2\n";
const JSON: &str = r#"{"tiers":[{"id":"front","name":"Front","price":4500}],"tickets":[
    {"section":"Stalls","row":"A","seat":"1","tier":"front","x":1.5,"y":2},
    {"section":"Stalls","row":"A","seat":"2","tier":"front","x":2.5,"y":2}]}"#;
const PRETIX: &str = r##"{"name":"Hall","categories":[{"name":"front","color":"#ff0000"}],
    "zones":[{"name":"Stalls","position":{"x":0,"y":1},"rows":[{"row_number":"A","row_number_position":"both",
    "position":{"x":2,"y":3},"seats":[{"seat_number":"1","seat_guid":"a1","uuid":"u","category":"front","position":{"x":4,"y":5}},
    {"seat_number":"2","category":"front","position":{"x":6,"y":5}}]}],"areas":[]}],"size":{"width":10,"height":10}}"##;

#[test]
fn uploads_of_every_format_end_in_tickets_or_a_list_of_what_is_wrong() {
    let own = [Tier {
        id: "back".to_owned(),
        name: "Back".to_owned(),
        price: Money(1_000),
    }];
    let some = Prices::parse(Some("100"), None).expect("a price");
    for format in [Format::Csv, Format::Json, Format::Pretix] {
        each(
            &[CSV.as_bytes(), JSON.as_bytes(), PRETIX.as_bytes()],
            |body| {
                for (prices, own) in [(&some, &own[..]), (&Prices::default(), &[])] {
                    // A ticket takes several bytes of a body, so no body makes more of them.
                    if let Ok(uploaded) = read(format, body, prices, own) {
                        assert!(uploaded.tickets.len() <= body.len());
                        let tickets: usize = uploaded.cut().iter().map(|chunk| chunk.len()).sum();
                        assert_eq!(tickets, uploaded.tickets.len());
                    }
                }
            },
        );
    }
}

/// As large a body as may come: a piece again and again between a beginning and an end.
fn largest(begin: &str, piece: &str, end: &str) -> Vec<u8> {
    let room = limits::UPLOAD_BYTES - begin.len() - end.len();
    let pieces = piece.repeat(room / piece.len());
    let whole = pieces.strip_suffix(',').unwrap_or(&pieces);
    [begin, whole, end].concat().into_bytes()
}

#[test]
fn an_upload_of_far_too_much_is_refused_before_it_takes_memory() {
    let seat = r#"{"seat_number":"","category":""},"#;
    let long = "x".repeat(1 << 20);
    let row = format!(r#"{{"zones":[{{"name":"{long}","rows":[{{"row_number":"","seats":["#);
    let end = r#"]}]}],"categories":[]}"#;
    // Its beginning, what it repeats, its end, what is refused.
    let bodies = [
        (
            Format::Csv,
            "section,row,seat,tier\n",
            ",,,\n",
            "",
            "tickets",
        ),
        (Format::Csv, "section", ",", "\n", "line 1"),
        (Format::Csv, "section", ",\"\n\"", "\n", "line 1"),
        (
            Format::Json,
            r#"{"tiers":[],"tickets":["#,
            r#"{"section":"","row":"","seat":"","tier":""},"#,
            "]}",
            "tickets",
        ),
        (
            Format::Json,
            r#"{"tickets":[],"tiers":["#,
            r#"{"id":"","name":"","price":0},"#,
            "]}",
            "tiers",
        ),
        (
            Format::Pretix,
            r#"{"categories":[],"zones":["#,
            "{},",
            "]}",
            "zones",
        ),
        (
            Format::Pretix,
            r#"{"zones":[{"rows":[{"row_number":"","seats":["#,
            seat,
            end,
            "tickets",
        ),
        (Format::Pretix, &row, seat, end, "tickets"),
        (
            Format::Pretix,
            r#"{"categories":[],"zones":[{"rows":[{"seats":[],"row_number":["#,
            "0,",
            "]}]}]}",
            "",
        ),
    ];
    let prices = Prices::parse(Some("100"), None).expect("a price");
    for (format, begin, piece, end, refused) in bodies {
        let prices = if format == Format::Json {
            &Prices::default()
        } else {
            &prices
        };
        let body = largest(begin, piece, end);
        within_memory(|| match read(format, &body, prices, &[]) {
            Err(BadUpload::Invalid(errors)) => assert_eq!(errors[0].field, refused),
            Err(BadUpload::Malformed(why)) => assert_eq!(refused, "", "{why}"),
            Ok(_) => panic!("{begin}{piece}… was read"),
        });
    }
}

#[test]
fn names_that_many_seats_share_are_not_copied_at_length() {
    let seats = vec![r#"{"seat_number":"","category":"a"}"#; 20_000].join(",");
    let long = "x".repeat(1 << 20);
    let plan = format!(
        r#"{{"categories":[{{"name":"a"}}],"zones":[{{"name":"{long}","rows":[{{"row_number":"{long}","seats":[{seats}]}}]}}]}}"#
    );
    let prices = Prices::parse(Some("100"), None).expect("a price");
    within_memory(
        || match read(Format::Pretix, plan.as_bytes(), &prices, &[]) {
            Err(BadUpload::Invalid(errors)) => {
                assert_eq!(errors[0].field, "zones[0].rows[0].seats[0].section");
            }
            other => panic!("{other:?}"),
        },
    );
}

#[test]
fn prices_are_amounts_or_refused() {
    let samples = [
        "front:4500,back:100",
        "100",
        " a : 1 ",
        "a:b:3",
        "x:-9223372036854775808",
    ];
    each_text(&samples, |text| {
        for (price, prices) in [
            (Some(text), None),
            (None, Some(text)),
            (Some(text), Some(text)),
        ] {
            let read = Prices::parse(price, prices);
            assert!(read.is_err() || !read.is_ok_and(|prices| prices.is_empty()));
        }
    });
}

#[test]
fn ids_revs_times_and_currencies_read_back_what_they_print() {
    let now = Timestamp::from_millis(1_900_000_000_123);
    let event = EventId::new(now, 7).to_string();
    let rev = Rev {
        epoch: 3,
        position: Position::from_sequence(99),
    };
    let (rev, time) = (rev.to_string(), now.to_string());
    let samples = [
        &event,
        &rev,
        &time,
        "2026-12-31T23:59:60+14:00",
        "EUR",
        "jpy",
        "-9999-01-01T00:00Z",
    ];
    each_text(&samples, |text| {
        reads_back::<EventId>(text);
        reads_back::<ReservationId>(text);
        reads_back::<Rev>(text);
        reads_back::<Timestamp>(text);
        reads_back::<Currency>(text);
        if let Ok(time) = text.parse::<Timestamp>() {
            assert!(time <= Timestamp::MAX);
            let late = time + limits::IDEMPOTENCY_KEPT;
            // Behind the last moment that is read there are more that can be told.
            let read = late.to_string().parse().ok();
            let expected = (late <= Timestamp::MAX).then_some(late);
            assert_eq!(read, expected, "{text} and a day");
            assert_eq!(late.since(time), limits::IDEMPOTENCY_KEPT);
        }
    });
}

fn reads_back<T: FromStr + Display + PartialEq>(text: &str) {
    let Ok(value) = text.parse::<T>() else {
        return;
    };
    let again = value.to_string().parse::<T>();
    assert!(
        again.is_ok_and(|again| again == value),
        "{text} becomes {value}"
    );
}

#[test]
fn what_clients_send_as_json_is_read_or_refused() {
    let samples: [&[u8]; 8] = [
        br#"{"tickets":[1,2,3]}"#,
        br#"{"best":{"count":2,"tier":"front","section":"Stalls","together":false}}"#,
        br#"{"buyer":{"name":"Ada","email":"a@b.c"},"success_url":"https://x/","cancel_url":"https://y/"}"#,
        br#"{"op":"subscribe","event":"01ARZ3NDEKTSV4RRFFQ69G5FAV","since":"000000000000000000000000000a"}"#,
        br#"{"op":"catalog"}"#,
        br#"{"return_to_sale":true}"#,
        br#"{"title":"A","category":"b","venue":"c","city":"d","starts_at":"2030-01-01T00:00:00Z","currency":"EUR"}"#,
        JSON.as_bytes(),
    ];
    each(&samples, |body| {
        json_reads_back::<ReserveRequest>(body);
        json_reads_back::<CheckoutRequest>(body);
        json_reads_back::<TicketsRequest>(body);
        json_reads_back::<RefundRequest>(body);
        json_reads_back_if(body, has_finite_places);
        json_reads_back::<FromClient>(body);
        json_reads_back::<About>(body);
    });
}

/// A coordinate beyond its type is read as an infinity, which JSON hasn't; an upload
/// refuses it.
fn has_finite_places(upload: &TicketsUpload) -> bool {
    let places = upload
        .tickets
        .iter()
        .flat_map(|ticket| [ticket.x, ticket.y]);
    places.flatten().all(f32::is_finite)
}

fn json_reads_back<T: DeserializeOwned + Serialize>(body: &[u8]) {
    json_reads_back_if(body, |_: &T| true);
}

fn json_reads_back_if<T: DeserializeOwned + Serialize>(body: &[u8], holds: fn(&T) -> bool) {
    let Some(value) = serde_json::from_slice::<T>(body).ok().filter(holds) else {
        return;
    };
    let printed = serde_json::to_value(&value).expect("it can be written");
    let again: T = serde_json::from_value(printed.clone()).expect("what we wrote");
    assert_eq!(serde_json::to_value(&again).expect("once more"), printed);
}

#[test]
fn messagepack_of_the_feed_and_of_clients_is_read_or_refused() {
    let now = Timestamp::from_millis(1_900_000_000_123);
    let rev = Rev::default();
    let record = LogRecord {
        at: now,
        events: vec![EventChange::new(EventId::new(now, 7))],
    };
    let heartbeat = FeedFrame::Heartbeat {
        head: rev,
        age_ms: 7,
    };
    let samples = [
        parterre_domain::encode(&record),
        parterre_domain::encode(&heartbeat),
        parterre_domain::encode(&Join {
            since: Some((rev, 7)),
        }),
        parterre_domain::encode(&FromClient::Catalog {}),
        parterre_domain::encode(&ToClient::Fresh),
    ];
    let samples: Vec<&[u8]> = samples.iter().map(Vec::as_slice).collect();
    each(&samples, |bytes| {
        if let Ok(record) = decode_record(bytes) {
            let again = decode_record(&parterre_domain::encode(&record));
            assert!(again.is_ok_and(|again| again == record));
        }
        if let Ok(frame) = parterre_domain::decode::<FeedFrame>(bytes) {
            let again = parterre_domain::decode::<FeedFrame>(&parterre_domain::encode(&frame));
            assert!(again.is_ok_and(|again| again == frame));
        }
        drop(parterre_domain::decode::<Join>(bytes));
        drop(parterre_domain::decode::<FromClient>(bytes));
        drop(parterre_domain::decode::<ToClient>(bytes));
        drop(parterre_domain::decode::<ReservationRecord>(bytes));
    });
}

#[test]
fn nothing_but_a_pass_that_was_signed_is_a_pass() {
    let keys = [[1; 32], [2; 32]].map(|secret| PassKey::from_secret(&secret));
    let public = keys.each_ref().map(PassKey::public);
    let claims = |number| PassClaims {
        event: EventId::from_number(number),
        ticket: TicketId(7),
        reservation: ReservationId::from_number(number),
    };
    let passes = [
        keys[0].sign(&claims(1)),
        keys[0].sign(&claims(2)),
        keys[1].sign(&claims(1)),
    ];
    let stranger = PassKey::from_secret(&[3; 32]).sign(&claims(1));
    let samples = [&*passes[0], &*passes[1], &*passes[2], &*stranger];
    each_text(&samples, |text| {
        let signed = passes.iter().any(|pass| pass == text);
        let read = pass::verify(text, &public);
        assert_eq!(read.is_ok(), signed, "{read:?}");
    });
}

#[test]
fn keys_at_the_door_verify_what_they_signed_or_nothing() {
    let key = PassKey::from_secret(&[1; 32]);
    let set = serde_json::to_string(&JwkSet::of(&[key.public()])).expect("JSON");
    let claims = PassClaims {
        event: EventId::from_number(1),
        ticket: TicketId(7),
        reservation: ReservationId::from_number(2),
    };
    let pass = key.sign(&claims);
    each(&[set.as_bytes()], |bytes| {
        let Ok(set) = serde_json::from_slice::<JwkSet>(bytes) else {
            return;
        };
        let keys = set.public_keys();
        let right = keys.contains(&key.public());
        assert_eq!(pass::verify(&pass, &keys).is_ok(), right, "{keys:?}");
    });
}
