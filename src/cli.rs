//! The command line. A flag beats its environment variable beats the configuration file
//! beats the default.

mod admin;
mod clients;
mod encryption;
mod values;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use parterre_core::config::{AdminToken, StoreConfig};
use parterre_loadtest::LoadtestArgs;

use crate::file;

pub(crate) use self::admin::{Access, Admin, Copy, Epoch, Import, Token};
pub(crate) use self::clients::Clients;
pub(crate) use self::encryption::{Encryption, Trust};
use self::values::{admin_token, bytes, duration, store};

/// Sells tickets for events: no ticket in two hands, live availability on every screen.
#[derive(Debug, Parser)]
#[command(name = "parterre", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// A TOML file with the names of flags as keys.
    #[arg(long, global = true, env = "PARTERRE_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) role: Role,
}

/// What this process is to be.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// Core and edge in one process over the embedded store; the default.
    Standalone(Standalone),
    /// The process that writes.
    Core(Core),
    /// A stateless process that serves reads from memory and pushes changes.
    Edge(Edge),
    /// What administrators do from a shell.
    #[command(subcommand)]
    Admin(Admin),
    /// Audit every invariant and every ticket of a store.
    Check(Check),
    /// Verify the pass of a ticket without asking the core.
    CheckTicket(CheckTicket),
    /// Load and correctness tests against a running server.
    Loadtest(LoadtestArgs),
}

#[derive(Debug, Args)]
pub(crate) struct Standalone {
    /// Where the secrets lie, and the state if --store names no other place.
    #[arg(long, env = "PARTERRE_DATA", default_value = "./data")]
    pub(crate) data: PathBuf,
    /// Where the state lies: embedded:DIR or fdb:CLUSTER_FILE; in the folder of --data
    /// when absent.
    #[arg(long, env = "PARTERRE_STORE", value_parser = store)]
    store: Option<StoreConfig>,
    /// Where the public reaches the edge.
    #[arg(long, env = "PARTERRE_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Where administrators and further edges reach the core.
    #[arg(long, env = "PARTERRE_CORE_LISTEN", default_value = "127.0.0.1:8081")]
    pub(crate) core_listen: SocketAddr,
    /// Where operators find health and metrics.
    #[arg(long, env = "PARTERRE_OPS_LISTEN", default_value = "127.0.0.1:9080")]
    pub(crate) ops_listen: SocketAddr,
    /// Load the demo programme if the store is empty.
    #[arg(long, env = "PARTERRE_DEMO")]
    pub(crate) demo: bool,
    /// The payment provider.
    #[arg(long, env = "PARTERRE_PAYMENTS", default_value = "sandbox")]
    pub(crate) payments: Payments,
    #[command(flatten)]
    pub(crate) memory: Memory,
    #[command(flatten)]
    pub(crate) clients: Clients,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct Core {
    /// Where the state lies: embedded:DIR or fdb:CLUSTER_FILE.
    #[arg(long, env = "PARTERRE_STORE", value_parser = store)]
    pub(crate) store: StoreConfig,
    /// Where edges and administrators reach the core.
    #[arg(long, env = "PARTERRE_LISTEN", default_value = "127.0.0.1:8081")]
    pub(crate) listen: SocketAddr,
    /// Where operators find health and metrics.
    #[arg(long, env = "PARTERRE_OPS_LISTEN", default_value = "127.0.0.1:9081")]
    pub(crate) ops_listen: SocketAddr,
    /// The payment provider.
    #[arg(long, env = "PARTERRE_PAYMENTS")]
    pub(crate) payments: Payments,
    /// The secret shared with the edges.
    #[arg(long, env = "PARTERRE_CLUSTER_SECRET_FILE", value_name = "FILE")]
    pub(crate) cluster_secret_file: PathBuf,
    /// The keys that sign the passes of tickets, one a line; the first signs.
    #[arg(long, env = "PARTERRE_SIGNING_KEY_FILE", value_name = "FILE")]
    pub(crate) signing_key_file: PathBuf,
    /// An administrator's token as `parterre admin token` prints it; repeatable, at least
    /// one.
    #[arg(long, env = "PARTERRE_ADMIN_TOKEN_HASH", value_name = "NAME:HASH", value_delimiter = ',', required = true, value_parser = admin_token)]
    pub(crate) admin_token_hash: Vec<AdminToken>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct Edge {
    /// The cores, as http://HOST:PORT or https://…, separated by commas.
    #[arg(long, env = "PARTERRE_CORE", value_delimiter = ',', required = true)]
    pub(crate) core: Vec<String>,
    #[command(flatten)]
    pub(crate) trust: Trust,
    /// Where the public reaches the edge.
    #[arg(long, env = "PARTERRE_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Where operators find health and metrics.
    #[arg(long, env = "PARTERRE_OPS_LISTEN", default_value = "127.0.0.1:9082")]
    pub(crate) ops_listen: SocketAddr,
    /// The secret shared with the cores.
    #[arg(long, env = "PARTERRE_CLUSTER_SECRET_FILE", value_name = "FILE")]
    pub(crate) cluster_secret_file: PathBuf,
    /// Hold the feed back, for tests that need an edge which is behind.
    #[arg(long, env = "PARTERRE_FEED_DELAY", hide = true, value_parser = duration, default_value = "0s")]
    pub(crate) feed_delay: Duration,
    #[command(flatten)]
    pub(crate) memory: Memory,
    #[command(flatten)]
    pub(crate) clients: Clients,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What an edge may take.
#[derive(Debug, Args)]
pub(crate) struct Memory {
    /// Memory for events and rendered bodies, such as 512MiB.
    #[arg(long, env = "PARTERRE_CACHE_BYTES", default_value = "512MiB", value_parser = bytes)]
    pub(crate) cache_bytes: u64,
    /// Threads that serve the public; the number of the machine's cores when absent.
    #[arg(long, env = "PARTERRE_SHARDS")]
    pub(crate) shards: Option<usize>,
}

/// What every server takes.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The origin of every absolute URL, such as https://tickets.example. A core makes
    /// them, of the pages of payments; an edge makes none.
    #[arg(long, env = "PARTERRE_PUBLIC_URL")]
    pub(crate) public_url: Option<String>,
    /// How long to finish what is in flight when told to stop.
    #[arg(long, env = "PARTERRE_DRAIN", default_value = "10s", value_parser = duration)]
    pub(crate) drain: Duration,
    #[command(flatten)]
    pub(crate) encryption: Encryption,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Payments {
    /// A stand-in for a third party that moves no money.
    Sandbox,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Which store: embedded:DIR or fdb:CLUSTER_FILE. No core may write to it meanwhile.
    #[arg(long, env = "PARTERRE_STORE", value_parser = store)]
    pub(crate) store: StoreConfig,
}

#[derive(Debug, Args)]
pub(crate) struct CheckTicket {
    /// The pass, as it stands in the paid reservation.
    pub(crate) pass: String,
    /// A file with the public keys, as `GET /v1/keys` gives them.
    #[arg(long, env = "PARTERRE_KEYS", value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
    /// The edge that is asked for the public keys when no file is named.
    #[arg(
        long,
        env = "PARTERRE_EDGE",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080"
    )]
    pub(crate) edge: String,
}

impl Standalone {
    /// Where the state lies.
    pub(crate) fn store(&self) -> StoreConfig {
        let own = || StoreConfig::Embedded(self.data.join("store"));
        self.store.clone().unwrap_or_else(own)
    }
}

impl Role {
    /// The stores that it opens, as far as the command line names them.
    pub(crate) fn stores(&self) -> Vec<&StoreConfig> {
        match self {
            Self::Standalone(standalone) => standalone.store.iter().collect(),
            Self::Core(core) => vec![&core.store],
            Self::Check(check) => vec![&check.store],
            Self::Admin(admin) => admin.stores(),
            Self::Edge(_) | Self::CheckTicket(_) | Self::Loadtest(_) => Vec::new(),
        }
    }
}

/// Why the command line leads nowhere: help was asked for, or something is wrong.
pub(crate) struct Stop(clap::Error);

impl Stop {
    /// Prints it: help in full, an error in one line.
    pub(crate) fn exit(self) -> ExitCode {
        if self.0.exit_code() == 0 {
            drop(self.0.print());
            return ExitCode::SUCCESS;
        }
        eprintln!("{}", self.line());
        ExitCode::from(2)
    }

