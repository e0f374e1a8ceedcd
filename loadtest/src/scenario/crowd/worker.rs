//! One process of a crowd, from its own side.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{FromWorker, Lines, Mouth, ToWorker};
use crate::clock;
use crate::scenario::people::{Scene, gather, play, watchers_agree};
use crate::scenario::recorder::Recorded;

/// Between two words about how far it is.
const PROGRESS: Duration = Duration::from_millis(500);
/// Entries of a ledger in one message.
const ENTRIES_AT_ONCE: usize = 2_000;

/// Plays a part from beginning to end.
///
/// # Errors
///
/// When the parent is gone or speaks oddly.
pub(crate) async fn serve(mut lines: Lines, mut mouth: Mouth) -> Result<(), String> {
    let part = match lines.next().await? {
        ToWorker::Part(part) => *part,
        other => return Err(format!("{other:?} before a part")),
    };
    let scene = Arc::new(Scene::new(part));
    let mut staying = JoinSet::new();
    if let Err(error) = gather(&scene, &mut staying).await {
        return mouth.say(&FromWorker::Failed(error)).await;
    }
    mouth.say(&FromWorker::Ready).await?;
    let begins = match lines.next().await? {
        ToWorker::Begin(at) => clock::here(at),
        other => return Err(format!("{other:?} before the beginning")),
    };
    let stage = scene.begin(begins);
    tokio::select! {
        () = play(&scene, &stage) => {}
        gone = tell_progress(&scene, &mut mouth) => return gone,
        odd = lines.next::<ToWorker>() => return Err(format!("{odd:?} while playing")),
    }
    while let Some(ended) = staying.try_join_next() {
        if let Err(error) = ended {
            let said = format!("the load tester itself: {error}");
            scene.recorder.disagrees(said);
        }
    }
    for entries in stage.ledger.entries().chunks(ENTRIES_AT_ONCE) {
        mouth.say(&FromWorker::Entries(entries.to_vec())).await?;
    }
    let mut recorded = scene.recorder.take();
    recorded.absorb(&stage.numbers);
    tell(recorded, &mut mouth).await?;
    mouth.say(&FromWorker::Done).await?;
    let known = match lines.next().await? {
        ToWorker::Compare(known) => known,
        other => return Err(format!("{other:?} before the comparison")),
    };
    watchers_agree(&scene, &known).await;
    tell(scene.recorder.take(), &mut mouth).await?;
    mouth.say(&FromWorker::Compared).await
}

async fn tell(recorded: Recorded, mouth: &mut Mouth) -> Result<(), String> {
    for piece in recorded.pieces() {
        mouth.say(&FromWorker::Recorded(Box::new(piece))).await?;
    }
    Ok(())
}

async fn tell_progress(scene: &Scene, mouth: &mut Mouth) -> Result<(), String> {
    loop {
        tokio::time::sleep(PROGRESS).await;
        let (done, wrong) = scene.recorder.summary();
        mouth.say(&FromWorker::Progress(done, wrong)).await?;
    }
}
