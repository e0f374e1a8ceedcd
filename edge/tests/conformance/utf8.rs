//! Group 6: text that is UTF-8, and bytes that aren't.

use crate::wire::{Case, Step, frame, text};

/// Eleven bytes: the second letter is the one that takes three.
const KOSME: &[u8] = "κ\u{1f79}σμε".as_bytes();
const BEFORE: &[u8] = b"{\"op\":\"";
const AFTER: &[u8] = b"\"}";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        right("6.1.1", text("")),
        right("6.1.2", pieces(&[b"", b"", b""])),
        right("6.1.3", pieces(&[b"", &around(b"middle"), b""])),
    ];
    cases.extend(fragmented());
    cases.extend(fail_fast());
    for (at, valid) in [
        "hello\u{24}world",
        "hello\u{a2}world",
        "hello\u{20ac}world",
        "hello\u{24b62}world",
        "κ\u{1f79}σμε",
    ]
    .iter()
    .enumerate()
    {
        cases.push(whole(&format!("6.5.{}", at + 1), valid.as_bytes()));
    }
    for length in 1..=KOSME.len() {
        cases.push(whole(&format!("6.6.{length}"), &KOSME[..length]));
    }
    cases.extend(sequences());
    cases.extend(noncharacters());
    cases
}

fn around(op: &[u8]) -> Vec<u8> {
    [BEFORE, op, AFTER].concat()
}

/// A message in frames of these payloads.
fn pieces(payloads: &[&[u8]]) -> Vec<u8> {
    let frames = payloads.iter().enumerate().map(|(at, payload)| {
        let last = if at + 1 == payloads.len() { 0x80 } else { 0x00 };
        frame(if at == 0 { last | 0x01 } else { last }, payload)
    });
    frames.collect::<Vec<_>>().concat()
}

/// A message that is answered, whatever it means.
fn right(name: &str, bytes: Vec<u8>) -> Case {
    let steps = [
        Step::Send(bytes),
        Step::Quoted(String::new()),
        Step::Closes(1000),
    ];
    Case::new(name, steps)
}

/// A message with these bytes in it: quoted if they are UTF-8, refused if not.
fn whole(name: &str, bytes: &[u8]) -> Case {
    ending(name, Step::Send(text(around(bytes))), bytes)
}

/// The same, however it is sent.
fn ending(name: &str, send: Step, bytes: &[u8]) -> Case {
    match std::str::from_utf8(bytes) {
        // A control character may not stand in JSON: its message is answered all the same.
        Ok(text) if text.contains(|letter: char| letter < ' ') => Case::new(
            name,
            [send, Step::Quoted(String::new()), Step::Closes(1000)],
        ),
        Ok(text) => Case::new(name, [send, Step::Quoted(text.into()), Step::Closes(1000)]),
        Err(_) => Case::new(name, [send, Step::Fails(1007)]),
    }
}

/// Groups 6.2 and 6.3: whole, cut between characters, cut at every byte.
fn fragmented() -> Vec<Case> {
    let hello = "Hello-µ@ßöäüàá-UTF-8!!".as_bytes();
    let broken = [KOSME, b"\xed\xa0\x80edited"].concat();
    let each = |bytes: &[u8]| {
        let message = around(bytes);
        pieces(&message.chunks(1).collect::<Vec<_>>())
    };
    let (left, right) = hello.split_at("Hello-µ@ßöä".len());
    let halves = pieces(&[&[BEFORE, left].concat(), &[right, AFTER].concat()]);
    vec![
        whole("6.2.1", hello),
        ending("6.2.2", Step::Send(halves), hello),
        ending("6.2.3", Step::Send(each(hello)), hello),
        ending("6.2.4", Step::Send(each(KOSME)), KOSME),
        whole("6.3.1", &broken),
        ending("6.3.2", Step::Send(each(&broken)), &broken),
    ]
}

