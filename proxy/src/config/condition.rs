//! What of a field's `check` would PostgreSQL refuse, as its text tells?
//!
//! Quotes, brackets, where operands and operators stand, unknown columns, what no check may have
//! (subqueries, aggregates, parameters), and arithmetic that gives no truth. Whatever is named here
//! PostgreSQL refuses; what functions and operators there are and which types they take, only a
//! database knows.

use super::{functions, grammar};
use crate::db::sql_token::{Token, tokens};
use edgebase_blocks::{FieldType, Table, ddl};

/// Words of the grammar of expressions that are no columns, whatever follows them.
const KEYWORDS: &str = " all and any array as asymmetric at between bigint bit boolean both by case \
    cast char character coalesce collate current_catalog current_date current_role current_schema \
    current_time current_timestamp current_user day dec decimal default distinct document double else end \
    escape except exists extract false filter float for from greatest group hour ilike in inout int integer \
    intersect interval is isnull json key keys leading least like local localtime localtimestamp minute \
    month national nchar nfc nfd nfkc nfkd normalize normalized not notnull null nullif numeric object \
    of on operator or order over overlaps overlay placing position precision real row scalar second \
    select session_user setof similar smallint some strict substring symmetric system_user then time \
    timestamp to trailing treat trim true union unique unknown user using value values varchar variadic \
    varying when where with within without year zone ";
/// Words after which an operand follows.
const EXPECTING: &str =
    " and or not is in like ilike between from similar when then else case collate escape ";
/// Operators that stand between two operands only.
const BINARY: [&str; 12] = ["=", "<", ">", "<=", ">=", "<>", "!=", "*", "/", "%", "^", "||"];
/// Operators that give no truth.
const ARITHMETIC: [&str; 7] = ["+", "-", "*", "/", "%", "^", "||"];
/// What is said of a condition that gives another value.
const NO_TRUTH: &str = "it gives a value that is neither true nor false";

fn has(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|other| other == word)
}

/// What is wrong with a condition on the rows of a table.
#[must_use]
pub fn mistake(sql: &str, table: &Table) -> Option<String> {
    let tokens = match tokens(sql) {
        Ok(tokens) => tokens,
        Err(reason) => return Some(reason.into()),
    };
    if sql.contains('\0') {
        return Some("it has a NUL character".into());
    }
    let columns: Vec<String> = ddl::columns(table).into_iter().map(|c| c.name).collect();
    let condition = Condition { tokens: &tokens, table, columns };
    condition
        .misplaced()
        .or_else(|| grammar::foreign(condition.tokens, is_keyword))
        .or_else(|| condition.forbidden())
        .or_else(|| condition.unknown())
        .or_else(|| condition.untrue())
        .or_else(|| grammar::is_no_boolean(sql).then(|| NO_TRUTH.to_owned()))
}

struct Condition<'t> {
    tokens: &'t [Token<'t>],
    table: &'t Table,
    columns: Vec<String>,
}

/// A name as PostgreSQL reads it.
fn folded(token: &Token<'_>) -> Option<String> {
    match token {
        Token::Word(word) => Some(word.to_ascii_lowercase()),
        Token::Name(name) => Some(name[1..name.len() - 1].replace("\"\"", "\"")),
        _ => None,
    }
}

fn is_keyword(token: &Token<'_>) -> bool {
    matches!(token, Token::Word(word) if has(KEYWORDS, &word.to_lowercase()))
}

/// Whether an operand has to follow.
fn expects(token: &Token<'_>) -> bool {
    match token {
        Token::Operator(_) => true,
        Token::Word(word) => has(EXPECTING, &word.to_lowercase()),
        _ => false,
    }
}

/// Whether it cannot stand where an operand begins.
fn continues(token: &Token<'_>) -> bool {
    match token {
        Token::Operator(operator) => BINARY.contains(operator),
        Token::Word(word) => matches!(
            word.to_lowercase().as_str(),
            "and" | "or" | "is" | "in" | "like" | "ilike" | "between" | "collate"
        ),
        _ => false,
    }
}

