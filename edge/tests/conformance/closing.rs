//! Group 7: how a connection ends.

use crate::wire::{Case, Step, close, frame, naming, text};

pub(crate) fn cases() -> Vec<Case> {
    let hello = text(naming("hello"));
    let quoted = || Step::Quoted("hello".into());
    let normal = close(1000, b"");
    let half = frame(0x01, b"{\"op\":\"fragment");
    // Sent in one piece: what stands behind a close isn't answered.
    let behind = |name: &str, more: Vec<u8>| {
        let sent = [normal.clone(), more].concat();
        Case::new(name, [Step::Send(sent), Step::Fails(1000)])
    };
    let mut cases = vec![
        Case::new(
            "7.1.1",
            [Step::Send(hello.clone()), quoted(), Step::Closes(1000)],
        ),
        behind("7.1.2", normal.clone()),
        behind("7.1.3", frame(0x89, b"ping")),
        behind("7.1.4", hello.clone()),
        Case::new(
            "7.1.5",
            [
                Step::Send([half, normal.clone(), frame(0x80, b"ed\"}")].concat()),
                Step::Fails(1000),
            ],
        ),
        Case::new(
            "7.1.6",
            [
                Step::Send(text(vec![b'B'; 256 << 10])),
                Step::Send([text("hello"), normal.clone(), frame(0x89, b"ping")].concat()),
                Step::Fails(1009),
            ],
        ),
        answered("7.3.1", frame(0x88, b""), 1000),
        refused("7.3.2", frame(0x88, b"a"), 1002),
        answered("7.3.3", normal, 1000),
        answered("7.3.4", close(1000, b"Hello World!"), 1000),
        answered("7.3.5", close(1000, &[b'*'; 123]), 1000),
        refused("7.3.6", close(1000, &[b'*'; 124]), 1002),
        refused(
            "7.5.1",
            close(
                1000,
                b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80",
            ),
            1007,
        ),
    ];
    let rights = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ];
    for (at, code) in (1..).zip(rights) {
        cases.push(answered(&format!("7.7.{at}"), close(code, b""), code));
    }
    let wrongs = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
    for (at, code) in (1..).zip(wrongs) {
        cases.push(refused(&format!("7.9.{at}"), close(code, b""), 1002));
    }
    for (at, code) in (1..).zip([5000, 65_535]) {
        cases.push(refused(&format!("7.13.{at}"), close(code, b""), 1002));
    }
    // Registered since the suite was written, and one that may never be sent.
    for (at, code) in (1..).zip([1012, 1013, 1014]) {
        cases.push(answered(&format!("codes.{at}"), close(code, b""), code));
    }
    cases.push(refused("codes.4", close(1015, b""), 1002));
    cases.push(refused("codes.5", close(1000, b"\xff"), 1007));
    cases
}

/// A close that is answered by one with this code, and by nothing else.
fn answered(name: &str, sent: Vec<u8>, code: u16) -> Case {
    Case::new(name, [Step::Send(sent), Step::Ends(code)])
}

/// A close that is wrong itself.
fn refused(name: &str, sent: Vec<u8>, code: u16) -> Case {
    Case::new(name, [Step::Send(sent), Step::Fails(code)])
}
