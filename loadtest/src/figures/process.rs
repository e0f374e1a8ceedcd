//! What the kernel knows of a process, and which core it runs on.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::wire::Failure;

/// Clock ticks a second in /proc; 100 on every Linux that this runs on (`getconf CLK_TCK`).
const TICKS: u64 = 100;

/// CPU time of a process so far, its threads' included.
pub(crate) fn cpu(pid: u32) -> Result<Duration, Failure> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path)
        .map_err(|error| Failure::Odd(format!("{path}: {error}; name a --pid that runs here")))?;
    // The name in parentheses may hold anything; user and system time are the 12th and
    // 13th field behind it.
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum::<u64>();
    Ok(Duration::from_millis(ticks * 1_000 / TICKS))
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
pub(super) fn children(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = fs::read_to_string(path).unwrap_or_default();
    let ids = text.split_whitespace();
    ids.filter_map(|id| id.parse().ok()).collect()
}

/// Binds all threads of a process to some cores, such as `0` or `0-3`; false when that
/// can't be done here.
pub(super) fn pin(pid: u32, cores: &str) -> bool {
    let pinned = Command::new("taskset")
        .args(["-apc", cores, &pid.to_string()])
        .output();
    pinned.is_ok_and(|output| output.status.success())
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
        let done = all_cores() != "0" && pin(server, "0") && pin(std::process::id(), "1");
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

/// All cores of the machine, as [`pin`] takes them.
fn all_cores() -> String {
    let text = fs::read_to_string("/sys/devices/system/cpu/online");
    text.map_or_else(|_| "0".to_owned(), |text| text.trim().to_owned())
}
