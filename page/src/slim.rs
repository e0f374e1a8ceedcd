//! What of a file a browser needs: no comments on lines of their own, no indentation. It
//! looks at whole lines alone, so the files must have no text that goes over several.

/// The file without what only its readers need.
pub(crate) fn slim(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut is_comment = false;
    for line in text.lines().map(str::trim) {
        is_comment |= line.starts_with("/*");
        if !is_comment && !line.is_empty() && !line.starts_with("//") {
            kept.push_str(line);
            kept.push('\n');
        }
        is_comment &= !line.ends_with("*/");
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::PARTS;

    #[test]
    fn comments_and_indentation_go_and_nothing_else() {
        let text = "// Why.\n\n/** What\n * it does. */\nexport const one = 1; // x\n  two(`//`);\n/* y */\n  // z\n}\n";
        assert_eq!(slim(text), "export const one = 1; // x\ntwo(`//`);\n}\n");
    }

    #[test]
    fn no_text_goes_over_several_lines() {
        for file in PARTS {
            for line in file.text.lines() {
                let is_whole = line.matches('`').count() % 2 == 0 && !line.ends_with('\\');
                assert!(is_whole, "{}: {line}", file.path);
            }
            // What follows a comment on its last line would go with it.
            let of_comments = |line: &&str| line.starts_with("/*") || line.starts_with('*');
            for line in file.text.lines().map(str::trim).filter(of_comments) {
                let is_whole = !line.contains("*/") || line.ends_with("*/");
                assert!(is_whole, "{}: {line}", file.path);
            }
        }
    }
}
