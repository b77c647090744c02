//! What does a search find, and how well?
//!
//! Contract 10.6: the term is split at white space and every word has to stand, as a substring
//! in any case, in one of the searched fields: the `fts` fields, else every text field. That is
//! what the original's trigram index finds; here the condition is an `ILIKE`, which an index of
//! `pg_trgm` serves where somebody has made one, and which finds the same without. Rank and order
//! come from PostgreSQL's full-text ranking of the same fields; the number is negative and smaller
//! is better, as the original's.

use crate::db::statement::{Bind, Sql};
use crate::error::{Error, Result};
use crate::query::column::DOCUMENT;
use edgebase_blocks::{FieldType, Table, ddl};
use serde_json::Value;

/// The longest term, in bytes.
const MAX_TERM: usize = 1_000;
/// Words of one term.
const MAX_WORDS: usize = 20;

/// A checked search.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    term: String,
    words: Vec<String>,
    marks: (String, String),
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
        let words: Vec<String> = term.split_whitespace().map(str::to_owned).collect();
        if term.contains('\0') || term.len() > MAX_TERM || words.len() > MAX_WORDS {
            return Err(Error::BadRequest(format!(
                "search: at most {MAX_WORDS} words in {MAX_TERM} bytes without NUL characters are allowed."
            )));
        }
        let mark = |given: Option<&str>, default: &str| given.unwrap_or(default).to_owned();
        Ok(Some(Self {
            term: term.to_owned(),
            words,
            marks: (mark(pre, "<mark>"), mark(post, "</mark>")),
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
                sql.push(r#" COLLATE pg_catalog."default" ILIKE "#).bind(Bind::text(pattern(word)));
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

    /// The text with every occurrence of a word between the marks.
    fn mark(&self, text: &str) -> String {
        // Lower-casing can change lengths; positions are kept per character.
        let chars: Vec<char> = text.chars().collect();
        let fold = |c: &char| c.to_lowercase().next().unwrap_or(*c);
        let folded: Vec<char> = chars.iter().map(fold).collect();
        let mut marked = vec![false; chars.len()];
        for word in &self.words {
            let word: Vec<char> = word.chars().map(|c| fold(&c)).collect();
            for (at, window) in folded.windows(word.len()).enumerate() {
                if window == word.as_slice() {
                    marked[at..at + word.len()].fill(true);
                }
            }
        }
        let mut out = String::with_capacity(text.len() + 16);
        let mut inside = false;
        for (c, mark) in chars.iter().zip(marked) {
            if mark != inside {
                out.push_str(if mark { &self.marks.0 } else { &self.marks.1 });
                inside = mark;
            }
            out.push(*c);
        }
        if inside {
            out.push_str(&self.marks.1);
        }
        out
    }
}

/// A pattern for texts that hold the word.
fn pattern(word: &str) -> String {
    let escaped = word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
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
    fn a_word_is_looked_for_as_it_stands() {
        assert_eq!(pattern(r"50%_\"), r"%50\%\_\\%");
    }

    #[test]
    fn an_empty_term_is_no_search_and_a_hostile_one_is_refused() {
        assert_eq!(Search::parse(Some("  "), None, None).unwrap(), None);
        assert!(Search::parse(Some("a\0"), None, None).is_err());
        assert!(Search::parse(Some(&"x ".repeat(30)), None, None).is_err());
    }
}
