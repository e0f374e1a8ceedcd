//! PostgreSQL as a peer: durable reservations of two tickets by a function, from pgbench.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use super::peer::POSTGRES;
use crate::bench::{Launch, Program, Stage, under};
use crate::process::all_cores;
use crate::wire::Failure;

/// It refuses to run as root; Debian's packages make this account for it.
const ACCOUNT: &str = "postgres";

/// How long one of its programs may take: the longest fills a table and cleans up behind.
const ANSWERED: Duration = Duration::from_secs(120);
/// How long pgbench goes on at most: it is stopped when it has been measured.
const PGBENCH_SECONDS: u32 = 3_600;

/// Tables and the function, as one would write them by hand. It does less than a core: there
/// is no change log for edges and no index of what is due.
const SCHEMA: &str = "
CREATE TABLE ticket (
    event integer NOT NULL,
    id integer NOT NULL,
    state \"char\" NOT NULL DEFAULT 'f',
    reservation bigint,
    PRIMARY KEY (event, id)
) WITH (fillfactor = 80);
CREATE TABLE reservation (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event integer NOT NULL,
    state \"char\" NOT NULL DEFAULT 'p',
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE FUNCTION reserve(of integer, wanted integer[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found integer;
    made bigint;
BEGIN
    PERFORM FROM ticket
        WHERE event = of AND id = ANY (wanted) AND state = 'f'
        ORDER BY id FOR UPDATE;
    GET DIAGNOSTICS found = ROW_COUNT;
    IF found < cardinality(wanted) THEN
        RETURN NULL;
    END IF;
    INSERT INTO reservation (event, expires_at) VALUES (of, now() + interval '10 minutes')
        RETURNING id INTO made;
    UPDATE ticket SET state = 'p', reservation = made
        WHERE event = of AND id = ANY (wanted);
    RETURN made;
END $$;
";

/// Each client takes two neighbours at a time, never those of another.
const SCRIPT: &str = "\
\\set turn :turn + 1
\\set first (:turn * :buyers + :client_id) * 2
\\set second :first + 1
SELECT reserve(:event, ARRAY[:first, :second]::integer[]);
";

/// A running PostgreSQL.
pub(super) struct Postgres {
    program: Program,
    folder: PathBuf,
    events: u32,
}

impl Postgres {
    /// Starts it over a new cluster, on all cores.
    ///
    /// # Errors
    ///
    /// When it can't be made, or doesn't start.
    pub(super) async fn start(stage: &Stage) -> Result<Self, Failure> {
        let folder = stage.folder_of(ACCOUNT, "postgres")?;
        let data = folder.join("data").display().to_string();
        let made = ["-D", &data, "-U", ACCOUNT, "-A", "trust", "-E", "UTF8"];
        output(tool("initdb", None).args(made)).await?;
        let launch = Launch {
            name: "postgres",
            program: POSTGRES.file(),
            arguments: settings(&folder, &data)?,
            cores: &all_cores(),
            account: Some(ACCOUNT),
            // Ends sessions, and then itself.
            stop: "INT",
            folder: &folder,
        };
        let mut postgres = Self {
            program: launch.start()?,
            folder: folder.clone(),
            events: 0,
        };
        let asked = async || ask(&folder, "SELECT 1").await.is_ok();
        postgres.program.until(asked).await?;
        postgres.ask(SCHEMA).await?;
        let script = folder.join("reserve.sql");
        fs::write(script, SCRIPT).map_err(|error| odd(&error))?;
        Ok(postgres)
    }

    pub(super) fn id(&self) -> u32 {
        self.program.id()
    }

    /// Puts another event on sale in place of the last, and leaves everything as it is some
    /// time after.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub(super) async fn publish(&mut self, tickets: u32) -> Result<(), Failure> {
        self.events += 1;
        let event = self.events;
        self.ask("TRUNCATE ticket, reservation").await?;
        let fill = format!(
            "INSERT INTO ticket (event, id) SELECT {event}, generate_series(0, {tickets} - 1)"
        );
        for step in [&fill, "VACUUM (ANALYZE) ticket", "CHECKPOINT"] {
            self.ask(step).await?;
        }
        Ok(())
    }

    /// So many buyers, who reserve from now on until they are dropped.
    ///
    /// # Errors
    ///
    /// When pgbench can't be run.
    pub(super) fn buyers(&self, count: usize) -> Result<Program, Failure> {
        let (event, script) = (self.events, self.folder.join("reserve.sql"));
        let arguments = format!(
            "-n -M prepared -c {count} -j 2 -T {PGBENCH_SECONDS} -D turn=-1 -D buyers={count} \
             -D event={event} -U {ACCOUNT} -h"
        );
        let mut arguments: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
        arguments.push(self.folder.display().to_string());
        arguments.extend(["-f".to_owned(), script.display().to_string()]);
        arguments.push("postgres".to_owned());
        let launch = Launch {
            name: "pgbench",
            program: &POSTGRES.file().with_file_name("pgbench"),
            arguments,
            cores: &all_cores(),
            account: Some(ACCOUNT),
            stop: "KILL",
            folder: &self.folder,
        };
        launch.start()
    }

    /// How many reservations were made so far. What is refused doesn't reach the sequence.
    ///
    /// # Errors
    ///
    /// When it doesn't say.
    pub(super) async fn reservations(&self) -> Result<f64, Failure> {
        let counted = "SELECT last_value - 1 + is_called::integer FROM reservation_id_seq";
        let said = self.ask(counted).await?;
        said.trim().parse().map_err(|_| odd(&said))
    }

    async fn ask(&self, sql: &str) -> Result<String, Failure> {
        ask(&self.folder, sql).await
    }
}

fn odd(what: &dyn std::fmt::Display) -> Failure {
    Failure::Odd(format!("postgres: {what}"))
}

/// The settings that its documentation names first: a quarter of the memory for shared
/// buffers, and room in the log for what is written here between two checkpoints. What makes
/// commits durable is on by default and said all the same.
fn settings(folder: &Path, data: &str) -> Result<Vec<String>, Failure> {
    let memory = fs::read_to_string("/proc/meminfo").map_err(|error| odd(&error))?;
    let total_kib: Option<u64> = memory.lines().find_map(|line| {
        let rest = line.strip_prefix("MemTotal:")?;
        rest.trim().strip_suffix(" kB")?.parse().ok()
    });
    let buffers_mib = total_kib.unwrap_or(4 << 20) / 1024 / 4;
    let sockets = folder.display();
    let settings = [
        "listen_addresses=".to_owned(),
        format!("unix_socket_directories={sockets}"),
        "max_connections=400".to_owned(),
        format!("shared_buffers={buffers_mib}MB"),
        "max_wal_size=8GB".to_owned(),
        "checkpoint_timeout=15min".to_owned(),
        "fsync=on".to_owned(),
        "synchronous_commit=on".to_owned(),
        "full_page_writes=on".to_owned(),
    ];
    let named = ["-D".to_owned(), data.to_owned()].into_iter();
    let set = settings.into_iter().flat_map(|set| ["-c".to_owned(), set]);
    Ok(named.chain(set).collect())
}

/// A program of PostgreSQL's, for a server whose socket is in a folder; ended if this
/// process loses interest.
fn tool(name: &str, sockets: Option<&Path>) -> Command {
    let mut words = under(Some(ACCOUNT), Some("KILL")).into_iter();
    let mut command = Command::new(words.next().unwrap_or_default());
    command
        .args(words)
        .arg(POSTGRES.file().with_file_name(name));
    if let Some(sockets) = sockets {
        command.arg("-h").arg(sockets).args(["-U", ACCOUNT]);
    }
    command
}

async fn ask(folder: &Path, sql: &str) -> Result<String, Failure> {
    let mut psql = tool("psql", Some(folder));
    let quietly = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql];
    output(psql.args(quietly).arg("postgres")).await
}

/// What a program prints, when all went well.
async fn output(command: &mut Command) -> Result<String, Failure> {
    let running = command.current_dir("/").kill_on_drop(true).output();
    let ran = tokio::time::timeout(ANSWERED, running).await;
    let ran = ran.map_err(|_| odd(&format!("no answer in {ANSWERED:?}")))?;
    let ran = ran.map_err(|error| odd(&error))?;
    if ran.status.success() {
        return Ok(String::from_utf8_lossy(&ran.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&ran.stderr);
    Err(odd(&said.trim()))
}
