//! Tickets as comma-separated values (RFC 4180): a header that names the columns in any
//! order, then a line a ticket.

use std::collections::HashSet;

use csv::StringRecord;

use super::{BadUpload, Places, Prices, Read, TICKETS, check_length};
use crate::{FieldError, NewTicket, Tier, limits};

const COLUMNS: [&str; 6] = ["section", "row", "seat", "tier", "x", "y"];
/// The columns without which there is no ticket.
const NEEDED: usize = 4;

pub(super) fn read(body: &[u8], prices: &Prices, own: &[Tier]) -> Result<Read, BadUpload> {
    // Spreadsheets mark UTF-8 so.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    check_lines(body)?;
    let mut reader = csv::Reader::from_reader(body);
    let columns = columns(reader.headers().map_err(malformed)?)?;
    let (mut tickets, mut lines, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(malformed)? {
        let line = record.position().map_or(0, csv::Position::line);
        match ticket(&record, columns) {
            Ok(ticket) => {
                tickets.push(ticket);
                lines.push(line);
                check_length(tickets.len(), TICKETS, "tickets")?;
            }
            Err((field, reason)) if errors.len() < limits::UPLOAD_ERRORS => {
                errors.push(FieldError::new(format!("line {line}: {field}"), reason));
            }
            Err(_) => break,
        }
    }
    if !errors.is_empty() {
        return Err(BadUpload::Invalid(errors));
    }
    let mut seen = HashSet::new();
    let named = tickets
        .iter()
        .map(|ticket: &NewTicket| ticket.tier.as_str())
        .filter(|tier| seen.insert(*tier));
    Ok(Read {
        tiers: prices.tiers(named, own)?,
        tickets,
        places: Places::Lines(lines),
    })
}

/// That no line is longer than a ticket could make it: the reader notes where each of a
/// line's fields ends, and there may be one in every byte.
fn check_lines(body: &[u8]) -> Result<(), BadUpload> {
    let mut lines = body.split(|byte| matches!(byte, b'\r' | b'\n'));
    if lines.all(|line| line.len() <= limits::CSV_LINE_BYTES) {
        return Ok(());
    }
    let reason = format!(
        "a line has at most {} bytes, and a file more than one line",
        limits::CSV_LINE_BYTES
    );
    Err(BadUpload::Invalid(vec![FieldError::new("line", reason)]))
}

/// Where each of [`COLUMNS`] stands.
fn columns(header: &StringRecord) -> Result<[Option<usize>; 6], BadUpload> {
    let mut columns = [None; COLUMNS.len()];
    let mut errors = Vec::new();
    for (at, name) in header.iter().enumerate() {
        if errors.len() == limits::UPLOAD_ERRORS {
            break;
        }
        match COLUMNS.iter().position(|column| *column == name.trim()) {
            Some(column) if columns[column].is_none() => columns[column] = Some(at),
            Some(_) => errors.push((name, "the column is there twice")),
            None => errors.push((name, "no such column: section, row, seat, tier, x, y")),
        }
    }
    for column in 0..NEEDED {
        if columns[column].is_none() {
            errors.push((COLUMNS[column], "the column is missing"));
        }
    }
    if errors.is_empty() {
        return Ok(columns);
    }
    let errors = errors
        .into_iter()
        .take(limits::UPLOAD_ERRORS)
        .map(|(name, reason)| FieldError::new(format!("line 1: {name}"), reason));
    Err(BadUpload::Invalid(errors.collect()))
}

fn ticket(
    record: &StringRecord,
    columns: [Option<usize>; 6],
) -> Result<NewTicket, (&'static str, String)> {
    let text = |column: usize| {
        columns[column]
            .and_then(|at| record.get(at))
            .unwrap_or("")
            .trim()
    };
    let place = |column: usize| match text(column) {
        "" => Ok(None),
        number => number
            .parse()
            .map(Some)
            .map_err(|_| (COLUMNS[column], format!("`{number}` is no number"))),
    };
    Ok(NewTicket {
        section: text(0).to_owned(),
        row: text(1).to_owned(),
        seat: text(2).to_owned(),
        tier: text(3).to_owned(),
        x: place(4)?,
        y: place(5)?,
    })
}

fn malformed(error: csv::Error) -> BadUpload {
    BadUpload::Malformed(error.to_string())
}
