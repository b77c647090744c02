//! What of a Rust file is code of the product?
//!
//! Comments, texts and the module `tests` at the foot of a file are left out, so that a name in the
//! rest is one that the compiler sees.

/// The code: comments and the content of texts replaced by blanks, tests cut off.
pub fn code(text: &str) -> String {
    let product = match text.find("#[cfg(test)]\nmod tests {") {
        Some(tests) => &text[..tests],
        None => text,
    };
    let mut code = String::with_capacity(product.len());
    let mut rest = product;
    while let Some(next) = rest.chars().next() {
        let taken = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = raw_text(rest) {
            length
        } else if next == '"' {
            text_length(rest)
        } else {
            code.push(next);
            rest = &rest[next.len_utf8()..];
            // A word is taken whole, so that `for"` is no raw text.
            if next.is_alphanumeric() || next == '_' {
                let end =
                    rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                code.push_str(&rest[..end]);
                rest = &rest[end..];
            } else if next == '\'' && (rest.starts_with("\"'") || rest.starts_with("\\\"'")) {
                rest = &rest[rest.find("'").unwrap_or(0)..];
            }
            continue;
        };
        code.push(' ');
        rest = &rest[taken..];
    }
    code
}

/// How long a text in quotes is.
fn text_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// How long a raw text is, where there is one.
fn raw_text(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let start = rest.len() - body.len() + hashes;
    rest[start..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(rest[start + 1..].find(&end).map_or(rest.len(), |at| start + 1 + at + end.len()))
}

#[test]
fn names_in_comments_texts_and_tests_are_no_code() {
    let text = r##"
use crate::a; // crate::b
/* crate::c */ const D: &str = "crate::d \" crate::e";
const F: &str = r#"crate::f " crate::g"#; const H: char = '"'; use crate::h;
#[cfg(test)]
mod tests { use crate::i; }
"##;
    let code = code(text);
    for seen in ["crate::a", "crate::h"] {
        assert!(code.contains(seen), "{seen} in {code}");
    }
    for hidden in ["b", "c", "d", "e", "f", "g", "i"] {
        assert!(!code.contains(&format!("crate::{hidden}")), "{hidden} in {code}");
    }
}
