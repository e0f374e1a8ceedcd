//! What a parent and the processes of its crowd say to each other: JSON, one message a
//! line, over standard input and output.
//!
//! The parent sends a part, hears that it is ready, and gives the instant at which all
//! begin. While it plays, a worker tells how far it is. When its part is over it sends what
//! its buyers were told and what it recorded, and waits for the core's last word, which
//! its watchers must have by then; whether they do is the last that it says.

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
    /// What the core or an edge says at the end, and whether others may change it.
    Compare(Vec<Availability>, bool),
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
    /// Its part is over.
    Done(Box<Recorded>),
    /// Its watchers were compared with the core.
    Compared(Box<Recorded>),
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
