//! Placeholder while the smoke test is being written.
/// Arguments.
#[derive(Debug, clap::Args)]
pub struct SmokeArgs {}
/// Report.
#[derive(Debug)]
pub struct Report;
impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("")
    }
}
impl Report {
    /// Whether.
    pub fn agrees(&self) -> bool {
        true
    }
}
/// Runs.
/// # Errors
/// Never.
pub async fn smoke(_: SmokeArgs) -> Result<Report, String> {
    Ok(Report)
}
