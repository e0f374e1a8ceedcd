//! Streams of events whose reader is driven by hand.

use http_body_util::BodyExt;

use parterre_domain::TicketState;
use parterre_domain::wire::live::ToClient;

use super::client::Fold;
use super::model::event;
use super::sockets::{quick, story};
use super::stage::{FedSurroundings, Stage, until, within};
use crate::live::EventStream;
use crate::live::hub::Pace;

async fn hear(stream: &mut EventStream<FedSurroundings>) -> Option<ToClient> {
    let data = within(stream.frame()).await?.unwrap().into_data().unwrap();
    let text = std::str::from_utf8(&data).unwrap();
    let message = text.lines().find_map(|line| line.strip_prefix("data: "))?;
    Some(serde_json::from_str(message).unwrap())
}

#[test]
fn a_reader_that_pauses_costs_two_frames_and_finds_everything_merged() {
    story(async {
        let stage = Stage::open(quick(), 2_000).await;
        let mut stream = stage.live.stream(event(0), None);
        let mut fold = Fold::default();
        fold.take(&hear(&mut stream).await.unwrap());
        let mut commits = 0;
        while stage.metrics.merged.get() < 5 {
            let state = TicketState::ALL[commits % 4];
            let changes: Vec<_> = (0..300).map(|ticket| (ticket * 5, state)).collect();
            stage.commit(0, &changes);
            commits += 1;
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        let last = stage.cell(0).0.borrow().rev;
        let mut frames = 0;
        while fold.beliefs[&event(0)].rev != last {
            fold.take(&hear(&mut stream).await.unwrap());
            frames += 1;
        }
        // One in the body, one in flight, the merged one, and what its round still owed.
        assert!(frames <= 4, "{frames} frames for {commits} commits");
        assert_eq!(
            fold.beliefs[&event(0)].states,
            stage.cell(0).0.borrow().states
        );
    });
}

#[test]
fn a_reader_that_never_comes_back_is_ended_and_one_that_leaves_is_forgotten() {
    story(async {
        let pace = Pace {
            slow_client: std::time::Duration::from_millis(20),
            close_grace: std::time::Duration::from_millis(20),
            ..quick()
        };
        let stage = Stage::open(pace, 100).await;
        let mut stuck = stage.live.stream(event(0), None);
        let leaving = stage.live.stream(event(1), None);
        assert_eq!(stage.live.len(), 2);
        drop(leaving);
        assert_eq!(stage.live.len(), 1);
        let mut ticket = 0;
        while stage.metrics.slow_closes.get() == 0 {
            ticket = (ticket + 1) % 100;
            stage.commit(0, &[(ticket, TicketState::Sold)]);
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        until("the stream is cut", || stuck.is_ended()).await;
        assert!(within(stuck.frame()).await.is_none());
        drop(stuck);
        assert_eq!(stage.live.len(), 0);
    });
}

#[test]
fn an_event_that_cant_be_loaded_ends_its_stream_with_an_invitation() {
    story(async {
        let stage = Stage::open(quick(), 100).await;
        let mut stream = stage.live.stream(event(9), None);
        let last = within(stream.frame()).await.unwrap().unwrap();
        assert!(last.into_data().unwrap().starts_with(b"retry: "));
        assert!(within(stream.frame()).await.is_none());
    });
}
