//! Both ways of matching against an engine that implements ECMAScript, and their bounds.

use super::backtrack::Program;
use super::linear::Automaton;
use super::{Budget, MAX_BACKTRACKED, Pattern, Unanswered, tree};
use proptest::prelude::*;

/// What JavaScript says, of UTF-16 units.
fn expected(pattern: &str, text: &str) -> Option<bool> {
    // The pattern in units as well: given characters, this engine does not take pairs apart.
    let pattern = pattern.encode_utf16().map(u32::from);
    let regex = regress::Regex::from_unicode(pattern, regress::Flags::default()).ok()?;
    let units: Vec<u16> = text.encode_utf16().collect();
    Some(regex.find_from_ucs2(&units, 0).next().is_some())
}

/// Both ways of matching, where the pattern has them.
fn answers(pattern: &str, text: &str) -> Result<(Option<bool>, Option<bool>), String> {
    let (units, tree) = tree::parse(pattern)?;
    let linear = Automaton::compile(&tree, units).ok().map(|a| a.matches(text, units));
    let mut steps = 10_000_000;
    let program = Program::compile(&tree)?;
    Ok((linear, program.search(&units.of(text), &mut steps)))
}

fn agree(pattern: &str, text: &str) {
    let Some(expected) = expected(pattern, text) else { return };
    let (linear, stepwise) = answers(pattern, text).expect(pattern);
    assert!(linear.is_none_or(|found| found == expected), "linear: /{pattern}/ in {text:?}");
    assert_eq!(stepwise, Some(expected), "stepwise: /{pattern}/ in {text:?}");
}

#[test]
fn patterns_mean_what_javascript_means() {
    let patterns = [
        "^.$",
        "^..$",
        "^[😀]$",
        "^[^a]$",
        r"\ud83d",
        r"^[\ud83d]",
        r"^\S+$",
        r"^\s+$",
        r"^\w+$",
        r"^\W+$",
        r"^\d+$",
        r"^\D+$",
        r"\bé",
        r"\Bé",
        r"é\b",
        r"a\B",
        "a$",
        "^a",
        "a|^b|c$",
        "",
        r"^\p{L}$",
        r"\x61",
        r"\0",
        r"\cA",
        r"[\b]",
        r"\1(a)",
        r"(a)\1",
        r"(?:(a)|b)*\1$",
        r"(?<x>a)\k<x>",
        r"\k<x>",
        "(?=a)a",
        "(?!a).",
        "(?<=a)b",
        "(?<!a)b",
        r"(?<=(\w)\1)b",
        "a{2}",
        "a{,2}",
        "{",
        "]",
        "a{1,2}?$",
        "(a*)*b",
        "(?:a?){3}$",
        "((a)|b)+$",
        r"^(?:(?=(a))a)*\1$",
        "[]",
        "[^]",
        r"[\d-x]",
        r"[a-\uffff]",
        r"^[\s\S]{2}$",
        r"\7",
        r"(?!(a))b\1",
        r"a(?=b*)*c",
        r"\/",
        "/",
        "(?<=^a+)b",
        r"(?<=\1(a))b",
        "(?:)",
        "()",
        "a\nb",
        r"[\w-a]",
        r"^[^\W_]+$",
    ];
    let texts = [
        "",
        "a",
        "b",
        "aa",
        "ab",
        "aab",
        "abab",
        "A",
        "1",
        "_",
        " ",
        "\n",
        "\r",
        "\u{2028}",
        "é",
        "éa",
        "aé",
        "😀",
        "😀a",
        "\u{feff}",
        "\u{a0}",
        "\u{85}",
        "\u{180e}",
        "\u{d7ff}",
        "\u{e000}",
        "\u{ffff}",
        "\u{10d83d}",
        "p{L}",
        "u{61}",
        "uuu",
        "\u{0}",
        "\u{1}",
        "\u{8}",
        "k<x>",
        "{",
        "]",
        "a{,2}",
        "-x",
        "x",
        "/",
        "aac",
        "ac",
        "٣",
        "ſ",
        "K",
        "a\nb",
        "\u{7}",
    ];
    for pattern in patterns {
        for text in texts {
            agree(pattern, text);
        }
    }
    // Without the flag `u` this is sixty-one letters, which the other engine has otherwise.
    let letters = Pattern::get(r"^\u{61}$").unwrap();
    assert_eq!(letters.matches(&"u".repeat(61), &Budget::default()), Ok(true));
    assert_eq!(letters.matches("a", &Budget::default()), Ok(false));
}

