//! What administrators do from a shell.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use parterre_core::config::StoreConfig;

use super::encryption::Trust;
use super::values::{store, token_name};

#[derive(Debug, Subcommand)]
pub(crate) enum Admin {
    /// Create and publish events from files.
    Import(Import),
    /// Make an administrator's token: printed once, with the hash for a core.
    Token(Token),
    /// Begin a new epoch, as is needed after a restore from a backup.
    Epoch(Epoch),
    /// Copy a whole store into another kind of store; goes on where it was interrupted.
    Copy(Copy),
}

impl Admin {
    /// The stores that it opens.
    pub(crate) fn stores(&self) -> Vec<&StoreConfig> {
        match self {
            Self::Epoch(epoch) => vec![&epoch.store],
            Self::Copy(copy) => vec![&copy.from, &copy.to],
            Self::Import(_) | Self::Token(_) => Vec::new(),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Epoch {
    /// Says that a new one is wanted.
    #[arg(long, env = "PARTERRE_NEW", required = true)]
    pub(crate) new: bool,
    /// Which store: embedded:DIR or fdb:CLUSTER_FILE. No core may have it open.
    #[arg(long, env = "PARTERRE_STORE", value_parser = store)]
    pub(crate) store: StoreConfig,
}

#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// The store to copy: embedded:DIR or fdb:CLUSTER_FILE. No core may have it open.
    #[arg(long, env = "PARTERRE_FROM", value_parser = store)]
    pub(crate) from: StoreConfig,
    /// An empty place, or one that holds the beginning of this copy: embedded:DIR or
    /// fdb:CLUSTER_FILE.
    #[arg(long, env = "PARTERRE_TO", value_parser = store)]
    pub(crate) to: StoreConfig,
}

#[derive(Debug, Args)]
pub(crate) struct Token {
    /// Appears in the audit trail.
    #[arg(value_parser = token_name)]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// JSON-LD events, pretix seating plans, or event files of the project's own.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) access: Access,
    /// Tickets of an event without seats.
    #[arg(long, env = "PARTERRE_TICKETS", default_value_t = 100)]
    pub(crate) tickets: u32,
    /// The price of a tier that has none, in minor units.
    #[arg(long, env = "PARTERRE_PRICE", value_name = "P")]
    pub(crate) price: Option<i64>,
    /// The currency where the file says none.
    #[arg(long, env = "PARTERRE_CURRENCY", default_value = "EUR")]
    pub(crate) currency: String,
    /// The time zone of times without one, an IANA name.
    #[arg(long, env = "PARTERRE_TZ", default_value = "UTC")]
    pub(crate) tz: String,
    /// Write outside the creation window as well, and publish at once.
    #[arg(long, env = "PARTERRE_URGENT")]
    pub(crate) urgent: bool,
    /// The event of a seating plan, as the body of POST /admin/v1/events.
    #[arg(long, env = "PARTERRE_EVENT", value_name = "FILE")]
    pub(crate) event: Option<PathBuf>,
    /// Move every date by so many days.
    #[arg(
        long,
        env = "PARTERRE_SHIFT_DAYS",
        default_value_t = 0,
        allow_negative_numbers = true,
        value_name = "N"
    )]
    pub(crate) shift_days: i64,
}

/// How to reach the admin API.
#[derive(Debug, Args)]
pub(crate) struct Access {
    /// The core's origin.
    #[arg(long, env = "PARTERRE_CORE", default_value = "http://127.0.0.1:8081")]
    pub(crate) core: String,
    #[command(flatten)]
    pub(crate) trust: Trust,
    /// An administrator's token; beats the file.
    #[arg(long, env = "PARTERRE_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// A file with an administrator's token.
    #[arg(
        long,
        env = "PARTERRE_TOKEN_FILE",
        default_value = "./data/admin-token",
        value_name = "FILE"
    )]
    pub(crate) token_file: PathBuf,
}
