//! Uploads of tickets, through a core's socket.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod site;

use std::fmt::Write as _;

use parterre_domain::limits;
use serde_json::json;
use site::{TOKEN, World, eventually, row};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An upload whose body is yet to come, all of it.
struct Begun(TcpStream);

impl Begun {
    async fn new(world: &World, event: &str, kind: &str, length: usize) -> Self {
        let mut socket = TcpStream::connect(world.listen).await.unwrap();
        let head = format!(
            "POST /admin/v1/events/{event}/tickets?price=100&urgent=true HTTP/1.1\r\nhost: core\r\n\
             authorization: Bearer {TOKEN}\r\ncontent-type: {kind}\r\nconnection: close\r\n\
             content-length: {length}\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        Self(socket)
    }

    /// Sends the body and reads the answer.
    async fn answer(mut self, body: &[u8]) -> String {
        self.0.write_all(body).await.unwrap();
        let mut answer = String::new();
        self.0.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

#[tokio::test]
async fn tickets_come_as_json_as_a_table_or_as_a_seating_plan() {
    let world = World::start().await;
    let plan = json!({"name": "Hall", "size": {"width": 10, "height": 10},
        "categories": [{"name": "gold", "color": "#ff0"}],
        "zones": [{"name": "Box", "position": {"x": 10, "y": 20}, "rows": [
            {"row_number": "1", "position": {"x": 1, "y": 2}, "seats": [
                {"seat_guid": "a", "seat_number": "5", "position": {"x": 0, "y": 3}, "category": "gold"}]}]}]});
    let uploads = [
        ("application/json", "", row(2).to_string(), (2, 2)),
        (
            "text/csv; charset=utf-8",
            "?price=900",
            "tier,section,row,seat\nlow,Floor,,\nlow,Floor,,\nfull,Floor,,\n".to_owned(),
            (3, 5),
        ),
    ];
    let event = world.draft(json!({})).await;
    let path = format!("/admin/v1/events/{event}/tickets");
    for (kind, query, body, (more, total)) in uploads {
        let call = world.admin("POST", &format!("{path}{query}"));
        let added = call.body(kind, body).send().await.is(200).json();
        assert_eq!(added, json!({"added": more, "total": total}), "{kind}");
    }
    let layout = world
        .admin("GET", &format!("/admin/v1/events/{event}/layout"))
        .send()
        .await
        .is(200)
        .json();
    assert_eq!(layout["sections"], json!(["Stalls", "Floor"]));
    assert_eq!(layout["tickets"]["tier"], json!([0, 0, 1, 1, 0]));
    assert_eq!(layout["tiers"][1]["price"], 900);
    for column in ["x", "y"] {
        assert!(layout["tickets"].get(column).is_none(), "{layout}");
    }
    let availability = format!("/admin/v1/events/{event}/availability");
    let availability = world.shown(&availability).await;
    assert_eq!(availability["states"], "fffff");
    let counts = json!({"total": 5, "free": 5, "pending": 0, "sold": 0});
    assert_eq!(availability["counts"], counts);

    let event = world.draft(json!({})).await;
    let path = format!("/admin/v1/events/{event}/tickets?prices=gold:7000");
    let call = world.admin("POST", &path);
    call.body("application/vnd.pretix.seating-plan+json", plan.to_string())
        .send()
        .await
        .is(200);
    let path = format!("/admin/v1/events/{event}/layout");
    let layout = world.admin("GET", &path).send().await.is(200).json();
    assert_eq!(
        (&layout["tickets"]["x"], &layout["tickets"]["y"]),
        (&json!([11.0]), &json!([25.0]))
    );
    world.ended().await.unwrap();
}

#[tokio::test]
async fn an_upload_that_breaks_a_rule_adds_nothing() {
    let world = World::start().await;
    let event = world.draft(json!({})).await;
    let path = format!("/admin/v1/events/{event}/tickets");
    let csv = |rows: &str| {
        let call = world.admin("POST", &format!("{path}?prices=a:100"));
        call.body("text/csv", format!("section,row,seat,tier,x,y\n{rows}"))
            .send()
    };
    let cases = [
        ("F,1,1,a,1,1\nF,1,2,b,2,1\n", "prices"),
        ("F,1,1,a,1,1\nF,1,2,a,,\n", "line 3: x"),
        ("F,1,1,a,1,1\nF,1,2,a,left,1\n", "line 3: x"),
        ("", "tickets"),
    ];
    for (rows, field) in cases {
        let problem = csv(rows).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    let call = world.admin("POST", &path).body("text/plain", "tickets");
    call.send().await.problem(415, "unsupported-media-type");
    let path = format!("/admin/v1/events/{event}/publish");
    let publish = world.admin("POST", &path).send().await;
    assert_eq!(
        publish.problem(422, "invalid")["errors"][0]["field"],
        "tickets"
    );
    let event = world.published(1).await;
    let path = format!("/admin/v1/events/{event}/tickets");
    let late = world.admin("POST", &path).json(&row(1)).send().await;
    assert_eq!(late.problem(409, "conflict")["state"], "published");
    world.ended().await.unwrap();
}

#[tokio::test]
async fn a_large_upload_is_published_whole() {
    let world = World::start().await;
    let event = world.draft(json!({})).await;
    let mut csv = "section,row,seat,tier,x,y\n".to_owned();
    for number in 0..30_000 {
        let (section, row, seat) = (number / 1_000, number / 40 % 25, number % 40);
        csv += &format!("Block {section},{row},{seat},full,{seat}.5,{row}\n");
    }
    let path = format!("/admin/v1/events/{event}/tickets?price=100");
    let call = world.admin("POST", &path).body("text/csv", csv);
    assert_eq!(call.send().await.is(200).json()["total"], 30_000);
    let path = format!("/admin/v1/events/{event}/publish");
    world.admin("POST", &path).send().await.is(200);
    assert_eq!(world.states(&event).await, "f".repeat(30_000));
    let reservation = world.reserve(&event, &[29_999]).await.is(201).json();
    assert_eq!(reservation["tickets"][0]["section"], "Block 29");
    world.ended().await.unwrap();
}

#[tokio::test]
async fn objects_in_an_upload_are_no_lists() {
    let world = World::start().await;
    let event = world.draft(json!({})).await;
    let path = format!("/admin/v1/events/{event}/tickets");
    let (tier, ticket) = (&row(1)["tiers"][0], &row(1)["tickets"][0]);
    let bodies = [
        json!([[tier], [ticket]]),
        json!({"tiers": [["full", "Full price", 4_500]], "tickets": [ticket]}),
        json!({"tiers": [tier], "tickets": [["Stalls", "A", "1", "full"]]}),
    ];
    for body in bodies {
        let call = world.admin("POST", &path).json(&body).send().await;
        call.problem(400, "malformed");
    }
    let plan = json!({"categories": [["gold"]], "zones": []});
    let kind = "application/vnd.pretix.seating-plan+json";
    let call = world.admin("POST", &path).body(kind, plan.to_string());
    call.send().await.problem(400, "malformed");
    world.ended().await.unwrap();
}

#[tokio::test]
async fn an_upload_over_its_limits_is_refused_with_the_limit() {
    let world = World::start().await;
    let event = world.draft(json!({})).await;
    let large = limits::UPLOAD_BYTES + 1;
    let answer = Begun::new(&world, &event, "text/csv", large).await;
    let answer = answer.answer(b"").await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(
        answer.contains(&limits::UPLOAD_BYTES.to_string()),
        "{answer}"
    );

    let path = format!("/admin/v1/events/{event}/tickets?price=100&urgent=true");
    let many = limits::TICKETS_PER_EVENT as usize + 1;
    let csv = "section,row,seat,tier\n".to_owned() + &",,,a\n".repeat(many);
    let call = world.admin("POST", &path).body("text/csv", csv);
    let problem = call.send().await.problem(422, "invalid");
    assert_eq!(problem["errors"][0]["field"], "tickets");
    world.ended().await.unwrap();
}

#[tokio::test]
async fn an_upload_keeps_its_place_until_its_tickets_are_in_the_event() {
    let world = World::start().await;
    let mut csv = "section,row,seat,tier\n".to_owned();
    for number in 0..200_000 {
        writeln!(csv, "Floor,{},{number},a", number / 100).unwrap();
    }
    let (mut events, mut begun) = (Vec::new(), Vec::new());
    for _ in 0..limits::UPLOADS_AT_ONCE {
        let event = world.draft(json!({})).await;
        begun.push(Begun::new(&world, &event, "text/csv", csv.len()).await);
        events.push(event);
    }
    let other = world.draft(json!({})).await;
    let path = format!("/admin/v1/events/{other}/tickets");
    let ask = || world.admin("POST", &path).json(&row(1)).send();
    eventually("every place is taken", async || {
        (ask().await.status == 503).then_some(())
    })
    .await;
    let busy = ask().await;
    assert_eq!(busy.header("retry-after"), "1");
    busy.problem(503, "busy");
    let uploads = begun.into_iter().map(|begun| begun.answer(csv.as_bytes()));
    let uploads = futures_util::future::join_all(uploads);
    let watching = async {
        // Asked without a pause: what is to be caught lasts some milliseconds.
        while ask().await.status == 503 {}
        let mut whole = 0;
        for event in &events {
            let path = format!("/admin/v1/events/{event}");
            let detail = world.admin("GET", &path).send().await.is(200).json();
            whole += usize::from(detail["counts"]["total"] == 200_000);
        }
        whole
    };
    let (answers, whole) = tokio::join!(uploads, watching);
    for answer in answers {
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    assert!(
        whole > 0,
        "there was a place while two uploads were being written"
    );
    world.ended().await.unwrap();
}
