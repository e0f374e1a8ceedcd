use std::net::SocketAddr;
use std::time::Duration;

use parterre_domain::EventId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::scenario::arrivals::Rate;
use crate::scenario::people::{LOOK, LOOKS, SERVED};

/// How long the server of these tests answers nobody, in the middle of the run.
const STALL: Duration = Duration::from_millis(600);
const LASTS: Duration = Duration::from_secs(2);
const PER_SECOND: f64 = 200.0;

#[tokio::test(flavor = "multi_thread")]
async fn a_stall_of_the_server_shows_in_everything_that_was_due_meanwhile() {
    let began = Instant::now();
    // Everybody comes at about this time.
    let stall = began + Duration::from_millis(800);
    let edge = server(stall).await;
    // A single connection: whoever waits for one answer in turn would see one slow look.
    let mut crowd = Crowd::gather(vec![looking(edge, 1)])
        .await
        .expect("it is there");
    let stage = stage();
    let progress = Progress::new(LASTS);
    let recorded = crowd.play(Instant::now(), &stage, &progress).await;
    let (due, served) = (&recorded.took[LOOK].whole, &recorded.took[SERVED].whole);
    let slow = |latencies: &crate::scenario::latencies::Latencies| {
        let half = u64::try_from(STALL.as_micros() / 2).expect("it fits");
        let histogram = latencies.histogram();
        histogram.count_between(half, u64::MAX / 2)
    };
    // Half of what was due during the stall had to wait for more than half of it.
    let expected = PER_SECOND * STALL.as_secs_f64() / 2.0;
    let slow_looks = crate::scenario::outcome::whole(slow(due));
    assert!(slow_looks > expected * 0.6, "{slow_looks} of {expected}");
    assert!(slow(served) <= 2, "{}", slow(served));
    let pace = recorded.pace.values();
    let (planned, done) = pace.fold((0, 0), |sum, of| (sum.0 + of.due, sum.1 + of.done));
    assert_eq!((planned, recorded.disagreements.said), (done, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn looks_that_are_answered_after_the_run_are_timed_and_make_no_rate() {
    let begins = Instant::now() + Duration::from_secs(1);
    let edge = server(begins + LASTS - STALL / 2).await;
    let mut crowd = Crowd::gather(vec![looking(edge, 64)])
        .await
        .expect("it is there");
    let progress = Progress::new(LASTS);
    let recorded = crowd.play(begins, &stage(), &progress).await;
    let (all, within) = (
        recorded.took[LOOK].whole.histogram().len(),
        recorded.counted(LOOKS),
    );
    // Half of a stall's looks were due within the run; five deviations fewer are enough.
    let late = PER_SECOND * STALL.as_secs_f64() / 2.0;
    let late = late - 5.0 * late.sqrt();
    let counted = crate::scenario::outcome::whole(all - within);
    assert!(counted > late && within > 0, "{within} of {all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_is_in_the_report_and_the_others_go_on() {
    let edge = server(Instant::now() + Duration::from_secs(60)).await;
    let mut dies = Command::new("sh");
    // Ready, told when to begin, and gone.
    dies.args(["-c", "read part; echo '\"Ready\"'; read begin; exit 3"]);
    let workers = vec![Worker::run(0, dies).expect("sh"), Worker::here()];
    let parts = looking(edge, 8).split(2);
    let mut crowd = Crowd::of(workers, parts).await.expect("both are there");
    let stage = stage();
    let progress = Progress::new(LASTS);
    let recorded = crowd.play(Instant::now(), &stage, &progress).await;
    assert_eq!(recorded.disagreements.count, 1);
    let said = &recorded.disagreements.said[0];
    assert!(said.starts_with("process 0 of the crowd is lost"), "{said}");
    assert!(recorded.took[LOOK].whole.histogram().len() > 50);
    let compared = crowd.compare(&Known::default()).await;
    assert_eq!(compared.disagreements.count, 0, "it is missed once");
}

#[tokio::test]
async fn a_process_that_never_gets_ready_is_no_crowd() {
    let mut dies = Command::new("sh");
    dies.args(["-c", "exit 3"]);
    let workers = vec![Worker::run(4, dies).expect("sh")];
    let parts = looking(SocketAddr::from(([127, 0, 0, 1], 1)), 1).split(1);
    let failure = Crowd::of(workers, parts)
        .await
        .err()
        .expect("nobody is there");
    assert!(failure.to_string().contains("process 4"), "{failure}");
}

fn looking(edge: SocketAddr, people: usize) -> Part {
    Part {
        edges: vec![edge.into()],
        core: edge.into(),
        seed: 1,
        lasts: LASTS,
        events: vec![EventId::from_number(1)],
        hold_seconds: 600,
        browsing: Some(Browsing {
            people,
            rate: Rate::Flat {
                per_second: PER_SECOND,
            },
            zipf: 1.0,
        }),
        watching: None,
        rush: None,
    }
}

fn stage() -> Stage {
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    crate::scenario::people::stage(&looking(nobody, 1), "", Instant::now())
}

/// A server that answers every read at once, but for a while nobody.
async fn server(stall: Instant) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = [0; 4_096];
                while stream.read(&mut head).await.is_ok_and(|read| read > 0) {
                    let now = Instant::now();
                    if now >= stall && now < stall + STALL {
                        tokio::time::sleep_until((stall + STALL).into()).await;
                    }
                    // A tag of its own each time, so that every read is a whole one.
                    let tag = fastrand::u64(..);
                    let answer =
                        format!("HTTP/1.1 200 OK\r\netag: \"{tag}\"\r\ncontent-length: 0\r\n\r\n");
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}
