//! Whatever a file of an operator holds, reading it ends in a value or in a sentence.

#[path = "../tests/strange/mod.rs"]
mod strange;

use self::strange::{each, each_text};

#[test]
fn a_configuration_file_is_understood_or_told_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("parterre.toml");
    let samples = [
        "listen = \"127.0.0.1:7000\"\ncore-listen = \"[::1]:1\"\ndrain = \"10s\"\ndemo = true\n",
        "cache-bytes = \"512MiB\"\nshards = 3\npayments = \"sandbox\"\npublic-url = \"https://x\"\n",
        "[table]\na = [1, 2, {b = 1979-05-27T07:32:00Z}]\n",
    ];
    each_text(&samples, |text| {
        std::fs::write(&file, text).unwrap();
        let arguments = ["parterre", "standalone", "--config", file.to_str().unwrap()];
        drop(crate::cli::parse(arguments.map(std::ffi::OsString::from)));
    });
}

#[test]
fn a_file_to_import_is_items_or_says_why_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.json");
    let samples: [&[u8]; 3] = [
        br#"{"@graph":[{"@type":"Event","name":"A Night","keywords":["concert","b"],
            "startDate":"2030-05-01T19:00:00+02:00","image":["https://x/y.png"],
            "location":{"name":"Hall","address":{"addressLocality":"Ghent"}},
            "offers":{"price":"45.50","priceCurrency":"EUR","lowPrice":1}}]}"#,
        br#"[{"event":{"title":"A","category":"b","venue":"c","city":"d","starts_at":"2030-05-01T19:00:00Z"},
            "tiers":[{"id":"front","name":"Front","price":4500}],
            "rows":[{"section":"Stalls","row":"A","seats":24,"tier":"front"}]}]"#,
        br#"{"name":"Hall","zones":[{"name":"Stalls","rows":[]}]}"#,
    ];
    each(&samples, |bytes| {
        std::fs::write(&file, bytes).unwrap();
        // Each item takes several bytes of its file.
        let items = crate::import::testing::readable(&file);
        assert!(items.is_none_or(|items| items <= bytes.len()));
    });
}
