//! Schemathesis tries the OpenAPI documents of both listeners against what they do:
//! every operation with right, wrong and strange input, alone and one after another.
//!
//! `PARTERRE_TEST_EXAMPLES=500` is the long form; 20 the short one.

use std::path::Path;
use std::process::Command;

use crate::story::{Buyer, Standalone, about, hall, seed, setting, tool};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_documents_say_what_the_listeners_do() {
    let Some(program) = tool("schemathesis") else {
        return;
    };
    let server = Standalone::start().await;
    for name in ["An Evening", "Another Evening"] {
        let event = hall(&mut server.admin(), &about(name), 200).await;
        let mut buyer = Buyer::at(server.edge());
        buyer.finds(event.summary.id).await;
        buyer.reserves(event.summary.id, &[7, 8]).await;
    }
    let (examples, seed) = (setting("PARTERRE_TEST_EXAMPLES", 20), seed());
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis.toml");
    for listener in [server.edge(), server.core()] {
        let tried = Command::new(&program)
            // It leaves a cache where it runs.
            .current_dir(server.data())
            .arg("--config-file")
            .arg(&config)
            .arg("run")
            .arg(format!("{listener}/openapi.json"))
            .args(["--checks", "all", "--continue-on-failure"])
            .args(["--max-examples", &examples.to_string()])
            .args(["--seed", &seed.to_string()])
            .args([
                "--header",
                &format!("Authorization: Bearer {}", server.token()),
            ])
            .output()
            .expect("schemathesis can be run");
        let said = String::from_utf8_lossy(&tried.stdout);
        println!("{said}");
        assert!(tried.status.success(), "{listener}, seed {seed}: see above");
    }
}