/// Group 6.4: the connection must fail when it is clear that it will, at the latest with
/// the message. We look at each frame when it is whole.
fn fail_fast() -> Vec<Case> {
    let first = frame(0x01, &[BEFORE, KOSME].concat());
    let beyond: [&[u8]; 2] = [b"\xf4\x90\x80\x80", b"\xf4\x90"];
    let in_frames = ["6.4.1", "6.4.2"].iter().zip(beyond).map(|(name, beyond)| {
        let second = frame(0x00, beyond);
        Case::new(
            name,
            [
                Step::Send(first.clone()),
                Step::Send(second),
                Step::Fails(1007),
            ],
        )
    });
    let in_pieces = ["6.4.3", "6.4.4"].iter().zip(beyond).map(|(name, beyond)| {
        let message = text(around(&[KOSME, beyond, b"edited"].concat()));
        Case::new(name, [Step::Chop(message, 17), Step::Fails(1007)])
    });
    in_frames.chain(in_pieces).collect()
}

/// Bytes in hexadecimal, a sequence a case; after Markus Kuhn's test of decoders.
const SEQUENCES: [(&str, &str); 12] = [
    ("6.7", "00 c280 e0a080 f0908080"),
    ("6.8", "f888808080 fc8480808080"),
    ("6.9", "7f dfbf efbfbf f48fbfbf"),
    ("6.10", "f7bfbfbf fbbfbfbfbf fdbfbfbfbfbf"),
    ("6.11", "ed9fbf ee8080 efbfbd f48fbfbf f4908080"),
    ("6.12", "80 bf 80bf 80bf80 80bf80bf 80bf80bf80 80bf80bf80bf"),
    ("6.14", INCOMPLETE),
    ("6.16", "fe ff fefeffff"),
    ("6.17", "c0af e080af f08080af f8808080af fc80808080af"),
    ("6.18", "c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf"),
    ("6.19", "c080 e08080 f0808080 f880808080 fc8080808080"),
    ("6.20", SURROGATES),
];
const INCOMPLETE: &str = "c0 e080 f08080 f8808080 fc80808080 df efbf f7bfbf fbbfbfbf fdbfbfbfbf";
const SURROGATES: &str = "eda080 edadbf edae80 edafbf edb080 edbe80 edbfbf";

/// Groups 6.7 to 6.21.
fn sequences() -> Vec<Case> {
    let mut cases = Vec::new();
    for (group, rows) in SEQUENCES {
        for (at, row) in (1..).zip(rows.split(' ')) {
            cases.push(whole(&format!("{group}.{at}"), &bytes_of(row)));
        }
    }
    let continuations: Vec<u8> = (0x80..=0xbf).collect();
    cases.push(whole("6.12.8", &continuations));
    let starts = [
        0xc0..=0xdf,
        0xe0..=0xef,
        0xf0..=0xf7,
        0xf8..=0xfb,
        0xfc..=0xfd,
    ];
    for (at, starts) in (1..).zip(starts) {
        let lonely: Vec<u8> = starts.flat_map(|byte: u8| [byte, b' ']).collect();
        cases.push(whole(&format!("6.13.{at}"), &lonely));
    }
    cases.push(whole("6.15.1", &bytes_of(&INCOMPLETE.replace(' ', ""))));
    let high = SURROGATES.split(' ').take(4);
    let pairs = high.flat_map(|high| ["edb080", "edbfbf"].map(|low| format!("{high}{low}")));
    for (at, pair) in (1..).zip(pairs) {
        cases.push(whole(&format!("6.21.{at}"), &bytes_of(&pair)));
    }
    cases
}

/// Groups 6.22 and 6.23: code points that mean nothing and are right all the same.
fn noncharacters() -> Vec<Case> {
    let planes = (0..=0x10_u32).flat_map(|plane| [plane << 16 | 0xfffe, plane << 16 | 0xffff]);
    let planes: Vec<_> = planes.filter_map(char::from_u32).collect();
    let specials: Vec<_> = (0xfff9..=0xffff).filter_map(char::from_u32).collect();
    let named = |group: &'static str, letters: Vec<char>| {
        (1..)
            .zip(letters)
            .map(move |(at, letter)| whole(&format!("{group}.{at}"), letter.to_string().as_bytes()))
    };
    named("6.22", planes)
        .chain(named("6.23", specials))
        .collect()
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