impl Condition<'_> {
    fn at(&self, i: usize) -> Option<&Token<'_>> {
        self.tokens.get(i)
    }

    fn before(&self, i: usize) -> Option<&Token<'_>> {
        i.checked_sub(1).and_then(|i| self.at(i))
    }

    /// Whether the token is the name of a type, a collation or a part of a longer name, and so no
    /// column whatever it says.
    fn is_elsewhere(&self, i: usize) -> bool {
        let follows = match self.before(i) {
            Some(Token::Operator("::") | Token::Mark('.')) => true,
            Some(Token::Word(word)) => {
                matches!(word.to_lowercase().as_str(), "as" | "collate" | "extract")
            }
            // `extract(epoch from a)`
            Some(Token::Mark('(')) => matches!(
                i.checked_sub(2).and_then(|i| self.at(i)),
                Some(Token::Word(word)) if word.eq_ignore_ascii_case("extract")
            ),
            _ => false,
        };
        let leads = matches!(
            self.at(i + 1),
            Some(Token::Mark('(' | '.') | Token::Text | Token::Operator("=>" | ":="))
        );
        follows || leads
    }

    /// Brackets, and where operands and operators stand.
    fn misplaced(&self) -> Option<String> {
        let mut open = Vec::new();
        if self.tokens.is_empty() {
            return Some("it is empty".into());
        }
        for (i, token) in self.tokens.iter().enumerate() {
            match token {
                Token::Mark(c @ ('(' | '[')) => open.push(*c),
                Token::Mark(c @ (')' | ']')) => {
                    let wanted = if *c == ')' { '(' } else { '[' };
                    if open.pop() != Some(wanted) {
                        return Some(format!("'{c}' closes nothing"));
                    }
                }
                Token::Mark(',') if open.is_empty() => {
                    return Some("a comma stands between conditions; join them by AND".into());
                }
                Token::Mark(';') => return Some("it is more than one expression".into()),
                _ => {}
            }
            let is_star =
                token == &Token::Operator("*") && self.at(i + 1) == Some(&Token::Mark(')'));
            let begins = match self.before(i) {
                None | Some(Token::Mark('(' | '[' | ',')) => true,
                Some(Token::Word(word)) if word.eq_ignore_ascii_case("not") => {
                    matches!(token, Token::Operator(_))
                }
                Some(before) => expects(before) && !matches!(before, Token::Word(_)),
            };
            if begins && continues(token) && !is_star && !self.is_in_operator(i) {
                return Some(format!("an operand is missing before '{}'", self.text(i)));
            }
            let ends = match self.at(i + 1) {
                None | Some(Token::Mark(')' | ']' | ',')) => true,
                Some(Token::Word(word)) => {
                    matches!(word.to_lowercase().as_str(), "and" | "or" | "then" | "else" | "end")
                }
                _ => false,
            };
            if ends && expects(token) && !is_star && !self.is_in_operator(i) {
                return Some(format!("an operand is missing after '{}'", self.text(i)));
            }
            if self.is_operand(i) && self.is_operand(i + 1) {
                let (first, second) = (self.text(i), self.text(i + 1));
                return Some(format!("an operator is missing between '{first}' and '{second}'"));
            }
        }
        (!open.is_empty()).then(|| "a bracket is not closed".into())
    }

    /// Whether the token stands within `OPERATOR(pg_catalog.=)`.
    fn is_in_operator(&self, i: usize) -> bool {
        let within = self.tokens[..i].iter().rev().take(4);
        within
            .into_iter()
            .any(|t| matches!(t, Token::Word(w) if w.eq_ignore_ascii_case("operator")))
    }

    /// Whether the token is a whole operand, or the beginning of one.
    fn is_operand(&self, i: usize) -> bool {
        match self.at(i) {
            Some(Token::Number(_)) => true,
            Some(token @ (Token::Name(_) | Token::Word(_))) => {
                !is_keyword(token) && !self.is_elsewhere(i)
            }
            _ => false,
        }
    }

    /// The name of the function that is called here, if it is one that no request may call.
    fn outlives(&self, i: usize) -> Option<String> {
        if self.at(i + 1) != Some(&Token::Mark('(')) {
            return None;
        }
        let is_of_another = i >= 2
            && self.before(i) == Some(&Token::Mark('.'))
            && self.at(i - 2).and_then(folded).is_none_or(|schema| schema != "pg_catalog");
        let name = folded(self.at(i)?).filter(|_| !is_of_another)?;
        functions::outlives(&name).then_some(name)
    }

    /// What no check may have.
    fn forbidden(&self) -> Option<String> {
        self.tokens.iter().enumerate().find_map(|(i, token)| match token {
            Token::Parameter(text) => Some(format!("it has a parameter, {text}")),
            Token::Word(_) | Token::Name(_) if self.outlives(i).is_some() => {
                let name = self.outlives(i).unwrap_or_default();
                Some(format!(
                    "it calls {name}(), which no request may, so no record could be stored"
                ))
            }
            Token::Word(word) => {
                let word = word.to_lowercase();
                let is_called = self.at(i + 1) == Some(&Token::Mark('('));
                let is_qualified = self.before(i) == Some(&Token::Mark('.'));
                if word == "select" || (word == "over" && is_called) {
                    Some(format!("a check sees one row, and has no {}", word.to_uppercase()))
                } else if is_called && !is_qualified && functions::is_over_rows(&word) {
                    Some(format!("a check sees one row, and {word}() is about several"))
                } else {
                    None
                }
            }
            _ => None,
        })
    }

    /// Names that are no columns and can be nothing else.
    fn unknown(&self) -> Option<String> {
        (0..self.tokens.len()).filter(|i| self.is_operand(*i)).find_map(|i| {
            let name = folded(&self.tokens[i])?;
            let is_known = self.columns.contains(&name)
                || name == self.table.name
                || name == "tableoid";
            if is_known {
                return None;
            }
            let meant = self.columns.iter().find(|c| c.to_lowercase() == name.to_lowercase());
            Some(match meant {
                Some(meant) => format!(
                    "'{}' is no column; write \"{}\", since PostgreSQL reads names without quotes in lower case",
                    self.text(i),
                    meant.replace('"', "\"\"")
                ),
                None => format!("'{}' is no column of the table", self.text(i)),
            })
        })
    }

    /// An expression that is calculated, or one value that is neither true nor false.
    fn untrue(&self) -> Option<String> {
        let mut tokens = self.tokens;
        while let [Token::Mark('('), inner @ .., Token::Mark(')')] = tokens
            && grammar::closes_at_end(inner)
        {
            tokens = inner;
        }
        let no_truth = || Some(NO_TRUTH.to_owned());
        if let [token] = tokens {
            let column = folded(token).filter(|_| !is_keyword(token));
            let kind = column.and_then(|name| self.table.column_type(&name));
            let is_value = kind.is_some_and(|kind| kind != FieldType::Boolean);
            return if is_value || matches!(token, Token::Number(_)) { no_truth() } else { None };
        }
        let mut depth = 0;
        let mut calculates = false;
        for token in tokens {
            match token {
                Token::Mark('(' | '[') => depth += 1,
                Token::Mark(')' | ']') => depth -= 1,
                _ if depth > 0 => {}
                Token::Operator(operator) if ARITHMETIC.contains(operator) => calculates = true,
                Token::Operator(_) => return None,
                Token::Word(_) if is_keyword(token) => return None,
                _ => {}
            }
        }
        if calculates { no_truth() } else { None }
    }

    fn text(&self, i: usize) -> String {
        match self.at(i) {
            Some(
                Token::Word(text)
                | Token::Name(text)
                | Token::Number(text)
                | Token::Parameter(text)
                | Token::Operator(text),
            ) => (*text).to_owned(),
            Some(Token::Mark(c)) => c.to_string(),
            Some(Token::Text) => "a text".into(),
            None => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(sql: &str) -> Option<String> {
        let config = json!({"databases": {"app": {"tables": {"t": {"schema": {
            "a": "number", "b": "number", "on": "boolean", "name": "string", "ownerId": "string",
            "Mixed Case": "string", "sp\"ecial": "text", "😀": "json", "at": "datetime", "tags": "json",
            "value": "number"
        }}}}}});
        let blocks = edgebase_blocks::StoredBlock::all_from_json(&config).unwrap();
        mistake(sql, &blocks[0].tables[0])
    }

    #[test]
    fn conditions_that_postgresql_takes_are_taken() {
        for sql in [
            "a > 0",
            "a>-1",
            "a > -b AND NOT \"on\"",
            "\"on\"",
            "true",
            "(a > 0)",
            "((a)) = (b)",
            "a BETWEEN 1 AND 10",
            "a BETWEEN SYMMETRIC b AND 10",
            "a IN (1, 2, -3)",
            "a = ANY ('{1,2}'::float8[])",
            "a = ANY (ARRAY[1, 2])",
            "name ~ '^a' OR name !~* 'b$'",
            "name ILIKE 'a%' ESCAPE '\\'",
            "\"Mixed Case\" <> ''",
            "\"sp\"\"ecial\" IS NOT NULL",
            "\"😀\" ? 'k' AND 😀 ->> 'k' = 'v'",
            "length(name) < 10 -- comment",
            "/* a */ a = 1",
            "char_length(t.name) < 3 AND t IS NOT NULL",
            "\"createdAt\" <= \"updatedAt\"",
            "extract(epoch FROM at) > 0",
            "at > timestamptz '2020-01-01' + interval '1 day'",
            "at AT TIME ZONE 'UTC' > date '2020-01-01'",
            "date_part('year', at) = 2024",
            "CASE WHEN a > 0 THEN b < 0 ELSE true END",
            "a IS DISTINCT FROM b",
            "(a + 1) * 2 > b % 3",
            "a::int = a",
            "CAST(a AS double precision) = a",
            "a::double precision > 0",
            "name COLLATE \"C\" > 'a'",
            "name = $$it's$$ || E'\\n'",
            "coalesce(a, 0) >= 0",
            "a OPERATOR(pg_catalog.=) b",
            "pg_catalog.length(name) > 0",
            "jsonb_typeof(tags) = 'array'",
            "tags @> '[1]'",
            "(tags -> 'a')::text <> 'null'",
            "a > 0\n",
            "A > 0",
            "@ a > 1",
            "-a < 1",
            "NOT -a > 1",
            "a <> ALL (ARRAY[1,2]::float8[])",
            "value > 1",
            "octet_length(name) > 0",
            "isfinite(at)",
            "num_nonnulls(a, b) = 1",
            "name IS NFC NORMALIZED",
            "position('a' in name) > 0",
            "substring(name from 1 for 2) = 'ab'",
            "trim(both 'x' from name) <> ''",
            "overlay(name placing 'x' from 1) <> name",
            "null",
            "make_interval(days => 1) > interval '1 hour'",
            "row(a, b) = row(b, a)",
            "tableoid IS NOT NULL",
            "(at, at) OVERLAPS (at, at)",
            "name SIMILAR TO 'a|b'",
            "a IS NULL AND b IS NOT NULL",
            "a ISNULL OR b NOTNULL",
            "on IS TRUE".replace("on", "\"on\"").as_str(),
            "a not in (1)",
            "a not between 1 and 2",
            "name not like 'a'",
            "upper(name)::text = name",
            "'t'",
            "1 < a + 2",
            "(a < b) = (b < a)",
            "a < 1 OR b = 2 AND a > 3",
            "CASE WHEN a = 1 THEN b = 2 WHEN a < 3 THEN true END",
            "CASE a = 1 WHEN b = 2 THEN true END",
            "a BETWEEN (b) AND abs(a) AND b BETWEEN 1 AND 2",
            "(array[1,2,3])[1:2] = array[1,2]",
            "a IN (1) AND (b) IN (2, 3)",
            "name IS NOT NFKC NORMALIZED",
            "(a = 1) IS NOT UNKNOWN",
            "a IS NOT DISTINCT FROM 5",
            "a = 1 IS TRUE",
            "' TRUE '",
            "'of'",
            "tags ? 'a' AND tags ?| array['a']",
            "make_interval(days => 1) < make_interval(secs => 2)",
        ] {
            assert_eq!(of(sql), None, "{sql}");
        }
    }

    #[test]
    fn what_postgresql_refuses_whatever_the_database_is_refused() {
        for (sql, words) in [
            ("", "empty"),
            (" -- nothing", "empty"),
            ("a >", "missing after '>'"),
            ("> a", "missing before"),
            ("a > AND b > 1", "missing after '>'"),
            ("a > 0 AND", "missing after 'AND'"),
            ("(a > ) OR true", "missing after '>'"),
            ("a > * b", "before '*'"),
            ("AND a > 1", "before 'AND'"),
            ("a b", "operator is missing"),
            ("a > 1 b < 2", "between '1' and 'b'"),
            ("a 1 > 0", "between"),
            ("a > 0, b > 0", "comma"),
            ("a > 0; DROP TABLE t", "more than one"),
            ("a > 0)", "closes nothing"),
            ("true)); DROP SCHEMA x; SELECT ((1", "closes nothing"),
            ("((a > 0)", "not closed"),
            ("a = b[1)", "closes nothing"),
            ("name = 'a", "does not end"),
            ("\"a > 1", "does not end"),
            ("a > 1 /* b", "does not end"),
            ("a = $1", "parameter"),
            ("EXISTS (SELECT 1)", "no SELECT"),
            ("a = (select max(a) from t)", "no SELECT"),
            ("count(*) > 1", "count()"),
            ("SUM(a) > 1", "sum()"),
            ("a > 0 and bool_or(\"on\")", "bool_or()"),
            ("row_number() OVER () > 1", "one row"),
            ("generate_series(1, 2) > 1", "about several"),
            ("nosuch > 1", "'nosuch' is no column"),
            ("length(\"nosuch\") > 1", "is no column"),
            ("ownerId <> ''", "write \"ownerId\""),
            ("createdAt > at", "write \"createdAt\""),
            ("\"A\" > 1", "is no column"),
            ("xmin > 1", "is no column"),
            ("a + 1", "neither true nor false"),
            ("name || 'a'", "neither"),
            ("a IS", "missing after"),
            ("a", "neither"),
            ("((1))", "neither"),
            ("tags", "neither"),
            ("a = '\0'", "NUL"),
            ("a between 1", "one bound"),
            ("a NOT BETWEEN 1", "one bound"),
            ("(a between 1) and b > 2", "one bound"),
            ("a between abs(1 and 2)", "one bound"),
            ("a in ()", "empty list"),
            ("a NOT IN ( )", "empty list"),
            ("a is not 5", "IS takes"),
            ("a is 'x'", "IS takes"),
            ("a IS b", "IS takes"),
            ("a is (null)", "IS takes"),
            ("a > default", "DEFAULT"),
            ("a => 1", "write '>='"),
            ("a > 1 && a < 5", "in a chain"),
            ("a > 1 || b < 5", "in a chain"),
            ("1 < a < 5", "in a chain"),
            ("a == 1", "no '=='; write ="),
            ("a === 1", "no '==='; write ="),
            ("a !== 1", "no '!=='; write <>"),
            ("!\"on\"", "no '!'; write NOT"),
            ("a > 1 AND ! \"on\"", "no '!'; write NOT"),
            ("set_config('a.b', name, false) is not null", "set_config()"),
            ("pg_catalog.SET_CONFIG('a.b', name, false) is not null", "set_config()"),
            ("pg_advisory_lock(1) is null", "pg_advisory_lock()"),
            ("pg_notify('a', name) is null", "pg_notify()"),
            ("lo_create(0) > 0", "lo_create()"),
            ("\"setseed\"(1) is null", "setseed()"),
            ("(a = b = 1)", "in a chain"),
            ("a > 1 ? true : false", "CASE WHEN"),
            ("'abc'", "neither"),
            ("'tru e'", "neither"),
            ("''", "neither"),
        ] {
            let found = of(sql);
            assert!(found.as_ref().is_some_and(|f| f.contains(words)), "{sql}: {found:?}");
        }
    }
}
