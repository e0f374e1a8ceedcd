//! Groups 1 to 4: lengths, pings and pongs, reserved bits, opcodes.

use crate::wire::{Case, Step, frame, naming, text};

/// The most that a message may have.
const LIMIT: usize = 4_096;

pub(crate) fn cases() -> Vec<Case> {
    [lengths(), pings(), reserved(), own()].concat()
}

/// Group 1: every boundary of the length's spelling, as text and as binary.
fn lengths() -> Vec<Case> {
    let sizes = [0, 125, 126, 127, 128, 65_535, 65_536, 65_536];
    let mut cases = Vec::new();
    for (at, size) in sizes.into_iter().enumerate() {
        let at = at + 1;
        let send = |bytes| match at {
            8 => Step::Chop(bytes, 997),
            _ => Step::Send(bytes),
        };
        let said = text(vec![b'*'; size]);
        let packed = frame(0x82, &vec![0xfe; size]);
        let (said, packed) = match size <= LIMIT {
            true => (
                vec![send(said), Step::Quoted(String::new()), Step::Closes(1000)],
                vec![
                    Step::Msgpack,
                    send(packed),
                    Step::Quoted(String::new()),
                    Step::Closes(1000),
                ],
            ),
            false => (
                vec![send(said), Step::Fails(1009)],
                vec![Step::Msgpack, send(packed), Step::Fails(1009)],
            ),
        };
        cases.push(Case::new(&format!("1.1.{at}"), said));
        cases.push(Case::new(&format!("1.2.{at}"), packed));
    }
    cases
}

/// Group 2.
fn pings() -> Vec<Case> {
    let ping = |payload: &[u8]| frame(0x89, payload);
    let odd = [0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff];
    let full = vec![0xfe; 125];
    let ten: Vec<Vec<u8>> = (0..10)
        .map(|at| format!("payload-{at}").into_bytes())
        .collect();
    let pings: Vec<u8> = ten.iter().flat_map(|payload| ping(payload)).collect();
    let pong = frame(0x8a, b"unsolicited");
    let alive = |name: &str, steps: Vec<Step>| {
        Case::new(name, steps.into_iter().chain([Step::Closes(1000)]))
    };
    let answered = |name: &str, payload: &[u8]| {
        alive(
            name,
            vec![Step::Send(ping(payload)), Step::Pong(payload.to_vec())],
        )
    };
    vec![
        answered("2.1", b""),
        answered("2.2", b"Hello, world!"),
        answered("2.3", &odd),
        answered("2.4", &full),
        Case::new("2.5", [Step::Send(ping(&[0xfe; 126])), Step::Fails(1002)]),
        alive("2.6", vec![Step::Drip(ping(&full)), Step::Pong(full)]),
        alive("2.7", vec![Step::Send(frame(0x8a, b""))]),
        alive("2.8", vec![Step::Send(pong.clone())]),
        alive(
            "2.9",
            vec![
                Step::Send([pong, ping(b"ping payload")].concat()),
                Step::Pong(b"ping payload".to_vec()),
            ],
        ),
        alive(
            "2.10",
            vec![Step::Send(pings.clone()), Step::Pongs(ten.clone())],
        ),
        alive("2.11", vec![Step::Drip(pings), Step::Pongs(ten)]),
    ]
}

