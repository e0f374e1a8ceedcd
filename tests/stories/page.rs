//! What buyers see, in a real browser: two at one event, a lost race, paying and not paying,
//! an edge that is cut off, a keyboard alone, a phone, another language, the dark.

use parterre_domain::wire::api::TicketsUpload;
use parterre_domain::{About, EventId};

use crate::story::{
    Administrator, Browser, Buyer, Cluster, DESKTOP, PHONE, Standalone, about, hall, parterre,
    rows_of_twenty, until,
};

/// Tickets of the hall: two rows.
const TICKETS: u32 = 40;
/// How long a server holds tickets in the story of a hold that runs out: the least.
const SHORT_HOLD_SECONDS: u32 = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_at_one_event_see_each_other_reserve_and_release() {
    let Some((server, event, one)) = stage(&about("Two at One")).await else {
        return;
    };
    let other = Browser::at(&server.edge()).await.expect("another");
    for browser in [&one, &other] {
        browser.opens(&format!("/?event={event}")).await;
        browser.reads("40 of 40 free").await;
    }
    one.presses("Hall, row 1, seat 5").await;
    one.presses("Reserve").await;
    one.reads("Reserved for you").await;
    other.reads("39 of 40 free").await;
    other.comes_to(&is_marked(5, "somebody is buying it")).await;

    one.presses("Release the tickets").await;
    one.reads("Not charged, tickets released").await;
    other.reads("40 of 40 free").await;
    other.comes_to(&is_marked(5, "free")).await;
    one.leaves().await;
    other.leaves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_race_costs_one_click() {
    let Some((server, event, browser)) = stage(&about("Lost Race")).await else {
        return;
    };
    // Its screen is late, as everyone's is for a moment.
    browser.is_deaf().await;
    browser.opens(&format!("/?event={event}")).await;
    browser.presses("Hall, row 1, seat 5").await;
    browser.presses("Hall, row 1, seat 6").await;
    let faster = Buyer::at(server.edge()).reserves(event, &[4]).await;
    browser.presses("Reserve").await;
    browser
        .reads("Somebody was faster: Hall, row 1, seat 5. The others are still picked.")
        .await;
    browser.reads("Nearest free: Hall, row 1, seat 4.").await;
    browser.presses("Take these instead").await;
    browser.presses("Reserve").await;
    browser.reads("Reserved for you").await;
    for kept in ["Hall, row 1, seat 4", "Hall, row 1, seat 6"] {
        browser.reads(kept).await;
    }
    let store = server.admin().availability(event).await.expect("an answer");
    assert_eq!(&store.states[3..6], "ppp");
    // The way back leads to a page that works.
    browser.goes_back().await;
    browser.reads("Nothing picked yet.").await;
    browser.presses("Hall, row 2, seat 1").await;
    browser.presses("Reserve").await;
    browser.reads("Reserved for you").await;
    Buyer::at(server.edge()).releases(&faster).await;
    browser.leaves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paying_failing_walking_away_and_paying_late_end_in_plain_words() {
    let Some((server, event, browser)) = stage(&about("Paying")).await else {
        return;
    };
    reserves(&browser, event, "Hall, row 1, seat 1").await;
    checks_out(&browser).await;
    browser.presses("Let the card be declined").await;
    browser.reads("The card was declined").await;
    browser.presses("Walk away").await;
    browser.reads("Reserved for you").await;
    checks_out(&browser).await;
    browser.presses("Pay").await;
    browser.reads("Yours").await;
    let pass = browser
        .says("return document.querySelector('code').textContent")
        .await;
    let pass = pass.as_str().expect("a pass").to_owned();
    let checked = parterre(&["check-ticket", &pass, "--edge", &server.edge().to_string()]);
    assert!(checked.status.success(), "{pass}: {checked:?}");

    reserves(&browser, event, "Hall, row 2, seat 1").await;
    checks_out(&browser).await;
    browser.presses("Pay; the shop hears of it late").await;
    browser.reads("Being settled").await;
    browser.reads("Yours").await;
    browser.presses("My tickets").await;
    browser
        .comes_to("return document.querySelectorAll('.card').length === 2")
        .await;
    browser.leaves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_runs_out_is_told_and_the_tickets_are_free_again() {
    let mut about = about("Short Hold");
    about.hold_seconds = SHORT_HOLD_SECONDS;
    let Some((_server, event, browser)) = stage(&about).await else {
        return;
    };
    reserves(&browser, event, "Hall, row 1, seat 1").await;
    browser.reads("0:0").await;
    browser.reads("Not charged, tickets released").await;
    browser.presses("Back to the event").await;
    browser.reads("40 of 40 free").await;
    browser.leaves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_is_told_on_the_buyers_page() {
    let Some((server, event, browser)) = stage(&about("Refund")).await else {
        return;
    };
    reserves(&browser, event, "Hall, row 1, seat 1").await;
    checks_out(&browser).await;
    browser.presses("Pay").await;
    browser.reads("Yours").await;
    Administrator::at(server.admin()).cancels(event).await;
    browser.reads("Refunded").await;
    browser.leaves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edge_that_is_cut_off_says_since_when_and_goes_on_by_itself() {
    let mut cluster = Cluster::start().await;
    let edge = cluster.edge(&[]).await;
    let event = hall(&mut cluster.admin(), &about("Cut Off"), TICKETS)
        .await
        .summary
        .id;
    let Some(browser) = Browser::at(&edge.origin()).await else {
        return;
    };
    Buyer::at(edge.origin()).finds(event).await;
    browser.opens(&format!("/?event={event}")).await;
    browser.reads("40 of 40 free").await;
    assert!(!browser.shows("Not live since").await);
    cluster.core.kill();
    browser.reads("Not live since").await;
    browser.reads("40 of 40 free").await;
    cluster.restart();
    until("the banner is gone", crate::story::SOON, async || {
        (!browser.shows("Not live since").await).then_some(())
    })
    .await;
    reserves(&browser, event, "Hall, row 1, seat 1").await;
    cluster.core.kill();
    browser.presses("Release the tickets").await;
    browser
        .reads("Reserving and paying rest for a moment; nothing was done.")
        .await;
    cluster.restart();
    cluster.core.ready().await;
    browser.presses("Release the tickets").await;
    browser.reads("Not charged, tickets released").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyboard_alone_buys_a_ticket() {
    let Some((server, event, browser)) = stage(&about("Keyboard")).await else {
        return;
    };
    let (tab, enter, space, right) = ("\u{e004}", "\u{e007}", "\u{e00d}", "\u{e014}");
    browser.opens("/").await;
    browser.reads("Keyboard").await;
    focus_by(
        &browser,
        tab,
        "document.activeElement.textContent === 'Keyboard'",
    )
    .await;
    browser.types(enter).await;
    browser.reads("40 of 40 free").await;
    focus_by(&browser, tab, "document.activeElement.matches('.seat')").await;
    browser.types(right).await;
    browser.types(space).await;
    browser.reads("Hall, row 1, seat 2").await;
    focus_by(
        &browser,
        tab,
        "document.activeElement.matches('.choice button.main')",
    )
    .await;
    browser.types(enter).await;
    browser.reads("Reserved for you").await;
    focus_by(&browser, tab, "document.activeElement.name === 'name'").await;
    browser.types("Ann").await;
    browser.types(tab).await;
    browser.types(&format!("ann@example.org{enter}")).await;
    browser.reads("Sandbox payment").await;
    focus_by(
        &browser,
        tab,
        "document.activeElement.textContent === 'Pay'",
    )
    .await;
    browser.types(enter).await;
    browser.reads("Yours").await;
    let store = server.admin().availability(event).await.expect("an answer");
    assert_eq!(&store.states[..3], "fsf");
    browser.leaves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_map_is_picked_from_by_pointer_and_by_keyboard() {
    let server = Standalone::start().await;
    let published = server
        .admin()
        .publish(&about("On a Map"), &on_a_map())
        .await;
    let event = published.expect("an event").summary.id;
    let Some(browser) = Browser::at(&server.edge()).await else {
        return;
    };
    Buyer::at(server.edge()).finds(event).await;
    // So that what is pointed at doesn't move away.
    browser.prefers("prefers-reduced-motion", "reduce").await;
    browser.opens(&format!("/?event={event}")).await;
    browser
        .comes_to("document.querySelector('canvas').focus(); return true")
        .await;
    let (home, right, enter) = ("\u{e011}", "\u{e014}", "\u{e007}");
    browser.types(home).await;
    browser.reads("Hall, row 1, seat 1 ·").await;
    browser.types(enter).await;
    browser.types(right).await;
    browser.reads("Hall, row 1, seat 2 ·").await;
    browser.types(enter).await;
    browser
        .comes_to("return document.querySelectorAll('.choice .picked .price').length === 2")
        .await;

    // The one under the keyboard's cursor is where its tooltip points: a click lets it go.
    let place = browser
        .says(
            "const {x, y} = document.querySelector('canvas').getBoundingClientRect(); \
             const at = document.querySelector('.tooltip').style.transform.match(/[\\d.]+px/g).map(parseFloat); \
             return [x + at[0], y + at[1]]",
        )
        .await;
    let place: [f64; 2] = serde_json::from_value(place).expect("a place");
    browser.clicks_at(place[0], place[1]).await;
    browser
        .comes_to("return document.querySelectorAll('.choice .picked .price').length === 1")
        .await;
    browser.leaves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_shows_all_of_it_without_scrolling_sideways() {
    let Some((_server, _, browser)) = stage_of(&about("Phone"), PHONE).await else {
        return;
    };
    browser.opens("/").await;
    browser.presses("Phone").await;
    browser.reads("40 of 40 free").await;
    fits(&browser).await;
    browser.presses("Hall, row 1, seat 1").await;
    browser.presses("Reserve").await;
    browser.reads("Reserved for you").await;
    fits(&browser).await;
    checks_out(&browser).await;
    browser.presses("Pay").await;
    browser.reads("Yours").await;
    fits(&browser).await;
    browser.leaves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_accessible_in_both_languages_by_day_and_by_night() {
    let Some((server, event, browser)) = stage(&about("For Everyone")).await else {
        return;
    };
    let map = server
        .admin()
        .publish(&about("On a Map"), &on_a_map())
        .await;
    let map = map.expect("an event").summary.id;
    Buyer::at(server.edge()).finds(map).await;
    reserves(&browser, event, "Hall, row 1, seat 1").await;
    browser.is_accessible().await;
    let pending = browser.says("return location.search").await;
    let pending = format!("/{}", pending.as_str().expect("an address"));
    reserves(&browser, event, "Hall, row 2, seat 1").await;
    checks_out(&browser).await;
    browser.is_accessible().await;
    browser.presses("Pay").await;
    browser.reads("Yours").await;
    let paid = browser.says("return location.search").await;
    let paid = format!("/{}", paid.as_str().expect("an address"));
    let pages = [
        ("/", "Programme", "Афиша"),
        (&format!("/?event={event}"), "Your choice", "Ваш выбор"),
        (&format!("/?event={map}"), "Your choice", "Ваш выбор"),
        (&pending, "Reserved for you", "Забронировано для вас"),
        (&paid, "Yours", "Билеты ваши"),
        ("/?mine", "My tickets", "Мои билеты"),
    ];
    for (path, english, _) in pages {
        browser.opens(path).await;
        browser.reads(english).await;
        browser.is_accessible().await;
    }
    browser.presses("Русский").await;
    browser.prefers("prefers-color-scheme", "dark").await;
    for (path, _, russian) in pages {
        browser.opens(path).await;
        browser.reads(russian).await;
        browser.is_accessible().await;
    }
    browser.leaves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_programme_goes_on_is_filtered_by_its_address_and_says_when_it_fails() {
    let mut server = Standalone::start().await;
    let Some(browser) = Browser::at(&server.edge()).await else {
        return;
    };
    // More than fill a page, so that the list has to go on.
    let mut last = None;
    for number in 0..30 {
        let mut about = about(&format!("Evening {number}"));
        if number % 10 == 0 {
            about.category = "opera".to_owned();
        }
        last = Some(hall(&mut server.admin(), &about, 2).await.summary.id);
    }
    let last = last.expect("an event");
    let mut buyer = Buyer::at(server.edge());
    buyer.finds(last).await;
    browser.opens("/").await;
    browser
        .comes_to("scrollTo(0, 1e6); return document.querySelectorAll('.card').length === 30")
        .await;
    buyer.reserves(last, &[0, 1]).await;
    browser.reads("Sold out").await;

    browser.writes("Search", "evening").await;
    browser.writes("Kind", "opera").await;
    browser
        .comes_to("return document.querySelectorAll('.card').length === 3")
        .await;
    browser
        .comes_to("return location.search === '?q=evening&category=opera'")
        .await;
    browser.opens("/?category=opera&q=10").await;
    browser
        .comes_to("return document.querySelectorAll('.card').length === 1")
        .await;
    browser.writes("Search", "nothing like it").await;
    browser.reads("No event fits.").await;
    browser.is_accessible().await;
    browser.is_clean().await;

    server.process.kill();
    // Nothing that the browser holds.
    browser.writes("Search", "even").await;
    browser.reads("The server can't be reached.").await;
    browser.is_accessible().await;
    server.restart().await;
    browser.presses("Try again").await;
    browser.reads("Evening 10").await;
}

/// A server with one hall, and a browser in front of it.
async fn stage(about: &About) -> Option<(Standalone, EventId, Browser)> {
    stage_of(about, DESKTOP).await
}

async fn stage_of(about: &About, window: (u32, u32)) -> Option<(Standalone, EventId, Browser)> {
    let server = Standalone::start().await;
    let event = hall(&mut server.admin(), about, TICKETS).await.summary.id;
    Buyer::at(server.edge()).finds(event).await;
    let browser = Browser::sized(&server.edge(), window).await?;
    Some((server, event, browser))
}

/// The hall with a place for each ticket.
fn on_a_map() -> TicketsUpload {
    let mut upload = rows_of_twenty(TICKETS);
    for (at, ticket) in (0_u8..).zip(&mut upload.tickets) {
        ticket.x = Some(f32::from(at % 20) * 10.0);
        ticket.y = Some(f32::from(at / 20) * 12.0);
    }
    upload
}

/// Whether a ticket's button says what became of it.
fn is_marked(seat: u32, state: &str) -> String {
    format!(
        "return document.querySelector('[aria-label^=\"Hall, row 1, seat {seat} ·\"]')\
         .ariaLabel.endsWith('{state}')"
    )
}

async fn reserves(browser: &Browser, event: EventId, ticket: &str) {
    browser.opens(&format!("/?event={event}")).await;
    browser.presses(ticket).await;
    browser.presses("Reserve").await;
    browser.reads("Reserved for you").await;
}

/// From the reservation to the provider's page.
async fn checks_out(browser: &Browser) {
    browser.writes("Name", "Ann").await;
    browser.writes("E-mail", "ann@example.org").await;
    browser.presses("Pay €42.00").await;
    browser.reads("Sandbox payment").await;
}

/// Presses a key until the focus is where it should be.
async fn focus_by(browser: &Browser, key: &str, there: &str) {
    for _ in 0..60 {
        if browser.says(&format!("return {there}")).await == true {
            return;
        }
        browser.types(key).await;
    }
    panic!("60 keys don't get to {there}");
}

async fn fits(browser: &Browser) {
    let is_wide = "return document.documentElement.scrollWidth > innerWidth";
    let url = browser.says("return location.href").await;
    assert_eq!(browser.says(is_wide).await, false, "{url} scrolls sideways");
}
