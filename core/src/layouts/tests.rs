use bytes::Bytes;
use parterre_domain::state::Write;
use parterre_domain::{Life, NewTicket, SalePhase, TicketId, Timestamp, Upload, UploadId};

use super::*;
use crate::config::StoreConfig;
use crate::store::{Commit, Marker, Transaction};
use crate::testing::about;

#[tokio::test]
async fn a_draft_grows_and_a_published_event_is_not_asked_for_again() {
    let store = AnyStore::open(&StoreConfig::Memory).await.unwrap();
    let layouts = Layouts::new(store.clone());
    let mut event = draft();
    assert!(layouts.get(event.id).await.unwrap().is_none());
    put(&store, &event, "").await;
    assert_eq!(seen(&layouts).await, (Life::Draft, vec![]));
    for (number, section) in [(1, "stalls"), (2, "circle")] {
        event.uploads.push(Upload {
            id: UploadId([number; 16]),
            chunks: 1,
            tickets: 1,
            sections: 1,
        });
        put(&store, &event, section).await;
    }
    let sections = vec!["stalls".to_owned(), "circle".to_owned()];
    assert_eq!(seen(&layouts).await, (Life::Draft, sections.clone()));
    event.life = Life::Published;
    put(&store, &event, "circle").await;
    assert_eq!(seen(&layouts).await, (Life::Published, sections.clone()));
    event.life = Life::Cancelled;
    put(&store, &event, "never read").await;
    assert_eq!(seen(&layouts).await, (Life::Published, sections));
    let snapshot = store.snapshot().await.unwrap();
    let now = event_in(&snapshot, event.id).await.unwrap().unwrap();
    assert_eq!(now.life, Life::Cancelled);
    let layout = layouts.of(&snapshot, &now).await.unwrap();
    assert_eq!(layout.section_of(TicketId(1)), "circle");
}

/// The event's life, and the section of each of its tickets.
async fn seen(layouts: &Layouts) -> (Life, Vec<String>) {
    let LaidOut { record, layout } = &*layouts.get(draft().id).await.unwrap().unwrap();
    let sections = (0..layout.len()).map(|id| layout.section_of(TicketId(id)).to_owned());
    (record.life, sections.collect())
}

/// Puts a record, and its last upload's one chunk: a ticket in this section.
async fn put(store: &AnyStore, event: &EventRecord, section: &str) {
    let ticket = NewTicket {
        section: section.to_owned(),
        row: String::new(),
        seat: String::new(),
        tier: String::new(),
        x: None,
        y: None,
    };
    let chunks = event.uploads.last().map(|upload| {
        let chunk = &LayoutChunk::cut(std::slice::from_ref(&ticket), |_| 0)[0];
        Write::Set(keys::chunk(upload.id, 0), parterre_domain::encode(chunk))
    });
    let record = Write::Set(keys::event(event.id), parterre_domain::encode(event));
    let commit = Commit {
        writes: chunks.into_iter().chain([record]).collect(),
        record: Bytes::new(),
        marker: Marker {
            key: keys::marker([1; 16], 0),
            batch: [1; 16],
        },
    };
    let transaction = store.begin().await.unwrap();
    assert!(transaction.commit(commit).await.is_ok());
}

fn draft() -> EventRecord {
    EventRecord {
        id: EventId::from_number(1),
        about: about(),
        life: Life::Draft,
        phase: SalePhase::Open,
        tiers: Vec::new(),
        uploads: Vec::new(),
        total: 0,
        created_at: Timestamp::default(),
        cancelling: false,
    }
}
