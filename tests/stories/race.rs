//! Two hundred buyers want the same five tickets, half of them at an edge that is five
//! seconds behind and can't know better.

use std::collections::BTreeSet;
use std::time::Duration;

use parterre_domain::EventId;
use parterre_loadtest::wire::{Origin, Refused, Reserved};
use tokio::task::JoinSet;

use crate::story::{Buyer, Cluster, Edge, SOON, Watcher, race_track};

const BUYERS: usize = 200;
/// How far behind the second edge is.
const DELAY: &str = "5s";

type Outcome = Result<Reserved, Refused>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hundred_buyers_of_five_tickets_exactly_the_right_number_win() {
    let cluster = Cluster::start().await;
    let prompt = cluster.edge(&[]).await;
    let late = cluster.edge(&["--feed-delay", DELAY]).await;
    let event = race_track(&cluster.origin(), cluster.token()).await;
    let edges = [prompt.origin(), late.origin()];
    for edge in &edges {
        Buyer::at(edge.clone()).finds(event).await;
    }
    let screens = watchers(&edges, event).await;

    // All five or nothing: one wins.
    let wanted: &[u32] = &[100, 101, 102, 103, 104];
    let outcomes = all_at_once(&edges, event, |_| wanted.to_vec()).await;
    check_outcomes(&outcomes, wanted, 1);
    // One each: five win.
    let wanted: &[u32] = &[200, 201, 202, 203, 204];
    let outcomes = all_at_once(&edges, event, |buyer| vec![wanted[buyer % 5]]).await;
    check_outcomes(&outcomes, wanted, 5);

    let store = cluster
        .admin()
        .availability(event)
        .await
        .expect("an answer");
    assert_eq!(store.counts.pending, 10);
    assert_eq!(store.counts.free + 10, store.counts.total);
    for screen in &screens {
        let seen = screen.reaches(store.rev, SOON).await;
        let fold = seen.fold.expect("a fold");
        assert_eq!(fold.rev(), store.rev);
        assert_eq!(fold.states().to_letters(), store.states);
        assert_eq!(fold.counts(), store.counts);
        assert_eq!(seen.wrong, []);
    }
    say_who_refused(&cluster, [&prompt, &late]).await;
}

/// Ten screens at each edge, each with its first snapshot.
async fn watchers(edges: &[Origin], event: EventId) -> Vec<Watcher> {
    let mut watchers = Vec::new();
    for at in 0..20 {
        let watcher = Watcher::of(&edges[at % edges.len()], event).await;
        watcher
            .until("a first snapshot", SOON, |seen| seen.fold.is_some())
            .await;
        watchers.push(watcher);
    }
    watchers
}

/// Every buyer asks at the same moment, each on a connection of its own.
async fn all_at_once(
    edges: &[Origin],
    event: EventId,
    wants: impl Fn(usize) -> Vec<u32>,
) -> Vec<(usize, Vec<u32>, Outcome)> {
    let start = std::sync::Arc::new(tokio::sync::Barrier::new(BUYERS));
    let mut buyers = JoinSet::new();
    for number in 0..BUYERS {
        let (edge, wanted) = (edges[number % edges.len()].clone(), wants(number));
        let start = start.clone();
        buyers.spawn(async move {
            let mut buyer = Buyer::at(edge);
            buyer.looks(event).await;
            start.wait().await;
            let outcome = buyer.tries(event, &wanted).await;
            (number, wanted, outcome)
        });
    }
    tokio::time::timeout(Duration::from_secs(60), buyers.join_all())
        .await
        .expect("an answer to every buyer")
}

fn check_outcomes(outcomes: &[(usize, Vec<u32>, Outcome)], wanted: &[u32], winners: usize) {
    let mut won = BTreeSet::new();
    let mut winning = 0;
    for (buyer, asked, outcome) in outcomes {
        match outcome {
            Ok(reserved) => {
                winning += 1;
                for ticket in &reserved.reservation.tickets {
                    assert!(won.insert(ticket.id.0), "{:?} sold twice", ticket.id);
                }
            }
            Err(refused) => {
                assert_eq!(refused.slug, "tickets-taken", "buyer {buyer}: {refused:?}");
                let taken = refused.problem.taken.as_deref().unwrap_or_default();
                let named = taken.iter().all(|taken| asked.contains(&taken.id.0));
                assert!(!taken.is_empty() && named, "buyer {buyer}: {refused:?}");
            }
        }
    }
    assert_eq!(winning, winners);
    assert_eq!(won, wanted.iter().copied().collect());
}

async fn say_who_refused(cluster: &Cluster, [prompt, late]: [&Edge; 2]) {
    let by_edge = r#"parterre_edge_refusals_total{reason="tickets-taken"}"#;
    let by_core = r#"parterre_core_refusals_total{reason="tickets-taken"}"#;
    let (prompt, late) = (prompt.metrics().await, late.metrics().await);
    let [prompt, late] = [prompt.get(by_edge), late.get(by_edge)];
    let core = cluster.metrics().await.get(by_core);
    println!("refused: {prompt} by the prompt edge, {late} by the late one, {core} by the core");
    let refused = 2.0 * 200.0 - 6.0;
    assert_eq!(
        prompt + late + core,
        refused,
        "every refusal is counted once"
    );
}
