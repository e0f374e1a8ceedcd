//! What all parts of an edge share.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwapOption;
use parterre_domain::{JwkSet, PassPublicKey, Rev};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::catalog::Catalog;
use crate::cells::{Cells, Sources};
use crate::config::Config;
use crate::cores::Cores;
use crate::freshness::Freshness;
use crate::http::{Lists, Still};
use crate::metrics::Metrics;
use crate::neighbours::Neighbours;
use crate::render::{Body, Format, Renderer};
use crate::signals::Signals;

use parterre_gate::admission::Admission;

/// What all parts of an edge share; immutable, each part looks after its own changes.
#[derive(Debug)]
pub struct Edge {
    /// As told at the start.
    pub config: Config,
    /// The events that are held.
    pub cells: Cells,
    /// Every published event.
    pub catalog: Arc<Catalog>,
    /// How late the edge may be.
    pub freshness: Arc<Freshness>,
    /// What shards are told.
    pub signals: Signals,
    /// The cores.
    pub cores: Arc<Cores>,
    /// Who may come in.
    pub admission: Admission,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The runtime of everything that isn't a shard.
    pub background: Handle,
    /// Told when there may be events to load ahead.
    pub(crate) ahead: Notify,
    pub(crate) lists: Lists,
    pub(crate) neighbours: Neighbours,
    /// The keys of passes in every format; none until a core has told them.
    pub(crate) keys: ArcSwapOption<[Arc<Body>; Format::ALL.len()]>,
    pub(crate) renderer: Renderer,
    pub(crate) document: Still,
}

impl Edge {
    /// An edge that knows nothing yet. Loads and long renderings will run on the runtime
    /// behind `background`.
    ///
    /// # Errors
    ///
    /// When a setting can't be used.
    pub fn new(config: Config, background: Handle) -> Result<Arc<Self>, crate::BadConfig> {
        let metrics = Arc::new(Metrics::new()?);
        let catalog = Arc::<Catalog>::default();
        let freshness = Arc::new(Freshness::new(Instant::now()));
        let cores = Arc::new(Cores::new(
            &config.cores,
            &config.cluster_secret,
            config.dialer.clone(),
        )?);
        let signals = Signals::new(config.shards);
        let sources = Sources {
            cores: Arc::clone(&cores),
            catalog: Arc::clone(&catalog),
            signals: signals.clone(),
            freshness: Arc::clone(&freshness),
            metrics: Arc::clone(&metrics),
            background: background.clone(),
        };
        Ok(Arc::new(Self {
            cells: Cells::new(config.cache_bytes, sources),
            neighbours: Neighbours::new(Instant::now()),
            lists: Lists::new(config.cache_bytes / 16),
            renderer: Renderer::new(background.clone(), Arc::clone(&metrics)),
            signals,
            admission: Admission::new(config.clients.clone()),
            config,
            catalog,
            freshness,
            cores,
            metrics,
            background,
            ahead: Notify::new(),
            keys: ArcSwapOption::empty(),
            document: Still::default(),
        }))
    }

    /// Shows the keys that a core told when its log ended at `newest`.
    pub(crate) fn show_keys(&self, keys: &[PassPublicKey], newest: Rev) {
        let set = JwkSet::of(keys);
        let bodies = Format::ALL.map(|format| {
            let bytes = format.encode(&set);
            let tag = Body::tag_of(&bytes);
            Arc::new(Body::new(bytes, format, &tag, newest))
        });
        self.keys.store(Some(Arc::new(bodies)));
    }
}
