//! What the machine says of a process, of those that it started, and which core it runs on.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::wire::Failure;

/// Clock ticks a second in /proc; 100 on every Linux that this runs on (`getconf CLK_TCK`).
const TICKS: u64 = 100;
/// By how much a count in ticks may be off: user and system time are each cut to a tick,
/// at either end.
const TICKED: Duration = Duration::from_millis(4 * 1_000 / TICKS);

/// The core that a server is held on while it is measured.
pub(crate) const SERVER_CORE: &str = "0";
/// The core of whoever measures it.
pub(crate) const CLIENT_CORE: &str = "1";

/// The CPU time of a process from a moment on.
///
/// The scheduler counts each thread in nanoseconds, but what an ended thread used is gone
/// from there; the process's own count keeps it, in ticks of 10 ms. So the threads are
/// added up, and if that is less than the process says by more than ticks can be off, some
/// of them have ended and the process's count is the better one.
#[derive(Debug)]
pub(crate) struct Meter {
    pid: u32,
    ticked: Duration,
    threads: BTreeMap<String, Duration>,
}

impl Meter {
    /// Begins to count.
    ///
    /// # Errors
    ///
    /// When there is no such process on this machine.
    pub(crate) fn start(pid: u32) -> Result<Self, Failure> {
        Ok(Self {
            pid,
            ticked: ticked(pid, &OWN)?,
            threads: threads(pid),
        })
    }

    /// What the process has used since then, its threads' included.
    ///
    /// # Errors
    ///
    /// When the process has ended.
    pub(crate) fn spent(&self) -> Result<Duration, Failure> {
        let ticked = ticked(self.pid, &OWN)?.saturating_sub(self.ticked);
        let now = threads(self.pid);
        let spent = now.iter().map(|(thread, now)| {
            let before = self.threads.get(thread).copied().unwrap_or_default();
            now.saturating_sub(before)
        });
        Ok(better(spent.sum(), ticked))
    }
}

/// What was really used, of the sum over threads that still run and a count in ticks.
fn better(threads: Duration, ticked: Duration) -> Duration {
    if threads + TICKED < ticked {
        ticked
    } else {
        threads
    }
}

/// What each thread of a process has used so far; none where the kernel doesn't say.
fn threads(pid: u32) -> BTreeMap<String, Duration> {
    let entries = fs::read_dir(format!("/proc/{pid}/task"));
    let entries = entries.into_iter().flatten().flatten();
    let counted = entries.filter_map(|entry| {
        let text = fs::read_to_string(entry.path().join("schedstat")).ok()?;
        let nanos = text.split_whitespace().next()?.parse().ok()?;
        let name = entry.file_name().to_string_lossy().into_owned();
        Some((name, Duration::from_nanos(nanos)))
    });
    counted.collect()
}

/// Which fields of /proc/PID/stat are added up, counted from behind the name.
type Fields = [bool; 4];
/// The process's own user and system time.
const OWN: Fields = [true, true, false, false];
/// Those, and the times of its children that have ended.
const WITH_ENDED: Fields = [true; 4];

/// CPU time of a process so far, to a tick of 10 ms.
fn ticked(pid: u32, fields: &Fields) -> Result<Duration, Failure> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path)
        .map_err(|error| Failure::Odd(format!("{path}: {error}; name a process that runs here")))?;
    Ok(Duration::from_millis(ticks(&text, fields) * 1_000 / TICKS))
}

fn ticks(stat: &str, fields: &Fields) -> u64 {
    // The name in parentheses may hold anything; user and system time are the 12th and
    // 13th field behind it, those of ended children follow.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let times = rest.split_whitespace().skip(11).zip(fields);
    let wanted = times.filter(|(_, wanted)| **wanted);
    wanted
        .filter_map(|(field, _)| field.parse::<u64>().ok())
        .sum()
}

/// CPU time so far of a process and all that it has started, ended ones included; to 10 ms
/// a process.
///
/// # Errors
///
/// When there is no such process on this machine.
pub(crate) fn cpu_of_tree(pid: u32) -> Result<Duration, Failure> {
    let root = ticked(pid, &WITH_ENDED)?;
    let below = descendants(pid);
    // One that ends while this reads is counted with its parent next time.
    let below = below.iter().flat_map(|pid| ticked(*pid, &WITH_ENDED));
    Ok(root + below.sum::<Duration>())
}

/// Resident memory of a process in KiB.
pub(crate) fn resident_kib(pid: u32) -> Result<u64, Failure> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).map_err(|error| Failure::Odd(error.to_string()))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    kib.ok_or_else(|| Failure::Odd(format!("{path} says nothing of VmRSS")))
}

/// The processes that a process has started.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let tasks = tasks.into_iter().flatten().flatten();
    let texts = tasks.map(|task| fs::read_to_string(task.path().join("children")));
    let ids = texts.flat_map(|text| {
        let text = text.unwrap_or_default();
        let ids = text.split_whitespace().filter_map(|id| id.parse().ok());
        ids.collect::<Vec<u32>>()
    });
    ids.collect()
}

