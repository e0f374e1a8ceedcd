//! Query strings, read strictly: what isn't known is refused by name, so that a misspelt
//! filter never looks like an answer.
//!
//! What can't be read is malformed; what can be read and breaks a bound is invalid, and
//! then every such parameter is named.

use parterre_domain::{
    FieldError, Problem, Refusal, Slug, TicketId, TicketState, Timestamp, limits,
};

use crate::search::{Wish, fold};

/// A wish for a list of an event's tickets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TicketWish {
    /// Only in this state.
    pub(crate) state: Option<TicketState>,
    /// Only in the section of this name.
    pub(crate) section: Option<String>,
    /// Only of the tier with this id.
    pub(crate) tier: Option<String>,
    /// Tickets in a page.
    pub(crate) limit: usize,
    /// The first ticket that may be shown.
    pub(crate) start: TicketId,
}

/// That there is no query.
pub(crate) fn none(query: Option<&str>) -> Result<(), Problem> {
    match pairs(query)?.first() {
        None => Ok(()),
        Some((name, _)) => Err(unknown(name)),
    }
}

/// A wish for a list of events.
pub(crate) fn events(query: Option<&str>) -> Result<Wish, Problem> {
    let mut wish = Wish {
        limit: limits::DEFAULT_EVENTS_PER_PAGE,
        ..Wish::default()
    };
    let mut bounds = Bounds::default();
    for (name, value) in pairs(query)? {
        match name.as_str() {
            "category" => wish.category = Some(fold(bounds.short(&name, &value))),
            "city" => wish.city = Some(fold(bounds.short(&name, &value))),
            "from" => wish.from = Some(time(&name, &value)?),
            "to" => wish.to = Some(time(&name, &value)?),
            "q" => wish.search_for(bounds.short(&name, &value)),
            "limit" => wish.limit = bounds.limit(&value, limits::EVENTS_PER_PAGE)?,
            "cursor" => wish.after = Some(value.parse().map_err(|_| bad_cursor())?),
            _ => return Err(unknown(&name)),
        }
    }
    bounds.kept(wish)
}

/// How many events like one are wanted.
pub(crate) fn similar(query: Option<&str>) -> Result<usize, Problem> {
    let mut wanted = limits::DEFAULT_EVENTS_PER_PAGE;
    let mut bounds = Bounds::default();
    for (name, value) in pairs(query)? {
        match name.as_str() {
            "limit" => wanted = bounds.limit(&value, limits::EVENTS_PER_PAGE)?,
            _ => return Err(unknown(&name)),
        }
    }
    bounds.kept(wanted)
}

/// A wish for a list of tickets.
pub(crate) fn tickets(query: Option<&str>) -> Result<TicketWish, Problem> {
    let mut wish = TicketWish {
        state: None,
        section: None,
        tier: None,
        limit: limits::DEFAULT_TICKETS_PER_PAGE,
        start: TicketId(0),
    };
    let mut bounds = Bounds::default();
    for (name, value) in pairs(query)? {
        match name.as_str() {
            "state" => wish.state = Some(state(&value)?),
            "section" => wish.section = Some(bounds.short(&name, &value).to_owned()),
            "tier" => wish.tier = Some(bounds.short(&name, &value).to_owned()),
            "limit" => wish.limit = bounds.limit(&value, limits::TICKETS_PER_PAGE)?,
            "cursor" => wish.start = ticket_cursor(&value)?,
            _ => return Err(unknown(&name)),
        }
    }
    bounds.kept(wish)
}

/// The bounds that a query breaks.
#[derive(Default)]
struct Bounds {
    broken: Vec<FieldError>,
}

impl Bounds {
    /// A text, if it is short enough.
    fn short<'a>(&mut self, name: &str, value: &'a str) -> &'a str {
        if value.chars().count() > limits::NAME_CHARS {
            let reason = format!("must be at most {} characters", limits::NAME_CHARS);
            self.broken.push(FieldError::new(name, reason));
        }
        value
    }

    /// Items in a page, if it is a number.
    fn limit(&mut self, value: &str, most: usize) -> Result<usize, Problem> {
        let digits = value.strip_prefix('-').unwrap_or(value);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(malformed("limit", "must be a whole number"));
        }
        // One that no integer holds is out of bounds as well.
        let limit = value.parse().unwrap_or(0);
        if !(1..=most).contains(&limit) {
            let reason = format!("must be 1 to {most}");
            self.broken.push(FieldError::new("limit", reason));
        }
        Ok(limit)
    }

    /// What was read, if no bound is broken.
    fn kept<T>(self, read: T) -> Result<T, Problem> {
        if self.broken.is_empty() {
            Ok(read)
        } else {
            Err(Problem::from(&Refusal::Invalid(self.broken)))
        }
    }
}

/// Names and values, decoded; no name twice.
fn pairs(query: Option<&str>) -> Result<Vec<(String, String)>, Problem> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let given = query.unwrap_or_default().split('&');
    for pair in given.filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name)?, decoded(value)?);
        if pairs.iter().any(|(known, _)| *known == name) {
            return Err(malformed(&name, "is there twice"));
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

/// Takes percent-encoding off (RFC 3986, 2.1); a plus is a space, as forms send it.
fn decoded(text: &str) -> Result<String, Problem> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = rest.next().and_then(hex).zip(rest.next().and_then(hex));
                let (high, low) = digits.ok_or_else(|| badly_encoded(text))?;
                high << 4 | low
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| badly_encoded(text))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

