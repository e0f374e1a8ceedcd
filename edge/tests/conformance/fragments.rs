//! Groups 5 and 10: messages in several frames.

use crate::wire::{Case, Step, frame, naming, text};

/// How a case's frames are sent: at once, frame by frame, byte by byte.
const WAYS: [fn(&[Vec<u8>]) -> Vec<Step>; 3] = [
    |frames| vec![Step::Send(frames.concat())],
    |frames| frames.iter().cloned().map(Step::Send).collect(),
    |frames| vec![Step::Drip(frames.concat())],
];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        fails(
            "5.1",
            &[frame(0x09, b"fragment1"), frame(0x80, b"fragment2")],
        ),
        fails(
            "5.2",
            &[frame(0x0a, b"fragment1"), frame(0x80, b"fragment2")],
        ),
    ];
    let (one, two) = ("{\"op\":\"frag", "mented\"}");
    let message = [frame(0x01, one.as_bytes()), frame(0x80, two.as_bytes())];
    let pinged = [message[0].clone(), frame(0x89, b"ping"), message[1].clone()];
    let stray = |last: u8| [frame(last, b"non-continuation payload"), text(naming("x"))];
    for (at, way) in (0..).zip(WAYS) {
        let whole = || Step::Quoted("fragmented".into());
        let ends = [vec![whole()], vec![Step::Pong(b"ping".to_vec()), whole()]];
        for (first, frames, end) in [(3, &message[..], &ends[0]), (6, &pinged[..], &ends[1])] {
            let steps = [way(frames), end.clone(), vec![Step::Closes(1000)]].concat();
            cases.push(Case::new(&format!("5.{}", first + at), steps));
        }
        for (first, last) in [(9, 0x80), (12, 0x00)] {
            let steps = [way(&stray(last)), vec![Step::Fails(1002)]].concat();
            cases.push(Case::new(&format!("5.{}", first + at), steps));
        }
    }
    cases.push(fails("5.15", &[message.concat(), stray(0x00).concat()]));
    for (name, last) in [("5.16", 0x00), ("5.17", 0x80)] {
        let round = [
            frame(last, b"stray"),
            frame(0x01, b"frag"),
            frame(0x80, b"ment"),
        ]
        .concat();
        cases.push(fails(name, &[round.clone(), round]));
    }
    cases.push(fails(
        "5.18",
        &[frame(0x01, b"fragment1"), frame(0x81, b"fragment2")],
    ));
    cases.extend(five());
    cases.extend(long());
    cases
}

fn fails(name: &str, frames: &[Vec<u8>]) -> Case {
    Case::new(name, [Step::Send(frames.concat()), Step::Fails(1002)])
}

/// Five fragments with a ping behind the second and the fourth.
fn five() -> Vec<Case> {
    let begin = [
        frame(0x01, b"{\"op\":"),
        frame(0x00, b"\"in "),
        frame(0x89, b"ping 1"),
    ];
    let go_on = [
        frame(0x00, b"five "),
        frame(0x00, b"frag"),
        frame(0x89, b"ping 2"),
    ];
    let end = frame(0x80, b"ments\"}");
    let pong = |payload: &[u8]| Step::Pong(payload.to_vec());
    WAYS[..2]
        .iter()
        .zip(["5.19", "5.20"])
        .map(|(way, name)| {
            let steps = [
                way(&begin),
                vec![pong(b"ping 1")],
                way(&go_on),
                vec![pong(b"ping 2"), Step::Send(end.clone())],
                vec![Step::Quoted("in five fragments".into()), Step::Closes(1000)],
            ];
            Case::new(name, steps.concat())
        })
        .collect()
}

/// Group 10: a long message in fragments of 1,300 bytes. The suite's has 64 KiB, which is
/// too much here; one that just fits must come whole.
fn long() -> Vec<Case> {
    let fragmented = |message: &[u8]| -> Vec<u8> {
        let pieces = message.chunks(1_300).count();
        let frames = message.chunks(1_300).enumerate().map(|(at, piece)| {
            let last = if at + 1 == pieces { 0x80 } else { 0x00 };
            frame(if at == 0 { last | 0x01 } else { last }, piece)
        });
        frames.collect::<Vec<_>>().concat()
    };
    let fits = format!("{:<4096}", naming("just fits"));
    vec![Case::new(
        "10.1.1",
        [
            Step::Send(fragmented(fits.as_bytes())),
            Step::Quoted("just fits".into()),
            Step::Send(fragmented(&[b'*'; 65_536])),
            Step::Fails(1009),
        ],
    )]
}
