//! What does a search find, and how well?
//!
//! Contract 10.6: the term is split at white space and every word has to stand, as a substring
//! in any case, in one of the searched fields: the `fts` fields, else every text field. That is
//! what the original's trigram index finds. Rank and order come from PostgreSQL's full-text ranking
//! of the same fields; the number is negative and smaller is better, as the original's.
//!
//! What a search costs is linear in the text that it looks at, whatever the words are. A word is a
//! literal regular expression, which PostgreSQL matches by an automaton; `LIKE` compares the word
//! with every place of the text, and its cost is the product of both lengths. Words are marked by
//! an automaton too, and no further than [`MAX_HIGHLIGHT`].

use crate::db::statement::{Bind, Sql};
use crate::error::{Error, Result};
use crate::query::column::DOCUMENT;
use aho_corasick::AhoCorasick;
use edgebase_blocks::{FieldType, Table, ddl};
use serde_json::Value;

/// The longest term, in bytes.
const MAX_TERM: usize = 1_000;
/// Words of one term.
const MAX_WORDS: usize = 10;
/// The longest mark, in bytes.
const MAX_MARK: usize = 100;
/// Bytes of a highlighted field; what follows is left out, and an ellipsis says so.
pub const MAX_HIGHLIGHT: usize = 64 << 10;

/// A checked search.
#[derive(Clone, Debug)]
pub struct Search {
    term: String,
    /// Without those that others contain, the longest first.
    words: Vec<String>,
    marks: (String, String),
    finder: AhoCorasick,
}

impl Search {
    /// Reads the term; `None` when there is nothing to look for.
    ///
    /// # Errors
    /// 400 when it is too long or cannot be stored anyway.
    pub fn parse(
        term: Option<&str>,
        pre: Option<&str>,
        post: Option<&str>,
    ) -> Result<Option<Self>> {
        let Some(term) = term.map(str::trim).filter(|t| !t.is_empty()) else { return Ok(None) };
        let words: Vec<&str> = term.split_whitespace().collect();
        if term.contains('\0') || term.len() > MAX_TERM || words.len() > MAX_WORDS {
            return Err(Error::BadRequest(format!(
                "search: at most {MAX_WORDS} words in {MAX_TERM} bytes without NUL characters are allowed."
            )));
        }
        let mark = |given: Option<&str>, name: &str, default: &str| match given {
            Some(mark) if mark.len() > MAX_MARK => {
                Err(Error::BadRequest(format!("{name}: at most {MAX_MARK} bytes are allowed.")))
            }
            mark => Ok(mark.unwrap_or(default).to_owned()),
        };
        let words = needed(words);
        let folded = words.iter().map(|word| word.chars().map(fold).collect::<String>());
        Ok(Some(Self {
            term: term.to_owned(),
            marks: (mark(pre, "highlightPre", "<mark>")?, mark(post, "highlightPost", "</mark>")?),
            finder: AhoCorasick::new(folded).map_err(Error::internal)?,
            words,
        }))
    }

