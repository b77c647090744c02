//! How deep could this text nest?
//!
//! The parsers behind this module recurse as deep as what they read, and nothing stops them but
//! the end of their stack, which is the end of the process. So the text is measured before any
//! of them sees it. It is not understood here, only counted: whatever nests does so in brackets,
//! or by one token after another (`!!!x`, `a=>b=>c`, `if(1)if(1)x`) with no separator between
//! them. Strings and comments are counted like everything else, so nothing can hide in them.
//!
//! Invariant: a text that passes has at most [`DEEPEST`] brackets and [`LONGEST`] other tokens
//! open at any place. Honest configs have a few dozen.

/// Nested brackets.
const DEEPEST: usize = 200;
/// Tokens of everything that has begun and has not been ended, over all open brackets. Two
/// orders of magnitude beyond what long texts in strings come to, and what the stack of the
/// loading thread holds with room to spare.
const LONGEST: usize = 100_000;

/// What is under way inside one bracket.
#[derive(Clone, Copy, Default)]
struct Level {
    /// Tokens before the bracket.
    before: usize,
    /// Signs `<` since the last `;`: in types they are brackets, which a comma does not end.
    angles: usize,
}

/// The first place nested too deeply, with what to say about it.
pub(super) fn too_deep(text: &str) -> Option<(u32, &'static str)> {
    let mut above = Vec::new();
    let mut level = Level::default();
    let mut tokens = 0;
    let mut in_word = false;
    for (offset, byte) in text.bytes().enumerate() {
        let is_word = byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80;
        tokens += usize::from(!(byte.is_ascii_whitespace() || is_word && in_word));
        in_word = is_word;
        match byte {
            b'(' | b'[' | b'{' => {
                above.push(level);
                level = Level { before: tokens, angles: 0 };
            }
            b')' | b']' | b'}' => {
                if let Some(outer) = above.pop() {
                    // What was in the brackets is over; together they are one token.
                    tokens = level.before;
                    level = outer;
                }
            }
            b';' => {
                tokens = level.before;
                level.angles = 0;
            }
            b',' => tokens = level.before + level.angles,
            b'<' => level.angles += 1,
            _ => {}
        }
        if above.len() > DEEPEST {
            return Some((offset as u32, "brackets are nested too deeply here"));
        }
        if tokens > LONGEST {
            return Some((offset as u32, "this is too long without a separator"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nests_is_refused() {
        for honest in [
            "[1, 2, 3], ".repeat(50_000),
            "const a = b + c;\n".repeat(50_000),
            "f(a, b)(c);".repeat(50_000),
            format!("const text = '{}';", "Y2FuIHlvdSByZWFkIHRoaXM/".repeat(20_000)),
            format!("/* {} */", "A sentence, with words in it. ".repeat(20_000)),
        ] {
            assert_eq!(too_deep(&honest), None, "{}", &honest[..40]);
        }
        for deep in [
            "(".repeat(300),
            "!".repeat(200_000),
            "a=>".repeat(100_000),
            "new ".repeat(150_000),
            "A<1,".repeat(150_000),
            "if(1)".repeat(100_000),
            "({a:!".repeat(150) + &"!".repeat(100_000),
        ] {
            assert!(too_deep(&deep).is_some(), "{}", &deep[..40]);
        }
    }
}
