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
    check_records(body)?;
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

/// Where a reader stands in a record (RFC 4180).
enum At {
    FieldStart,
    Plain,
    Quoted,
    /// Behind a quote in a quoted field, which ends it or stands for the first of two.
    Quote,
}

/// That no record is longer than a ticket could make it: the reader notes where each of
/// its fields ends, and there may be one in every byte.
fn check_records(body: &[u8]) -> Result<(), BadUpload> {
    let (mut at, mut bytes) = (At::FieldStart, 0);
    // The line that the reader is in, and that its record began in.
    let (mut line, mut begun) = (1, 1);
    for &byte in body {
        bytes += 1;
        line += u64::from(byte == b'\n');
        at = match (at, byte) {
            (At::Quoted, b'"') => At::Quote,
            (At::Quoted, _) | (At::FieldStart | At::Quote, b'"') => At::Quoted,
            (_, b'\r' | b'\n') => {
                (bytes, begun) = (0, line);
                At::FieldStart
            }
            (_, b',') => At::FieldStart,
            _ => At::Plain,
        };
        if bytes > limits::CSV_RECORD_BYTES {
            let reason = format!("a ticket has at most {} bytes", limits::CSV_RECORD_BYTES);
            let error = FieldError::new(format!("line {begun}"), reason);
            return Err(BadUpload::Invalid(vec![error]));
        }
    }
    Ok(())
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