fn time(name: &str, value: &str) -> Result<Timestamp, Problem> {
    value
        .parse()
        .map_err(|_| malformed(name, "must be a time such as 2026-12-31T19:00:00.000Z"))
}

fn state(value: &str) -> Result<TicketState, Problem> {
    match value {
        "free" => Ok(TicketState::Free),
        "pending" => Ok(TicketState::Pending),
        "sold" => Ok(TicketState::Sold),
        "withdrawn" => Ok(TicketState::Withdrawn),
        _ => Err(malformed(
            "state",
            "must be free, pending, sold or withdrawn",
        )),
    }
}

fn ticket_cursor(value: &str) -> Result<TicketId, Problem> {
    let ticket: u32 = value.parse().map_err(|_| bad_cursor())?;
    // One cursor has one spelling: no plus, no leading zeros.
    if ticket <= limits::TICKETS_PER_EVENT && ticket.to_string() == value {
        Ok(TicketId(ticket))
    } else {
        Err(bad_cursor())
    }
}

fn bad_cursor() -> Problem {
    malformed("cursor", "must be a next_cursor of this list")
}

fn unknown(name: &str) -> Problem {
    let name: String = name.chars().take(limits::ID_CHARS).collect();
    malformed(&name, "is no parameter of this call")
}

fn badly_encoded(text: &str) -> Problem {
    let text: String = text.chars().take(limits::ID_CHARS).collect();
    Slug::Malformed.problem(format!("{text} in the query isn't percent-encoded UTF-8"))
}

fn malformed(name: &str, reason: &str) -> Problem {
    Slug::Malformed.problem(format!("query parameter {name} {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_isnt_known_is_refused_by_name() {
        let check = |query: &str, named: &str| {
            let problem = events(Some(query)).expect_err(query);
            assert_eq!(problem.status, 400, "{query}");
            assert!(
                problem.detail.contains(named),
                "{query}: {}",
                problem.detail
            );
        };
        check("citty=Berlin", "citty");
        check("city=Berlin&city=Bonn", "city");
        check("limit=ten", "limit");
        check("limit=", "limit");
        check("limit=+1", "limit");
        check("limit=1.0", "limit");
        check("from=yesterday", "from");
        check("to=", "to");
        check("cursor=7", "cursor");
        check("q=%zz", "%zz");
        check("q=%ff", "%ff");
        check("q=%f", "%f");
        check("limit=0&citty=Berlin", "citty");
        assert!(none(Some("x=1")).is_err());
        assert!(none(Some("")).is_ok());
        assert!(none(None).is_ok());
    }

    #[test]
    fn every_bound_that_is_broken_is_named() {
        let long = "a".repeat(limits::NAME_CHARS + 1);
        let named = |outcome: Result<(), Problem>, query: &str| -> Vec<String> {
            let problem = outcome.expect_err(query);
            assert_eq!(
                (problem.status, problem.slug()),
                (422, "invalid"),
                "{query}"
            );
            let errors = problem.errors.expect("each is named").into_iter();
            errors.map(|error| error.field).collect()
        };
        let check = |query: &str, fields: &[&str]| {
            let outcome = events(Some(query)).map(drop);
            assert_eq!(named(outcome, query), fields, "{query}");
        };
        check("limit=0", &["limit"]);
        check("limit=101", &["limit"]);
        check("limit=-1", &["limit"]);
        check("limit=99999999999999999999999", &["limit"]);
        check(&format!("q={long}&city=x&limit=0"), &["q", "limit"]);
        check(
            &format!("city={long}&category={long}"),
            &["city", "category"],
        );
        let check = |query: &str, fields: &[&str]| {
            let outcome = tickets(Some(query)).map(drop);
            assert_eq!(named(outcome, query), fields, "{query}");
        };
        check("limit=1001", &["limit"]);
        check(&format!("tier={long}&section={long}"), &["tier", "section"]);
        assert_eq!(named(similar(Some("limit=0")).map(drop), ""), ["limit"]);
        assert!(events(Some(&format!("q={}", &long[1..]))).is_ok());
        assert!(tickets(Some("limit=1000")).is_ok());
    }

    #[test]
    fn equal_wishes_are_equal_keys() {
        let check = |one: &str, other: &str| {
            assert_eq!(events(Some(one)), events(Some(other)), "{one} {other}");
        };
        check("city=K%C3%B6ln&q=b+a", "q=A%20B&city=koln");
        check("", "limit=20");
        check("q=a+a", "q=a");
    }

    #[test]
    fn a_ticket_cursor_is_checked() {
        let start = |query| tickets(Some(query)).map(|wish| wish.start.0);
        assert_eq!(start("cursor=17"), Ok(17));
        for bad in [
            "cursor=",
            "cursor=-1",
            "cursor=+1",
            "cursor=01",
            "cursor=200001",
            "cursor=x",
        ] {
            assert!(start(bad).is_err(), "{bad}");
        }
        assert!(tickets(Some("state=Free")).is_err());
    }
}
