//! What administrators see, in a real browser: from the token to a sale and a refund.

use std::io::Write;

use parterre_domain::TicketState::Withdrawn;
use tempfile::NamedTempFile;

use crate::story::{Browser, Buyer, Standalone, Watcher};

const TICKETS: &str = "section,row,seat,tier\nHall,1,1,all\nHall,1,2,all\nHall,1,3,all\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_made_filled_published_sold_withdrawn_refunded_and_remembered() {
    let server = Standalone::start().await;
    let Some(browser) = Browser::at(&server.core()).await else {
        return;
    };
    signs_in(&browser, &server).await;
    makes_a_draft(&browser, "A Night in Town").await;
    let wrong = uploads(&browser, "section,row,seat,tier,x,y\nHall,1,1,all,here,2\n").await;
    browser.reads("line 2").await;
    drop(wrong);
    let _right = uploads(&browser, TICKETS).await;
    browser.reads("3 tickets added").await;
    browser.is_accessible().await;
    browser.presses("Publish now").await;
    browser.reads("On sale").await;

    let event = browser.says("return location.hash.slice(9, 35)").await;
    let event = event.as_str().expect("an id").parse().expect("an id");
    let mut buyer = Buyer::at(server.edge());
    buyer.finds(event).await;
    let reserved = buyer.reserves(event, &[0]).await;
    buyer.pays(&reserved, "prompt").await;
    browser.reads("€42.00").await;
    browser.is_accessible().await;

    let screen = Watcher::of(&server.edge(), event).await;
    browser.presses("Pick the free ones").await;
    browser.presses("Withdraw (2)").await;
    screen.sees(1, Withdrawn).await;
    screen.sees(2, Withdrawn).await;

    let path = format!("/admin#/reservations/{}", reserved.reservation.id);
    browser.opens(&path).await;
    browser.presses("Refund…").await;
    browser.is_accessible().await;
    browser.presses("Refund €42.00").await;
    browser.reads("refunded").await;
    browser.opens("/admin#/audit").await;
    for action in [
        "published the event",
        "withdrew tickets",
        "refunded the reservation",
    ] {
        browser.reads(action).await;
    }
    browser.is_accessible().await;
    browser.leaves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_token_nothing_is_shown_and_a_wrong_one_is_told() {
    let server = Standalone::start().await;
    let Some(browser) = Browser::at(&server.core()).await else {
        return;
    };
    browser.opens("/admin#/audit").await;
    browser.enters("#field-token", "wrong").await;
    browser.presses("Sign in").await;
    browser
        .comes_to("return document.querySelector('.notice.bad') !== null")
        .await;
    browser.is_accessible().await;
    browser.enters("#field-token", &server.token()).await;
    browser.presses("Sign in").await;
    browser
        .comes_to("return document.querySelector('h1').textContent === 'Audit trail'")
        .await;
    browser.presses("Sign out").await;
    browser.reads("Sign in").await;
    assert_eq!(browser.says("return sessionStorage.length").await, 0);
    browser.leaves().await;
}

async fn signs_in(browser: &Browser, server: &Standalone) {
    browser.opens("/admin").await;
    browser.enters("#field-token", &server.token()).await;
    browser.presses("Sign in").await;
    browser.reads("Events").await;
    browser.presses("Русский").await;
    browser.reads("События").await;
    browser.is_accessible().await;
    browser.presses("English").await;
    browser.reads("Events").await;
}

async fn makes_a_draft(browser: &Browser, title: &str) {
    browser.presses("New event").await;
    let fields = [
        ("title", title),
        ("category", "concert"),
        ("venue", "The Story House"),
        ("city", "Linz"),
        ("currency", "EUR"),
    ];
    for (name, text) in fields {
        browser.enters(&format!("#field-{name}"), text).await;
    }
    browser.picks("#field-starts_at", "2099-05-01T19:30").await;
    browser.is_accessible().await;
    browser.presses("Create the draft").await;
    browser.reads(title).await;
}

/// Uploads a table from a file, which is there for as long as what is returned.
#[must_use]
async fn uploads(browser: &Browser, table: &str) -> NamedTempFile {
    let mut file = NamedTempFile::with_suffix(".csv").expect("a file");
    file.write_all(table.as_bytes()).expect("it is written");
    let path = file.path().to_str().expect("a path").to_owned();
    browser.gives("#field-file", &path).await;
    browser.enters("#field-price", "42").await;
    browser.presses("Upload tickets").await;
    file
}
