//! FoundationDB's error codes that mean something of their own here
//! (<https://apple.github.io/foundationdb/api-error-codes.html>).

/// The version is older than what is kept: five seconds.
pub(super) const TOO_OLD: i32 = 1007;
/// A conflict.
pub(super) const NOT_COMMITTED: i32 = 1020;
/// The commit is in or never will be.
pub(super) const COMMIT_UNKNOWN: i32 = 1021;
/// The database is being restored.
pub(super) const LOCKED: i32 = 1038;
/// The transaction is too large.
pub(super) const TOO_LARGE: i32 = 2101;
