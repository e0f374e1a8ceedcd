//! Bytes that a stranger might send: right ones, broken a little or a lot, from a seed.
//! Included by the tests of every crate that reads such bytes.
//!
//! 2,000 seeds by default; `PARTERRE_SEEDS=1000000` runs many, `PARTERRE_SEED=7` one. What
//! breaks is printed with its seed and its bytes.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use fastrand::Rng;

/// Seeds of the short form.
const SHORT: u64 = 2_000;
/// An input grows to at most so many bytes.
const LONGEST: usize = 16 << 10;
/// The most that the process may have grown when a test is over: no input is so large
/// that reading it could need more.
const GROWTH_KIB: u64 = 256 << 10;

/// What readers of text and of numbers stumble over.
const STUMBLES: [&[u8]; 40] = [
    b"",
    b"0",
    b"-1",
    b"00",
    b"+1",
    b"1e999",
    b"-0.0",
    b"NaN",
    b"255",
    b"256",
    b"65536",
    b"4294967295",
    b"4294967296",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"18446744073709551616",
    b"null",
    b"true",
    b"{}",
    b"[[[[[[[[",
    b"{\"a\":",
    b"\"\"",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"\x00",
    b"\xff",
    b"\xc0\xaf",
    b"\xef\xbb\xbf",
    b"%",
    b"%00",
    b"%ff",
    b"&",
    b"=",
    b",",
    b":",
    b"\r\n",
    b"\xdf\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    "\u{202e}é\u{1f600}".as_bytes(),
];

/// Hands `check` one strange input a seed, made from samples of right ones.
pub(crate) fn each(samples: &[&[u8]], mut check: impl FnMut(&[u8])) {
    within_memory(|| {
        for seed in seeds() {
            let input = strange(&mut Rng::with_seed(seed), samples);
            // A check that panics has been given up with whatever state it had.
            let checked = catch_unwind(AssertUnwindSafe(|| check(&input)));
            if let Err(panic) = checked {
                println!(
                    "PARTERRE_SEED={seed} runs it alone; it was given\n{}",
                    input.escape_ascii()
                );
                resume_unwind(panic);
            }
        }
    });
}

/// Fails when a check has made the process grow by more than any input could need.
pub(crate) fn within_memory(check: impl FnOnce()) {
    let before = peak_kib();
    check();
    let grown = peak_kib().saturating_sub(before);
    assert!(grown < GROWTH_KIB, "it took {grown} KiB of memory");
}

/// The same with text.
pub(crate) fn each_text(samples: &[&str], mut check: impl FnMut(&str)) {
    let samples: Vec<&[u8]> = samples.iter().map(|sample| sample.as_bytes()).collect();
    each(&samples, |bytes| check(&String::from_utf8_lossy(bytes)));
}

fn strange(random: &mut Rng, samples: &[&[u8]]) -> Vec<u8> {
    let mut bytes = match random.u8(..) {
        0..=7 => {
            let length = random.usize(..64);
            std::iter::repeat_with(|| random.u8(..))
                .take(length)
                .collect()
        }
        _ => samples[random.usize(..samples.len())].to_vec(),
    };
    // Now and then none: a right input must be read too.
    for _ in 0..random.u32(..6) {
        change(random, &mut bytes, samples);
        bytes.truncate(LONGEST);
    }
    bytes
}

fn change(random: &mut Rng, bytes: &mut Vec<u8>, samples: &[&[u8]]) {
    let at = random.usize(..=bytes.len());
    let end = at + random.usize(..=(bytes.len() - at).min(16));
    match random.u8(..9) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.u8(..8),
        1 if at < bytes.len() => bytes[at] = random.u8(..),
        2 => drop(bytes.drain(at..end)),
        3 => {
            let piece = bytes[at..end].repeat(random.usize(1..40));
            bytes.splice(at..at, piece);
        }
        4 => bytes.truncate(at),
        5 => {
            let other = samples[random.usize(..samples.len())];
            let from = random.usize(..=other.len());
            bytes.splice(at.., other[from..].iter().copied());
        }
        6 => {
            let digits = bytes.iter().position(u8::is_ascii_digit).unwrap_or(at);
            let stumble = STUMBLES[random.usize(..STUMBLES.len())];
            bytes.splice(digits..digits, stumble.iter().copied());
        }
        _ => {
            let stumble = STUMBLES[random.usize(..STUMBLES.len())];
            bytes.splice(at..end, stumble.iter().copied());
        }
    }
}

fn seeds() -> std::ops::Range<u64> {
    #[expect(clippy::disallowed_methods, reason = "a test has no command line")]
    let number = |name| -> Option<u64> { std::env::var(name).ok()?.parse().ok() };
    match number("PARTERRE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("PARTERRE_SEEDS").unwrap_or(SHORT),
    }
}

/// The most memory that the process has had resident; zero where that can't be known.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
