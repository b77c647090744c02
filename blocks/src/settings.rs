//! Which settings of PostgreSQL change what a value looks like, or what a text means?
//!
//! An operator may set them for a database or a role, for clients of his own. What EdgeBase writes
//! and reads must not depend on them: a number rounded on its way out would be stored rounded by the
//! next change. So each of its ways into the database pins all of them: the connections of a proxy,
//! whatever runs as the owner of instances, and exports (whose declaration repeats the first list).
//!
//! Not pinned is what an operator decides: time limits, isolation from his maintenance
//! (`default_transaction_read_only`), costs of plans, storage, logging; and what only a function
//! asks for by whose name one means it (`default_text_search_config`).

/// A setting and its value.
pub type Setting = (&'static str, &'static str);

/// How values are written.
pub const OUTPUT: &[Setting] = &[
    ("bytea_output", "hex"),
    ("datestyle", "ISO, YMD"),
    // More than 0: the shortest text that is the same number.
    ("extra_float_digits", "1"),
    ("intervalstyle", "postgres"),
    ("lc_monetary", "C"),
    ("lc_numeric", "C"),
    ("lc_time", "C"),
    ("quote_all_identifiers", "off"),
    ("timezone", "UTC"),
    ("xmlbinary", "base64"),
];

/// How texts are read, and which rows a condition finds.
pub const INPUT: &[Setting] = &[
    ("array_nulls", "on"),
    ("backslash_quote", "safe_encoding"),
    // Above 0 an index gives some of the rows that it finds.
    ("gin_fuzzy_search_limit", "0"),
    ("standard_conforming_strings", "on"),
    ("timezone_abbreviations", "Default"),
    ("transform_null_equals", "off"),
    ("xmloption", "content"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_unique() {
        for list in [OUTPUT, INPUT] {
            assert!(list.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
        assert!(OUTPUT.iter().all(|(name, _)| INPUT.iter().all(|(other, _)| name != other)));
    }
}
