//! What a browser remembers of the answers it got, and what must hold between them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use http::header::IF_NONE_MATCH;
use parterre_domain::Rev;

use super::stage::Stage;
use crate::wire::{Answer, Broken, Call, Client};

/// Tags remembered for one browser; beyond it, it forgets everything.
const TAGS: usize = 4_096;

/// One browser's memory, and its connection.
pub(super) struct Pages {
    client: Client,
    /// The digest of the body that each tag stands for, by path.
    bodies: BTreeMap<(String, String), u64>,
    /// The last tag of each path.
    tags: BTreeMap<String, String>,
    /// The last rev of each path on this connection.
    revs: BTreeMap<String, Rev>,
    connection: u64,
}

/// A page that was read.
pub(super) struct Page {
    pub(super) body: bytes::Bytes,
    pub(super) rev: Option<Rev>,
}

impl Pages {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            bodies: BTreeMap::new(),
            tags: BTreeMap::new(),
            revs: BTreeMap::new(),
            connection: 0,
        }
    }

    /// Reads a path anew; `Ok(None)` when the server refused.
    pub(super) async fn read(
        &mut self,
        stage: &Stage,
        name: &'static str,
        path: &str,
    ) -> Result<Option<Page>, Broken> {
        let answer = self.ask(stage, name, &Call::get(path)).await?;
        if answer.status.as_u16() != 200 {
            self.not_200(stage, path, &answer);
            return Ok(None);
        }
        let rev = self.rev(stage, path, &answer);
        match answer.header("etag") {
            Some(etag) => self.remember(stage, path, etag, &answer),
            None => stage.numbers.disagrees(format!("{path}: no ETag")),
        }
        Ok(Some(Page {
            body: answer.body,
            rev,
        }))
    }

    /// Reads a path again with the tag of the last time.
    pub(super) async fn reread(&mut self, stage: &Stage, path: &str) -> Result<(), Broken> {
        let Some(tag) = self.tags.get(path).cloned() else {
            return Ok(());
        };
        let call = Call::get(path).with(IF_NONE_MATCH, &tag);
        let answer = self.ask(stage, "conditional read", &call).await?;
        let etag = answer.header("etag").unwrap_or_default().to_owned();
        match answer.status.as_u16() {
            304 => {
                stage.numbers.count("not modified");
                if etag != tag || !answer.body.is_empty() {
                    let said = format!("{path}: 304 to {tag} with {etag} and a body or without");
                    stage.numbers.disagrees(said);
                }
                self.rev(stage, path, &answer);
            }
            200 if etag == tag => {
                let said = format!("{path}: 200 though its tag is still {tag}");
                stage.numbers.disagrees(said);
            }
            200 => {
                self.rev(stage, path, &answer);
                self.remember(stage, path, &etag, &answer);
            }
            _ => self.not_200(stage, path, &answer),
        }
        Ok(())
    }

    async fn ask(
        &mut self,
        stage: &Stage,
        name: &'static str,
        call: &Call,
    ) -> Result<Answer, Broken> {
        let answer = self.client.send(call).await?;
        stage.numbers.count("reads");
        stage.numbers.took(name, answer.took());
        if self.client.connects() != self.connection {
            self.connection = self.client.connects();
            self.revs.clear();
        }
        if answer.header("request-id").is_none() {
            let name = call.name();
            stage.numbers.disagrees(format!("{name}: no Request-Id"));
        }
        if answer.header("parterre-stale").is_some() {
            stage.numbers.count("reads marked stale");
        }
        Ok(answer)
    }

    /// A path's rev never goes back on one connection.
    fn rev(&mut self, stage: &Stage, path: &str, answer: &Answer) -> Option<Rev> {
        let rev = answer.header("parterre-rev").map(str::parse::<Rev>);
        let Some(Ok(rev)) = rev else {
            let said = format!("{path}: no Parterre-Rev that can be read");
            stage.numbers.disagrees(said);
            return None;
        };
        if let Some(before) = self.revs.insert(path.to_owned(), rev)
            && rev < before
        {
            let said = format!("{path}: back from rev {before} to {rev} on one connection");
            stage.numbers.disagrees(said);
        }
        Some(rev)
    }

    /// A tag is strong: the same tag means the same bytes.
    fn remember(&mut self, stage: &Stage, path: &str, etag: &str, answer: &Answer) {
        if !etag.starts_with('"') || !etag.ends_with('"') || etag.len() < 3 {
            stage
                .numbers
                .disagrees(format!("{path}: the ETag is {etag}"));
        }
        let mut hasher = DefaultHasher::new();
        answer.body.hash(&mut hasher);
        let digest = hasher.finish();
        if self.bodies.len() >= TAGS {
            self.bodies.clear();
            self.tags.clear();
        }
        let known = self
            .bodies
            .insert((path.to_owned(), etag.to_owned()), digest);
        if known.is_some_and(|known| known != digest) {
            let said = format!("{path}: two bodies under {etag}");
            stage.numbers.disagrees(said);
        }
        self.tags.insert(path.to_owned(), etag.to_owned());
    }

    fn not_200(&self, stage: &Stage, path: &str, answer: &Answer) {
        let status = answer.status.as_u16();
        let passing = status == 503 && stage.config.tolerate_restarts;
        if passing {
            stage.numbers.refused("core-unavailable");
        } else {
            stage.numbers.disagrees(format!("{path}: {status}"));
        }
    }
}
