//! Clients that send and read next to nothing cost others nothing.

use std::time::Duration;

use parterre_loadtest::{SlowConfig, slow};

use crate::story::{Standalone, setting};

/// The long form is `parterre loadtest slow`, which also judges what a read costs: here
/// other stories run beside it.
#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_cut_and_nobody_else_suffers() {
    let server = Standalone::start().await;
    let clients = setting("PARTERRE_TEST_SLOW", 200);
    let config = SlowConfig {
        edge: server.edge(),
        core: server.core(),
        token: server.token(),
        pid: server.process.id(),
        clients: usize::try_from(clients).expect("a number of clients"),
        rate: 500.0,
        lasts: Duration::from_secs(14),
        rounds: 1,
    };
    // Any answer to the others that isn't a 200 is an error.
    let report = slow(&config).await.expect("the test runs");
    assert!(report.slow.connected >= clients, "{report:?}");
    assert_eq!(report.slow.refused, 0, "{report:?}");
    assert!(report.slow.cut > clients / 4, "{report:?}");
    // 64 KiB each would be more than anything here should keep for a slow client.
    let grown = report
        .memory
        .iter()
        .map(|memory| memory.most_kib - memory.settled_kib.min(memory.most_kib));
    let grown = grown.max().expect("one run");
    assert!(grown < 64 * clients, "{report:?}");
}