fn atom() -> impl Strategy<Value = String> {
    let fixed = [
        "a",
        "b",
        "é",
        "😀",
        ".",
        r"\d",
        r"\w",
        r"\W",
        r"\s",
        r"\S",
        "[ab]",
        "[^a]",
        "[^😀]",
        "[a-c1]",
        r"[\w😀]",
        "^",
        "$",
        r"\b",
        r"\B",
        r"\ude00",
        r"[\ud83d]",
        r"\.",
        " ",
    ];
    proptest::sample::select(fixed.to_vec()).prop_map(str::to_owned)
}

fn pattern() -> impl Strategy<Value = String> {
    atom().prop_recursive(4, 12, 3, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            4 => pair.clone().prop_map(|(a, b)| format!("{a}{b}")),
            2 => pair.clone().prop_map(|(a, b)| format!("(?:{a}|{b})")),
            1 => pair.prop_map(|(a, b)| format!("(?<g>{a}){b}\\k<g>")),
            2 => inner.clone().prop_map(|a| format!("({a})")),
            2 => (inner.clone(), proptest::sample::select(vec!["*", "+", "?", "*?", "{2}", "{0,2}", "{1,}?"]))
                .prop_map(|(a, q)| format!("(?:{a}){q}")),
            1 => (inner.clone(), proptest::sample::select(vec!["=", "!", "<=", "<!"]))
                .prop_map(|(a, look)| format!("(?{look}{a})")),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    let letters =
        vec!['a', 'b', 'c', '1', '_', ' ', '.', '\n', 'é', '😀', '\u{2028}', '\u{10d83d}'];
    proptest::collection::vec(proptest::sample::select(letters), 0..7)
        .prop_map(|letters| letters.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]
    #[test]
    fn generated_patterns_mean_what_javascript_means(pattern in pattern(), text in text()) {
        // The other engine looks at the last of several groups of one name only.
        if pattern.matches("(?<g>").count() < 2 {
            agree(&pattern, &text);
        }
    }
}

#[test]
fn what_is_regular_takes_one_look_at_each_byte() {
    let budget = Budget::default();
    for (pattern, text) in [
        (r"^([a-z0-9]+[._-]?)+@example\.com$", "a".repeat(1 << 20)),
        ("^(a+)+$", "a".repeat(1 << 20) + "!"),
        ("[^@ ]+@[^@ ]+", "a".repeat(1 << 20)),
        (r"^(\w+\s?)*$", "a ".repeat(1 << 19) + "!"),
    ] {
        let compiled = Pattern::get(pattern).unwrap();
        assert_eq!(compiled.backtracks(), None, "{pattern}");
        assert_eq!(compiled.matches(&text, &budget), Ok(false), "{pattern}");
    }
}

#[test]
fn what_is_not_has_a_budget_for_the_text_and_for_the_request() {
    let explosive = Pattern::get("^(?=(a+)+$)").unwrap();
    assert!(explosive.backtracks().is_some());
    let budget = Budget::default();
    let text = "a".repeat(60) + "!";
    for _ in 0..10 {
        assert_eq!(explosive.matches(&text, &budget), Err(Unanswered::TooMuchWork));
    }
    // A request that has used its budget up gets no answer for any text, another one does.
    assert_eq!(explosive.matches("aaa", &budget), Err(Unanswered::TooMuchWork));
    assert_eq!(explosive.matches("aaa", &Budget::default()), Ok(true));
    let long = "a".repeat(MAX_BACKTRACKED + 1);
    assert_eq!(explosive.matches(&long, &Budget::default()), Err(Unanswered::TooLong));
}

#[test]
fn a_pattern_cannot_be_too_large_to_compile() {
    for pattern in ["(?:a{1000}){1000}", "(a|b)*a(a|b){40}", "a{4294967295}", "(?:){4294967295}"] {
        // Either way of matching, or a message; in bounded time and memory.
        drop(Pattern::get(pattern));
    }
    assert!(Pattern::get("(?!x)(?:a{1000}){1000}").is_err());
    let automaton_too_large = Pattern::get("(a|b)*a(a|b){40}$").unwrap();
    assert!(automaton_too_large.backtracks().is_some());
    let text = "ba".repeat(50);
    assert_eq!(automaton_too_large.matches(&text, &Budget::default()), Ok(true));
}

#[test]
fn what_is_no_pattern_is_refused_with_a_reason() {
    for pattern in ["(", "[b-a]", "a**", "(?i:a)", r"(?<x>a)\k<y>"] {
        assert!(Pattern::get(pattern).is_err(), "{pattern}");
    }
}
