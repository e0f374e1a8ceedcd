//! Query strings, read strictly: what isn't known is refused by name, so that a misspelt
//! filter never looks like an answer.

use parterre_domain::{Problem, Slug, TicketId, TicketState, Timestamp, limits};

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
    for (name, value) in pairs(query)? {
        match name.as_str() {
            "category" => wish.category = Some(fold(&short(&name, &value)?)),
            "city" => wish.city = Some(fold(&short(&name, &value)?)),
            "from" => wish.from = Some(time(&name, &value)?),
            "to" => wish.to = Some(time(&name, &value)?),
            "q" => wish.search_for(&short(&name, &value)?),
            "limit" => wish.limit = limit(&value, limits::EVENTS_PER_PAGE)?,
            "cursor" => wish.after = Some(value.parse().map_err(|_| bad_cursor())?),
            _ => return Err(unknown(&name)),
        }
    }
    Ok(wish)
}

/// How many events like one are wanted.
pub(crate) fn similar(query: Option<&str>) -> Result<usize, Problem> {
    let mut wanted = limits::DEFAULT_EVENTS_PER_PAGE;
    for (name, value) in pairs(query)? {
        match name.as_str() {
            "limit" => wanted = limit(&value, limits::EVENTS_PER_PAGE)?,
            _ => return Err(unknown(&name)),
        }
    }
    Ok(wanted)
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
    for (name, value) in pairs(query)? {
        match name.as_str() {
            "state" => wish.state = Some(state(&value)?),
            "section" => wish.section = Some(short(&name, &value)?),
            "tier" => wish.tier = Some(short(&name, &value)?),
            "limit" => wish.limit = limit(&value, limits::TICKETS_PER_PAGE)?,
            "cursor" => wish.start = ticket_cursor(&value)?,
            _ => return Err(unknown(&name)),
        }
    }
    Ok(wish)
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

fn short(name: &str, value: &str) -> Result<String, Problem> {
    if value.chars().count() > limits::NAME_CHARS {
        let reason = format!("is longer than {} characters", limits::NAME_CHARS);
        return Err(malformed(name, &reason));
    }
    Ok(value.to_owned())
}

fn time(name: &str, value: &str) -> Result<Timestamp, Problem> {
    value
        .parse()
        .map_err(|_| malformed(name, "must be a time such as 2026-12-31T19:00:00.000Z"))
}

fn limit(value: &str, most: usize) -> Result<usize, Problem> {
    let limit = value
        .parse()
        .ok()
        .filter(|limit| (1..=most).contains(limit));
    limit.ok_or_else(|| malformed("limit", &format!("must be a number from 1 to {most}")))
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
        check("limit=0", "limit");
        check("limit=101", "limit");
        check("limit=-1", "limit");
        check("limit=ten", "limit");
        check("from=yesterday", "from");
        check("to=", "to");
        check("cursor=7", "cursor");
        check("q=%zz", "%zz");
        check("q=%ff", "%ff");
        check("q=%f", "%f");
        check(&format!("q={}", "a".repeat(201)), "q");
        assert!(none(Some("x=1")).is_err());
        assert!(none(Some("")).is_ok());
        assert!(none(None).is_ok());
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