    /// Appends the condition with a leading ` AND `.
    pub fn write_condition(&self, sql: &mut Sql, table: &Table) {
        for word in &self.words {
            sql.push(" AND (FALSE");
            for field in columns(table) {
                sql.push(" OR t.").ident(field);
                let is_text = table.column_type(field).is_some_and(FieldType::is_text);
                sql.push(if is_text { "" } else { "::text" });
                // A text column's own collation, "C", knows the letters A to Z only.
                sql.push(r#" COLLATE pg_catalog."default" ~* "#).bind(Bind::text(literal(word)));
            }
            sql.push(")");
        }
    }

    /// Appends the rank: negative, and smaller is better.
    pub fn write_rank(&self, sql: &mut Sql, table: &Table) {
        match ddl::fts_expression(table) {
            Some(vector) => {
                sql.push("(- pg_catalog.ts_rank(").push(&vector);
                sql.push(", pg_catalog.plainto_tsquery('pg_catalog.simple', ")
                    .bind(Bind::text(self.term.clone()));
                sql.push(")) - 0.000001)::double precision");
            }
            None => {
                sql.push("(-1)::double precision");
            }
        }
    }

    /// Adds `rank` and `<field>_highlighted` to a hit.
    pub fn decorate(&self, table: &Table, record: &mut Value, rank: f64) {
        let Value::Object(map) = record else { return };
        for field in searched(table) {
            if let Some(text) = map.get(field).and_then(Value::as_str) {
                let marked = self.mark(text);
                map.insert(format!("{field}_highlighted"), marked.into());
            }
        }
        map.insert("rank".into(), rank.into());
    }

    /// The text with every occurrence of a word between the marks, as far as the bound goes.
    fn mark(&self, text: &str) -> String {
        let text = &text[..text.floor_char_boundary(MAX_HIGHLIGHT + 4)];
        // Lower-casing can change lengths, so each byte knows the character that it comes from.
        let mut folded = String::with_capacity(text.len());
        let mut origin = Vec::with_capacity(text.len());
        for (at, c) in text.char_indices() {
            folded.push(fold(c));
            origin.resize(folded.len(), at);
        }
        origin.push(text.len());
        // Where marked stretches begin and end: +1 and -1 for each occurrence.
        let mut edges = vec![0_i32; text.len() + 1];
        for found in self.finder.find_overlapping_iter(&folded) {
            edges[origin[found.start()]] += 1;
            edges[origin[found.end()]] -= 1;
        }
        let mut out = String::with_capacity(text.len() + 16);
        let mut depth = 0;
        for (at, c) in text.char_indices() {
            let before = depth;
            depth += edges[at];
            match (before > 0, depth > 0) {
                (false, true) => out.push_str(&self.marks.0),
                (true, false) => out.push_str(&self.marks.1),
                _ => {}
            }
            if out.len() + c.len_utf8() > MAX_HIGHLIGHT {
                if depth > 0 {
                    out.push_str(&self.marks.1);
                }
                out.push('…');
                return out;
            }
            out.push(c);
        }
        if depth > 0 {
            out.push_str(&self.marks.1);
        }
        out
    }
}

fn fold(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

/// The words without those that another one contains, the longest first: the rarer a word, the
/// sooner a row is done with.
fn needed(mut words: Vec<&str>) -> Vec<String> {
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let mut needed: Vec<String> = Vec::with_capacity(words.len());
    for word in words {
        if !needed.iter().any(|longer| longer.contains(word)) {
            needed.push(word.to_owned());
        }
    }
    needed
}

/// A regular expression of PostgreSQL for texts that hold the word. PostgreSQL compares each letter
/// of a text once with it; `LIKE` and `strpos` may compare the whole word at each letter.
pub(super) fn literal(word: &str) -> String {
    format!("***={word}")
}

/// The `fts` fields, else every text field.
fn searched(table: &Table) -> Vec<&str> {
    if table.fts.is_empty() {
        table
            .fields
            .iter()
            .flatten()
            .filter(|f| f.kind.is_text())
            .map(|f| f.name.as_str())
            .collect()
    } else {
        table.fts.iter().map(String::as_str).collect()
    }
}

/// The columns behind them.
fn columns(table: &Table) -> Vec<&str> {
    if table.is_schemaless() { vec![DOCUMENT] } else { searched(table) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_marked_wherever_it_stands() {
        let search = Search::parse(Some("fox EAT"), None, None).unwrap().unwrap();
        assert_eq!(search.mark("Foxes eat"), "<mark>Fox</mark>es <mark>eat</mark>");
        assert_eq!(search.mark("nothing"), "nothing");
        assert_eq!(search.mark("éfox"), "é<mark>fox</mark>");
    }

    #[test]
    fn overlapping_words_are_marked_as_one_stretch() {
        let search = Search::parse(Some("aba bab"), Some("["), Some("]")).unwrap().unwrap();
        assert_eq!(search.mark("xababxaba"), "x[abab]x[aba]");
        let search = Search::parse(Some("İ"), Some("["), Some("]")).unwrap().unwrap();
        assert_eq!(search.mark("aİb"), "a[İ]b");
    }

    #[test]
    fn what_is_highlighted_is_bounded_in_time_and_size() {
        let word = "a".repeat(900) + "b";
        let search = Search::parse(Some(&word), None, None).unwrap().unwrap();
        for text in ["a".repeat(50 << 20), "é".repeat(MAX_HIGHLIGHT)] {
            let marked = search.mark(&text);
            assert!(marked.len() <= MAX_HIGHLIGHT + 3 && marked.ends_with('…'));
        }
        let mark = "m".repeat(MAX_MARK);
        let search = Search::parse(Some("a"), Some(&mark), Some(&mark)).unwrap().unwrap();
        let marked = search.mark(&"a ".repeat(MAX_HIGHLIGHT));
        assert!(marked.len() <= MAX_HIGHLIGHT + 2 * MAX_MARK + 3);
        assert!(Search::parse(Some("a"), Some(&(mark + "m")), None).is_err());
    }

    #[test]
    fn a_word_is_looked_for_as_it_stands_and_once() {
        assert_eq!(literal(r"50%_\.*"), r"***=50%_\.*");
        assert_eq!(needed(vec!["fox", "foxes", "eat", "fox"]), ["foxes", "eat"]);
    }

    #[test]
    fn an_empty_term_is_no_search_and_a_hostile_one_is_refused() {
        assert!(Search::parse(Some("  "), None, None).unwrap().is_none());
        assert!(Search::parse(Some("a\0"), None, None).is_err());
        assert!(Search::parse(Some(&"x ".repeat(30)), None, None).is_err());
    }
}
