//! Requests, written once and sent many times.

/// A read, with further headers.
pub fn get(authority: &str, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut text = head("GET", authority, path, headers);
    text.push_str("\r\n");
    text.into_bytes()
}

/// A write with a JSON body, and further headers.
pub fn post(authority: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let (head, length) = (head("POST", authority, path, headers), body.len());
    let text =
        format!("{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
    text.into_bytes()
}

fn head(method: &str, authority: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let headers = headers.iter();
    let headers: String = headers
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!("{method} {path} HTTP/1.1\r\nHost: {authority}\r\n{headers}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_what_the_server_reads() {
        let read = get("a:1", "/x", &[("If-None-Match", "\"7\"")]);
        let expected = "GET /x HTTP/1.1\r\nHost: a:1\r\nIf-None-Match: \"7\"\r\n\r\n";
        assert_eq!(String::from_utf8(read).unwrap(), expected);
        let write = post("a:1", "/x", &[], "{}");
        let expected = "POST /x HTTP/1.1\r\nHost: a:1\r\nContent-Type: application/json\r\n\
                        Content-Length: 2\r\n\r\n{}";
        assert_eq!(String::from_utf8(write).unwrap(), expected);
    }
}
