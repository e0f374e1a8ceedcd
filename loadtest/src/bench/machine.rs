//! What a reader of figures should know of the binary and the machine.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::stage::Stage;
use crate::wire::Failure;

/// What the binary says of itself.
pub(crate) fn version(parterre: &Path) -> Result<String, Failure> {
    let asked = Command::new(parterre).arg("--version").output();
    let said = asked.map_err(|error| Failure::Odd(format!("{}: {error}", parterre.display())))?;
    Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

/// Processor, cores, kernel, and where the state lies.
pub(crate) fn machine(stage: &Stage) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processor = read("/proc/cpuinfo");
    let models = processor
        .lines()
        .filter(|line| line.starts_with("model name"));
    let model = models.clone().next().and_then(|line| line.split_once(": "));
    let (cores, model) = (models.count(), model.map_or("?", |(_, model)| model));
    let kernel = read("/proc/sys/kernel/osrelease");
    let asked = Command::new("df")
        .arg("--output=fstype")
        .arg(stage.root())
        .output();
    let said = asked.map(|asked| String::from_utf8_lossy(&asked.stdout).into_owned());
    let said = said.unwrap_or_default();
    let files = said.lines().last().unwrap_or("?");
    let kernel = kernel.trim();
    format!("{cores} cores of {model}, Linux {kernel}, state on {files}")
}
