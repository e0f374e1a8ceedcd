//! Which events a list shows: filters, words, and the place where a page ends.

use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use parterre_domain::{About, EventId, Timestamp};

/// What an event can be found by, made once for each record.
#[derive(Debug)]
pub(crate) struct SearchKeys {
    category: String,
    city: String,
    /// Every word, each behind a line break: a word begins with a prefix exactly if the
    /// text contains a line break and the prefix.
    words: String,
}

/// A wish for a list, normalised, so that equal wishes are equal keys of the cache.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wish {
    /// Folded; none for all.
    pub(crate) category: Option<String>,
    /// Folded; none for all.
    pub(crate) city: Option<String>,
    /// Events that begin no earlier; none means now.
    pub(crate) from: Option<Timestamp>,
    /// Events that begin earlier than this.
    pub(crate) to: Option<Timestamp>,
    /// Each behind a line break, sorted.
    pub(crate) words: Vec<String>,
    /// Events in a page.
    pub(crate) limit: usize,
    /// Events behind this one.
    pub(crate) after: Option<Cursor>,
}

/// The last event of a page. As text: its time as sixteen hexadecimal digits, then its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// When it begins.
    pub starts_at: Timestamp,
    /// Its id, for events that begin at once.
    pub event: EventId,
}

/// A text that no page has ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadCursor;

impl SearchKeys {
    pub(crate) fn new(about: &About) -> Self {
        let texts = [&about.title, &about.venue, &about.city, &about.category];
        Self {
            category: fold(&about.category),
            city: fold(&about.city),
            words: texts.into_iter().flat_map(|text| words(text)).collect(),
        }
    }

    /// Whether two events share their category, and their city.
    pub(crate) fn shares(&self, other: &Self) -> (bool, bool) {
        let is_same = |one: &str, other: &str| !one.is_empty() && one == other;
        (
            is_same(&self.category, &other.category),
            is_same(&self.city, &other.city),
        )
    }
}

impl Wish {
    /// Sets the words that must each begin a word of the event.
    pub(crate) fn search_for(&mut self, text: &str) {
        self.words = words(text);
        self.words.sort_unstable();
        self.words.dedup();
    }

    /// Whether an event is wanted, its time aside.
    pub(crate) fn matches(&self, keys: &SearchKeys) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        is(&self.category, &keys.category)
            && is(&self.city, &keys.city)
            && self.words.iter().all(|word| keys.words.contains(word))
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}{}", self.starts_at.as_millis(), self.event)
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let (time, event) = text.split_at_checked(16).ok_or(BadCursor)?;
        let millis = u64::from_str_radix(time, 16).map_err(|_| BadCursor)?;
        let cursor = Self {
            starts_at: Timestamp::from_millis(i64::from_be_bytes(millis.to_be_bytes())),
            event: event.parse().map_err(|_| BadCursor)?,
        };
        // One cursor has one spelling.
        if cursor.to_string() == text {
            Ok(cursor)
        } else {
            Err(BadCursor)
        }
    }
}

/// A text as it is compared: without case, accents and needless space. Compatibility
/// decomposition (<https://www.unicode.org/reports/tr15/>) takes accents off as marks;
/// the letters that have none to take off are spelled out.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    // Decomposed before it is split: some letters decompose into a space and a mark.
    let decomposed: String = text
        .nfkd()
        .filter(|&letter| !is_combining_mark(letter))
        .collect();
    for word in decomposed.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        for letter in word.chars() {
            letter.to_lowercase().for_each(|letter| match letter {
                'ß' => folded.push_str("ss"),
                'æ' => folded.push_str("ae"),
                'œ' => folded.push_str("oe"),
                'ø' => folded.push('o'),
                'ł' => folded.push('l'),
                'đ' | 'ð' => folded.push('d'),
                'ı' => folded.push('i'),
                '\u{300}'..='\u{36f}' => {}
                other => folded.push(other),
            });
        }
    }
    folded
}

/// The words of a text, each behind a line break.
fn words(text: &str) -> Vec<String> {
    let folded = fold(text);
    let words = folded.split(|letter: char| !letter.is_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .map(|word| format!("\n{word}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(title: &str, venue: &str, city: &str, category: &str) -> About {
        let text = format!(
            r#"{{"title": {title:?}, "venue": {venue:?}, "city": {city:?}, "category": {category:?},
                "starts_at": "2026-12-01T19:00:00.000Z", "currency": "EUR"}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn every_word_must_begin_a_word_whatever_its_case_and_accents() {
        let keys = SearchKeys::new(&about(
            "Fünf Freunde & Don't Stop",
            "Théâtre de l'Odéon",
            "São Paulo",
            "Comédie",
        ));
        let check = |q: &str, expected: bool| {
            let mut wish = Wish::default();
            wish.search_for(q);
            assert_eq!(wish.matches(&keys), expected, "{q}");
        };
        check("", true);
        check("  ", true);
        check("funf", true);
        check("FÜNF", true);
        check("fu\u{308}nf", true);
        check("ﬀ", false);
        check("freu theat", true);
        check("odeon", true);
        check("sao comed", true);
        check("t stop", true);
        check("reunde", false);
        check("fünf dresden", false);
        check("-- fünf!", true);
    }

    #[test]
    fn city_and_category_are_compared_whole() {
        let keys = SearchKeys::new(&about("A", "B", "  Köln  Süd ", "stand-up"));
        let check = |category: Option<&str>, city: Option<&str>, expected: bool| {
            let wish = Wish {
                category: category.map(fold),
                city: city.map(fold),
                ..Wish::default()
            };
            assert_eq!(wish.matches(&keys), expected, "{category:?} {city:?}");
        };
        check(None, Some("koln sud"), true);
        check(None, Some("KÖLN SÜD"), true);
        check(None, Some("köln"), false);
        check(Some("Stand-Up"), Some("köln süd"), true);
        check(Some("standup"), None, false);
    }

    #[test]
    fn letters_without_a_mark_to_take_off_are_spelled_out() {
        for (text, folded) in [
            ("Straße", "strasse"),
            ("Øl", "ol"),
            ("Łódź", "lodz"),
            ("İstanbul", "istanbul"),
            ("ﬁlm", "film"),
        ] {
            assert_eq!(fold(text), folded);
        }
    }

    #[test]
    fn a_cursor_reads_back_and_anything_else_is_refused() {
        let cursor = Cursor {
            starts_at: Timestamp::from_millis(-5),
            event: EventId::new(Timestamp::from_millis(9), 0xabcd_ef01),
        };
        let text = cursor.to_string();
        assert_eq!(text.parse(), Ok(cursor));
        for bad in [
            "",
            "0",
            "é",
            &text[1..],
            &text.to_lowercase(),
            &text.replace("fff", "FFF"),
        ] {
            assert_eq!(bad.parse::<Cursor>(), Err(BadCursor), "{bad}");
        }
    }
}