/// Groups 3 and 4: bits that mean nothing without an extension, and opcodes that aren't
/// any.
fn reserved() -> Vec<Case> {
    let hello = naming("hello");
    let first = text(&hello);
    let ping = frame(0x89, b"ping");
    let alone = |name: &str, bad: Vec<u8>| Case::new(name, [Step::Send(bad), Step::Fails(1002)]);
    // Behind a right message, which may have its answer or not.
    let behind = |name: &str, bad: Vec<u8>, send: fn(Vec<u8>) -> Step| {
        let bytes = [first.clone(), bad, ping.clone()].concat();
        Case::new(name, [send(bytes), Step::Fails(1002)])
    };
    let mut cases = vec![
        alone("3.1", frame(0x91, hello.as_bytes())),
        behind("3.2", frame(0xa1, hello.as_bytes()), Step::Send),
        Case::new(
            "3.3",
            [
                Step::Send(first.clone()),
                Step::Quoted("hello".into()),
                Step::Send(frame(0xb1, hello.as_bytes())),
                Step::Fails(1002),
            ],
        ),
        behind("3.4", frame(0xc1, hello.as_bytes()), Step::Drip),
        alone("3.5", frame(0xd2, &[0xff; 8])),
        alone("3.6", frame(0xe9, b"Hello, world!")),
        alone("3.7", frame(0xf8, &1000_u16.to_be_bytes())),
    ];
    for (group, opcodes) in [("4.1", 3..=7), ("4.2", 11..=15)] {
        for (at, opcode) in (1..).zip(opcodes) {
            let payload: &[u8] = if at % 2 == 0 {
                b"reserved opcode payload"
            } else {
                b""
            };
            let bad = frame(0x80 | opcode, payload);
            let name = format!("{group}.{at}");
            cases.push(match at {
                1 | 2 => alone(&name, bad),
                5 => behind(&name, bad, Step::Drip),
                _ => behind(&name, bad, Step::Send),
            });
        }
    }
    cases
}

/// What the suite doesn't ask: masks, lengths spelled too long, our limit, floods.
fn own() -> Vec<Case> {
    let mut cases = Vec::new();
    for (at, (size, fits)) in [(LIMIT - 1, true), (LIMIT, true), (LIMIT + 1, false)]
        .into_iter()
        .enumerate()
    {
        let padded = format!("{:<size$}", naming("exactly"));
        let end = if fits {
            Step::Quoted("exactly".into())
        } else {
            Step::Fails(1009)
        };
        cases.push(Case::new(
            &format!("limit.{}", at + 1),
            [Step::Send(text(padded)), end],
        ));
    }
    // Its header alone is enough to refuse it.
    let head = [0x81, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4].to_vec();
    cases.push(Case::new("limit.4", [Step::Send(head), Step::Fails(1009)]));

    let unmasked = b"\x81\x05hello".to_vec();
    cases.push(Case::new(
        "masks.1",
        [Step::Send(unmasked), Step::Fails(1002)],
    ));
    let mut zero = vec![0x81, 0x80 | 13, 0, 0, 0, 0];
    zero.extend(naming("none").bytes());
    cases.push(Case::new(
        "masks.2",
        [Step::Send(zero), Step::Quoted("none".into())],
    ));

    let rows: [&[u8]; 4] = [
        &[0x81, 0xfe, 0, 125],
        &[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
        &[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0],
        &[0x89, 0xff, 0, 0, 0, 0, 0, 1, 0, 0],
    ];
    for (at, head) in rows.into_iter().enumerate() {
        let name = format!("length.{}", at + 1);
        cases.push(Case::new(
            &name,
            [Step::Send(head.to_vec()), Step::Fails(1002)],
        ));
    }

    let both = [text(naming("first")), text(naming("second"))].concat();
    let quoted = ["first", "second"].map(|op| Step::Quoted(op.into()));
    let in_order = |name: &str, send: Step| Case::new(name, [vec![send], quoted.to_vec()].concat());
    cases.push(in_order("order.1", Step::Send(both.clone())));
    cases.push(in_order("order.2", Step::Drip(both)));

    let wrong = "parterre.v1.msgpack wants binary messages";
    cases.push(Case::new(
        "msgpack.1",
        [
            Step::Msgpack,
            Step::Send(text(naming("x"))),
            Step::Quoted(wrong.into()),
        ],
    ));
    // {"op": "hello"} in MessagePack.
    let packed = b"\x81\xa2op\xa5hello";
    cases.push(Case::new(
        "msgpack.2",
        [
            Step::Msgpack,
            Step::Send(frame(0x82, packed)),
            Step::Quoted("hello".into()),
        ],
    ));
    let flood = frame(0x89, b"").repeat(2_000);
    cases.push(Case::new("flood.1", [Step::Send(flood), Step::Fails(4400)]));
    cases
}
