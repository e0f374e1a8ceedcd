//! Requests that are nearly right are refused, each in its own way, and change nothing.

use http::Method;
use http::header::CONTENT_TYPE;
use parterre_loadtest::wire::Call;
use serde_json::json;

use crate::story::{Administrator, Buyer, SOON, Standalone, about, hall, until};

#[tokio::test]
async fn what_is_nearly_right_is_refused_at_an_edge_and_changes_nothing() {
    let server = Standalone::start().await;
    let event = hall(&mut server.admin(), &about("An Evening"), 20).await;
    let id = event.summary.id;
    let mut buyer = Buyer::at(server.edge());
    buyer.finds(id).await;
    let reserve = format!("/v1/events/{id}/reservations");
    let json = |body: &'static str| {
        Call::new(Method::POST, reserve.as_str()).with_body("application/json", body)
    };
    let get = |path: &str| Call::get(path.replace("ID", &id.to_string()));
    let rows = [
        (json(r#"{"tickets": [3, 20]}"#), 404, "not-found"),
        (json(r#"[[3]]"#), 400, "malformed"),
        (json(r#"{"best": [2]}"#), 400, "malformed"),
        (json(r#"{"tickets": [3], "price": 1}"#), 400, "malformed"),
        (json(r#"{"tickets": ["3"]}"#), 400, "malformed"),
        (json(r#"{"tickets": [3]"#), 400, "malformed"),
        (json(r#"{"tickets": []}"#), 422, "invalid"),
        (json(r#"{"tickets": [3, 3]}"#), 422, "invalid"),
        (get("/v1/events?limit=0"), 422, "invalid"),
        (get("/v1/events?limit=101"), 422, "invalid"),
        (get("/v1/events/ID/tickets?limit=1001"), 422, "invalid"),
        (get("/v1/events/ID/similar?limit=0"), 422, "invalid"),
        (get("/v1/events?colour=red"), 400, "malformed"),
    ];
    let mut wrong = Vec::new();
    for (call, status, slug) in &rows {
        let answer = buyer.calls(call).await;
        let refused = answer.refusal().expect("a problem");
        let got = refused.map(|refused| (refused.problem.status, refused.slug));
        if got != Some((*status, (*slug).to_owned())) {
            wrong.push(format!("{call:?}: {got:?}, not {status} {slug}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let text =
        Call::new(Method::POST, reserve.as_str()).with_body("text/plain", r#"{"tickets": [3]}"#);
    let answer = buyer.calls(&text).await;
    assert_eq!(answer.status, 415, "{:?}", answer.body);
    let shown = buyer.looks(id).await;
    assert_eq!(
        (shown.counts.free, shown.rev),
        (20, event.rev),
        "nothing was reserved"
    );
}

#[tokio::test]
async fn what_is_nearly_right_is_refused_at_a_core_and_changes_nothing() {
    let server = Standalone::start().await;
    let event = hall(&mut server.admin(), &about("An Evening"), 20).await;
    let id = event.summary.id;
    let mut administrator = Administrator::at(server.admin());
    let withdraw = format!("/admin/v1/events/{id}/tickets/withdraw");
    let rows = [
        (Call::post(&withdraw, &json!({"tickets": [3, 20]})), 404),
        (Call::post(&withdraw, &json!([[3]])), 400),
        (
            Call::post("/admin/v1/events", &json!(["An Evening", "concert"])),
            400,
        ),
        (Call::get("/admin/v1/events?limit=0"), 422),
    ];
    let mut wrong = Vec::new();
    for (call, status) in rows {
        let what = call.name();
        let got = administrator.calls(call).await.status.as_u16();
        if got != status {
            wrong.push(format!("{what}: {got}, not {status}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let call = Call::post(&withdraw, &json!({"tickets": [3]})).with(CONTENT_TYPE, "text/plain");
    assert_eq!(administrator.calls(call).await.status, 415);
    assert_eq!(
        administrator.store(id).await.rev,
        event.rev,
        "nothing was done"
    );
}

#[tokio::test]
async fn what_an_administrator_sets_to_null_is_as_if_never_said() {
    let server = Standalone::start().await;
    let id = hall(&mut server.admin(), &about("An Evening"), 20)
        .await
        .summary
        .id;
    let mut administrator = Administrator::at(server.admin());
    let mut buyer = Buyer::at(server.edge());
    let picture = "https://pictures.example.org/evening.jpg";
    let said = administrator
        .changes(id, &json!({"image_url": picture}))
        .await;
    assert_eq!(said.image_url.as_deref(), Some(picture));
    let closes_at = said.summary.starts_at - std::time::Duration::from_secs(3_600);
    let said = administrator
        .changes(id, &json!({"sale_closes_at": closes_at}))
        .await;
    assert_eq!(said.summary.sale_closes_at, closes_at);

    let nothing = json!({"image_url": null, "sale_closes_at": null});
    let unsaid = administrator.changes(id, &nothing).await;
    assert_eq!(unsaid.image_url, None);
    assert_eq!(
        unsaid.summary.sale_closes_at, unsaid.summary.starts_at,
        "the default"
    );
    until("the edge shows it", SOON, async || {
        (buyer.reads_about(id).await == unsaid).then_some(())
    })
    .await;
}