    /// An error in one line, with what is missing and what may have been meant.
    fn line(&self) -> String {
        if self.0.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            return "error: a command is missing; see parterre --help".to_owned();
        }
        let text = self.0.render().to_string();
        let mut lines = text.lines();
        let first = lines.next().unwrap_or("error: it can't be read").trim_end();
        let missing = lines
            .take_while(|line| line.starts_with("  "))
            .map(str::trim);
        let tips = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("tip: "));
        let missing = missing.collect::<Vec<_>>().join(", ");
        let said = [first, &missing].join(" ").trim_end().to_owned();
        let parts = std::iter::once(said.as_str()).chain(tips);
        let parts = parts.chain(["see parterre --help"]);
        parts.collect::<Vec<_>>().join("; ")
    }
}

/// Reads arguments, environment and file. Without a role it is `standalone`; without any
/// argument, with the demo programme.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, Stop> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    match arguments.get(1).and_then(|first| first.to_str()) {
        None => arguments.extend(["standalone".into(), "--demo".into()]),
        Some("-h" | "--help" | "-V" | "--version") => {}
        Some(first) if first.starts_with('-') => arguments.insert(1, "standalone".into()),
        Some(_) => {}
    }
    let command = file::with_defaults(Cli::command(), &arguments).map_err(Stop)?;
    let matches = command.try_get_matches_from(arguments).map_err(Stop)?;
    Cli::from_arg_matches(&matches).map_err(Stop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Role, String> {
        let all = std::iter::once("parterre")
            .chain(arguments.iter().copied())
            .map(OsString::from);
        parse(all).map(|cli| cli.role).map_err(|stop| stop.line())
    }

    #[test]
    fn without_a_role_it_is_standalone_and_without_anything_a_demo() {
        let demo = |arguments: &[&str]| match parsed(arguments) {
            Ok(Role::Standalone(standalone)) => standalone.demo,
            other => panic!("{other:?}"),
        };
        assert!(demo(&[]));
        assert!(!demo(&["--data", "x"]));
        assert!(!demo(&["standalone"]));
        assert!(demo(&["standalone", "--demo"]));
    }

    #[test]
    fn a_core_needs_its_secrets() {
        let token = format!("ops:{}", "0a".repeat(32));
        let whole = [
            ("--store", "embedded:x"),
            ("--payments", "sandbox"),
            ("--cluster-secret-file", "f"),
            ("--signing-key-file", "f"),
            ("--admin-token-hash", &token),
        ];
        let core = |flags: &[(&str, &str)]| {
            let flags = flags.iter().flat_map(|(flag, value)| [*flag, *value]);
            parsed(&std::iter::once("core").chain(flags).collect::<Vec<_>>())
        };
        core(&whole).unwrap();
        for (at, (missing, _)) in whole.iter().enumerate() {
            let mut flags = whole.to_vec();
            flags.remove(at);
            let said = core(&flags).unwrap_err();
            assert!(said.contains(missing), "{said}");
        }
        let mut elsewhere = whole;
        elsewhere[0].1 = "elsewhere";
        core(&elsewhere).unwrap_err();
    }

    #[test]
    fn the_name_of_a_token_can_stand_before_its_hash() {
        let hash = "0a".repeat(32);
        let longest = "n".repeat(64);
        let too_long = "n".repeat(65);
        for (name, right) in [
            ("ops", true),
            ("Ada at the door", true),
            ("Zoë", true),
            (longest.as_str(), true),
            (too_long.as_str(), false),
            ("", false),
            ("a:b", false),
            ("a,b", false),
            ("a\tb", false),
            ("a\u{202e}b", false),
        ] {
            let printed = parsed(&["admin", "token", name]);
            assert_eq!(printed.is_ok(), right, "{name:?}: {printed:?}");
            let read = admin_token(&format!("{name}:{hash}"));
            assert_eq!(read.is_ok(), right, "{name:?}: {read:?}");
        }
    }

    #[test]
    fn every_flag_has_its_environment_variable() {
        fn check(command: &clap::Command) {
            for argument in command.get_arguments() {
                let Some(long) = argument.get_long() else {
                    continue;
                };
                let expected = format!("PARTERRE_{}", long.replace('-', "_").to_uppercase());
                let name = argument.get_env().and_then(|name| name.to_str());
                assert_eq!(name, Some(&*expected), "{} --{long}", command.get_name());
            }
            // The load tester has flags for one run, not settings.
            let below = command.get_subcommands();
            below
                .filter(|command| command.get_name() != "loadtest")
                .for_each(check);
        }
        check(&Cli::command());
    }

    #[test]
    fn what_nobody_says_is_as_it_is_promised() {
        let rows = [
            ("standalone", "data", "./data"),
            ("standalone", "listen", "127.0.0.1:8080"),
            ("standalone", "core-listen", "127.0.0.1:8081"),
            ("standalone", "ops-listen", "127.0.0.1:9080"),
            ("standalone", "payments", "sandbox"),
            ("standalone", "cache-bytes", "512MiB"),
            ("standalone", "rate-limit", "50:200"),
            ("standalone", "drain", "10s"),
            ("core", "listen", "127.0.0.1:8081"),
            ("core", "ops-listen", "127.0.0.1:9081"),
            ("core", "drain", "10s"),
            ("edge", "listen", "127.0.0.1:8080"),
            ("edge", "ops-listen", "127.0.0.1:9082"),
            ("edge", "cache-bytes", "512MiB"),
            ("edge", "rate-limit", "50:200"),
            ("edge", "drain", "10s"),
            ("import", "currency", "EUR"),
            ("import", "tz", "UTC"),
        ];
        let cli = Cli::command();
        let admin = cli.find_subcommand("admin").unwrap();
        for (role, flag, expected) in rows {
            let command = cli.find_subcommand(role);
            let command = command.or_else(|| admin.find_subcommand(role)).unwrap();
            let mut arguments = command.get_arguments();
            let argument = arguments.find(|argument| argument.get_long() == Some(flag));
            let said = argument.unwrap().get_default_values();
            assert_eq!(said, [expected], "{role} --{flag}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line_with_what_mends_it() {
        for (arguments, said) in [
            (&["core"][..], "--store"),
            (&["standalone", "--liste", "x"], "--listen"),
            (&["standalone", "--listen", "nowhere"], "nowhere"),
            (&["admin"], "a command is missing"),
            (&["edge", "--core", "http://x", "--drain", "10"], "unit"),
        ] {
            let line = parsed(arguments).unwrap_err();
            assert!(line.contains(said) && !line.contains('\n'), "{line}");
            assert!(line.starts_with("error: "), "{line}");
        }
    }
}
