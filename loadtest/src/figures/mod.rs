//! First figures of a running server: what a read costs, how fast it reserves, how soon a
//! change is on every screen, what an idle watcher weighs. Nothing here passes or fails.

use std::fmt;

use crate::FiguresArgs;
use crate::wire::Failure;

/// Rows of a table: what, how much, and in words how it was measured.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    rows: Vec<(String, String)>,
}

/// Measures a running server.
///
/// # Errors
///
/// When the server can't be reached or refuses the token.
pub async fn measure(_args: &FiguresArgs) -> Result<Figures, Failure> {
    Ok(Figures::default())
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, figure) in &self.rows {
            writeln!(f, "{what:<60}{figure}")?;
        }
        Ok(())
    }
}
