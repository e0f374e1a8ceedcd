//! What a parent and the processes of its crowd say to each other: JSON, one message a
//! line, over standard input and output.
//!
//! The parent sends a part, hears that it is ready, and gives the instant at which all
//! begin. While it plays, a worker tells how far it is. When its part is over it sends what
//! its buyers were told and what it recorded, in pieces, and waits for what is known at the
//! end: the core's last word, which its watchers must have by then, and which changes were
//! answered 201. Whether they have it, and how soon changes were on their screens, is the
//! last that it says.

use std::collections::BTreeMap;
use std::time::Duration;

use parterre_domain::wire::api::Availability;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

use super::part::Part;
use crate::scenario::recorder::Recorded;
use crate::smoke::Entry;

/// Bytes of a line.
const LINE_BYTES: u64 = 64 << 20;

/// How long a message may take to be heard.
const SAYING: Duration = Duration::from_secs(60);

/// What a worker is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToWorker {
    Part(Box<Part>),
    /// When all begin, since 1970.
    Begin(Duration),
    /// What its watchers must have.
    Compare(Known),
}

/// What is known at the end of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Known {
    /// What the core says, or an edge.
    pub(crate) core: Vec<Availability>,
    /// Whether others change these events, so that a watcher may have gone on from there.
    pub(crate) may_go_on: bool,
    /// When each change was answered 201, from when it was due.
    pub(crate) answered: BTreeMap<u32, Duration>,
}

/// What a worker says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromWorker {
    /// Everybody is there.
    Ready,
    /// So many things done, and so many disagreements.
    Progress(u64, u64),
    /// Some of what its buyers were told.
    Entries(Vec<Entry>),
    /// Some of what it recorded.
    Recorded(Box<Recorded>),
    /// Its part is over.
    Done,
    /// Its watchers were compared with the core.
    Compared,
    /// It can't go on.
    Failed(String),
}

/// Messages that come in.
pub(crate) struct Lines {
    from: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
}

/// Where messages go out.
pub(crate) struct Mouth {
    to: Box<dyn AsyncWrite + Send + Unpin>,
}

impl Lines {
    pub(crate) fn new(from: impl AsyncRead + Send + Unpin + 'static) -> Self {
        Self {
            from: BufReader::new(Box::new(from)),
        }
    }

    /// The next message; an error when there is none any more. Dropped while it waits, it
    /// loses what it had of one.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<T, String> {
        let mut line = Vec::new();
        let mut bounded = (&mut self.from).take(LINE_BYTES);
        let read = bounded.read_until(b'\n', &mut line).await;
        match read {
            Ok(_) if line.ends_with(b"\n") => {
                serde_json::from_slice(&line).map_err(|error| format!("an odd message: {error}"))
            }
            Ok(0) => Err("it ended".to_owned()),
            Ok(read) => Err(format!("a message broke off at {read} bytes")),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Mouth {
    pub(crate) fn new(to: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        Self { to: Box::new(to) }
    }

    /// Says a message.
    ///
    /// # Errors
    ///
    /// When nobody is there, or nobody listens.
    pub(crate) async fn say(&mut self, message: &impl Serialize) -> Result<(), String> {
        let mut line = serde_json::to_vec(message).map_err(|error| error.to_string())?;
        line.push(b'\n');
        let sent = async {
            self.to.write_all(&line).await?;
            self.to.flush().await
        };
        match tokio::time::timeout(SAYING, sent).await {
            Ok(sent) => sent.map_err(|error| error.to_string()),
            Err(_) => Err(format!("nobody listened for {SAYING:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use parterre_domain::{EventId, TicketId};

    use super::*;
    use crate::scenario::crowd::{Change, Watching};
    use crate::scenario::drawn::CHANGES;

    #[tokio::test]
    async fn the_most_changes_that_a_run_has_are_short_messages() {
        let numbers = 0..u32::try_from(CHANGES).unwrap();
        let at = Duration::new(86_400, 999_999_999);
        let change = |number| Change {
            at,
            event: EventId::from_number(u128::MAX),
            ticket: TicketId(number),
        };
        let watching = Watching {
            people: 1,
            first: 0,
            zipf: 1.0,
            fold_one_in: 1,
            changes: numbers.clone().map(change).collect(),
            cut_at: None,
        };
        let known = Known {
            answered: numbers.map(|number| (number, at)).collect(),
            ..Known::default()
        };
        for message in [
            serde_json::to_vec(&watching).unwrap(),
            serde_json::to_vec(&ToWorker::Compare(known)).unwrap(),
        ] {
            assert!(message.len() as u64 * 8 < LINE_BYTES, "{}", message.len());
        }
    }
}
