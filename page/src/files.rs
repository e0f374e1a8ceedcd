//! The files of the pages.

use std::sync::OnceLock;

use parterre_domain::wire::feed::checksum;

/// A part of a page.
#[derive(Debug)]
pub struct File {
    /// Below `/web/{version}/`.
    pub path: &'static str,
    /// What it says.
    pub text: &'static str,
}

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(File { path: $path, text: include_str!(concat!("../web/", $path)) }),*]
    };
}

/// All parts of both pages.
pub static PARTS: &[File] = files![
    "admin/admin.css",
    "admin/audit.js",
    "admin/change.js",
    "admin/chart.js",
    "admin/dialog.js",
    "admin/entry.js",
    "admin/event.js",
    "admin/events.js",
    "admin/fields.js",
    "admin/heading.js",
    "admin/life.js",
    "admin/main.js",
    "admin/pages.js",
    "admin/parts.js",
    "admin/phrases.js",
    "admin/picked.js",
    "admin/poll.js",
    "admin/reservation.js",
    "admin/reservations.js",
    "admin/rows.js",
    "admin/said.js",
    "admin/sales.js",
    "admin/send.js",
    "admin/session.js",
    "admin/signin.js",
    "admin/upload.js",
    "admin/window.js",
    "admin/words.js",
    "shared/dom.js",
    "shared/fold.js",
    "shared/format.js",
    "shared/housemap.js",
    "shared/http.js",
    "shared/icon.svg",
    "shared/language.js",
    "shared/live.js",
    "shared/page.css",
    "shared/page.js",
    "shared/qr.js",
    "shared/seatgrid.js",
    "shared/seatmap.js",
    "shared/seatpaint.js",
    "shared/seatsections.js",
    "shared/storage.js",
    "shared/tickets.js",
    "shop/best.js",
    "shop/card.js",
    "shop/choice.js",
    "shop/event.js",
    "shop/kept.js",
    "shop/main.js",
    "shop/mine.js",
    "shop/passes.js",
    "shop/programme.js",
    "shop/reservation.js",
    "shop/sections.js",
    "shop/words.js",
];

/// The buyers' page, with `{version}` where [`version`] belongs.
pub(crate) const SHOP: &str = include_str!("../web/shop.html");
/// The administrators' page, likewise.
pub(crate) const ADMIN: &str = include_str!("../web/admin.html");

impl File {
    /// The kind of its content, by its name.
    pub(crate) fn content_type(&self) -> &'static str {
        match self.path.rsplit_once('.').map_or("", |(_, end)| end) {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            _ => "text/plain; charset=utf-8",
        }
    }
}

/// Names these very files: parts are asked for under it, so that a browser may keep them for
/// ever. While a release rolls out, a page of one may get parts of the other from an edge
/// that has no others; those aren't kept, and a reload mends what doesn't fit.
pub fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let all: Vec<&str> = PARTS.iter().map(|file| file.text).collect();
        format!("{:016x}", checksum(all.concat().as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    fn below(folder: &Path, found: &mut BTreeSet<String>) {
        let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                below(&path, found);
            } else if path.parent() != Some(&web) {
                let path = path.strip_prefix(&web).unwrap();
                found.insert(path.to_str().unwrap().to_owned());
            }
        }
    }

    #[test]
    fn every_file_in_the_folder_is_a_part() {
        let mut found = BTreeSet::new();
        below(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("web"),
            &mut found,
        );
        let listed: BTreeSet<String> = PARTS.iter().map(|file| file.path.to_owned()).collect();
        assert_eq!(listed, found);
    }

    #[test]
    fn what_a_file_names_exists() {
        for file in PARTS {
            let folder = file.path.rsplit_once('/').unwrap().0;
            let named = file.text.split('"').filter(|text| text.ends_with(".js"));
            for name in named.filter(|name| name.starts_with('.')) {
                let path = match name.strip_prefix("../") {
                    Some(path) => path.to_owned(),
                    None => format!("{folder}/{}", name.trim_start_matches("./")),
                };
                let exists = PARTS.iter().any(|part| part.path == path);
                assert!(exists, "{} names {name}", file.path);
            }
        }
    }
}