/// The processes that a process has started, and those that they have.
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut found = children(pid);
    let mut at = 0;
    while let Some(pid) = found.get(at) {
        found.extend(children(*pid));
        at += 1;
    }
    found
}

/// When a process was started, by the kernel's own count; none when there is no such
/// process any more, or it has ended and waits to be noticed.
pub fn started(pid: u32) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let has_ended = matches!(fields.next(), Some("Z" | "X"));
    let started = fields.nth(18)?;
    (!has_ended).then(|| started.to_owned())
}

/// Binds all threads of a process to some cores, such as `0` or `0-3`; false when that
/// can't be done here.
pub(crate) fn pin(pid: u32, cores: &str) -> bool {
    let pinned = Command::new("taskset")
        .args(["-apc", cores, &pid.to_string()])
        .output();
    pinned.is_ok_and(|output| output.status.success())
}

/// Lets this thread give way to others on its core, as far as the scheduler does.
///
/// # Errors
///
/// When there is no `renice` of util-linux.
pub(crate) fn gives_way() -> Result<(), Failure> {
    // It leads to PID/task/TID. What `renice` calls a process may be a thread of one.
    let odd = |error: std::io::Error| Failure::Odd(format!("/proc/thread-self: {error}"));
    let thread = fs::read_link("/proc/thread-self").map_err(odd)?;
    let number = thread.file_name().unwrap_or_default();
    let mut renice = Command::new("renice");
    let done = renice.args(["-n", "19", "-p"]).arg(number).output();
    if done.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    Err(Failure::Odd("it takes renice of util-linux".to_owned()))
}

/// A server held on core 0 and this process on core 1, so that neither takes the other's
/// time and caches. Both are on all cores again when this is dropped.
pub(crate) struct Apart {
    server: u32,
}

impl Apart {
    /// Nothing where there is one core, or no `taskset`.
    pub(crate) fn hold(server: u32) -> Option<Self> {
        let held = Self { server };
        let own = std::process::id();
        let done = has_two_cores() && pin(server, SERVER_CORE) && pin(own, CLIENT_CORE);
        done.then_some(held)
    }

    /// What a reader of figures should know of it.
    pub(crate) fn said(held: Option<&Self>) -> &'static str {
        match held {
            Some(_) => "server on core 0, client on core 1",
            None => "cores shared",
        }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        for pid in [self.server, std::process::id()] {
            pin(pid, &all_cores());
        }
    }
}

/// This process on core 1, beside a server that was started on core 0; on all cores again
/// when this is dropped.
pub(crate) struct Aside;

impl Aside {
    /// Moves there.
    ///
    /// # Errors
    ///
    /// When there is one core, or no `taskset`.
    pub(crate) fn hold() -> Result<Self, Failure> {
        if has_two_cores() && pin(std::process::id(), CLIENT_CORE) {
            return Ok(Self);
        }
        let what = "it takes two cores, and taskset of util-linux";
        Err(Failure::Odd(what.to_owned()))
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        pin(std::process::id(), &all_cores());
    }
}

/// Whether there is a core for the server and one for whoever measures it.
fn has_two_cores() -> bool {
    all_cores() != "0"
}

/// All cores of the machine, as [`pin`] takes them.
pub(crate) fn all_cores() -> String {
    let text = fs::read_to_string("/sys/devices/system/cpu/online");
    text.map_or_else(|_| "0".to_owned(), |text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let behind = "S 1 7 7 0 -1 4194560 4361 49607 0 29 20 3 400 5000 20 0 1 0 99";
        for name in ["postgres", "a b", "a) S 1 (b"] {
            let stat = format!("7 ({name}) {behind}");
            assert_eq!(ticks(&stat, &OWN), 23, "{stat}");
            assert_eq!(ticks(&stat, &WITH_ENDED), 5_423, "{stat}");
        }
        assert_eq!(ticks("7", &OWN), 0);
    }

    #[test]
    fn threads_that_ended_are_found_in_the_ticks() {
        let millis = Duration::from_millis;
        let check = |threads, ticked, expected| {
            let spent = better(millis(threads), millis(ticked));
            assert_eq!(spent, millis(expected), "{threads} {ticked}");
        };
        check(3, 0, 3);
        check(3, 40, 3);
        check(3, 50, 50);
        check(103, 100, 103);
        check(97, 100, 97);
    }

    #[test]
    fn work_is_measured_in_less_than_ticks() {
        let meter = Meter::start(std::process::id()).unwrap();
        let mut sum = 0_u64;
        let spent = loop {
            let spent = meter.spent().unwrap();
            if spent > Duration::ZERO {
                break spent;
            }
            sum = std::hint::black_box(sum.wrapping_add(1));
        };
        assert_ne!(spent.subsec_nanos() % 10_000_000, 0, "{spent:?} {sum}");
    }

    #[test]
    fn a_process_is_found_below_the_one_that_started_it() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let below = descendants(std::process::id());
        assert!(below.contains(&child.id()), "{below:?}");
        cpu_of_tree(std::process::id()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
