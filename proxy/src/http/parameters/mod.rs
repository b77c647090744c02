//! Which parameters does each route take, and of which kind are their values?
//!
//! One table for each query string and for each body whose keys are fixed. [`query`] and [`body`]
//! read requests by these tables, and the OpenAPI document is written from them, so neither knows
//! a parameter that the other does not. No parameter may be repeated: which of two values would
//! count is a guess.

pub mod body;
pub mod keys;
pub mod query;

/// Inserts, updates and deletes of one batch, all together (contract 13.1).
pub const MAX_OPERATIONS: usize = 500;
/// Conditions in one filter, so that a statement stays bounded.
pub const MAX_AND: usize = 100;
/// Conditions in one OR group (contract 11).
pub const MAX_OR: usize = 5;
/// Parameters of one SQL statement.
pub const MAX_PARAMS: usize = 10_000;

/// A parameter of a query string.
#[derive(Debug, PartialEq, Eq)]
pub struct Parameter {
    /// As it stands in the query string.
    pub name: &'static str,
    /// Its values.
    pub kind: Kind,
}

/// Which values a query parameter takes.
#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    /// An integer. A lenient one is what `parseInt` makes of the text (contract 10.2).
    Integer {
        /// The least value.
        least: i64,
        /// Whether text may follow the digits, and any number of digits stand.
        lenient: bool,
    },
    /// `true` or `false`. A lenient one is also `1` or `0`.
    Boolean {
        /// Whether digits are taken.
        lenient: bool,
    },
    /// Names separated by commas.
    Names {
        /// How many.
        most: usize,
    },
    /// A JSON array of conditions.
    Conditions,
    /// Any other text.
    Text {
        /// Whether an empty value has a meaning.
        may_be_empty: bool,
    },
}

/// A key of a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Member {
    /// The key.
    pub name: &'static str,
    /// Its values.
    pub shape: Shape,
    /// Whether it has to be there.
    pub required: bool,
}

/// Which values a key of a body takes.
#[derive(Debug, PartialEq, Eq)]
pub enum Shape {
    /// A string.
    Text,
    /// A string that is not empty.
    Id,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// An integer that is not negative, or null.
    Limit,
    /// An object whose keys are the fields of a table.
    Record,
    /// An object with these keys.
    Object(&'static [Member]),
    /// An array of conditions.
    Conditions {
        /// The least number of them.
        least: usize,
        /// The greatest.
        most: usize,
    },
    /// An array of such values.
    List {
        /// Of which shape each is.
        of: &'static Shape,
        /// How many.
        most: usize,
    },
    /// Any JSON.
    Any,
}

const fn text(name: &'static str) -> Parameter {
    Parameter { name, kind: Kind::Text { may_be_empty: false } }
}

const fn possibly_empty(name: &'static str) -> Parameter {
    Parameter { name, kind: Kind::Text { may_be_empty: true } }
}

const fn integer(name: &'static str, least: i64) -> Parameter {
    Parameter { name, kind: Kind::Integer { least, lenient: true } }
}

/// All of these conditions hold.
pub const FILTER: Parameter = Parameter { name: "filter", kind: Kind::Conditions };
/// One of these conditions holds.
pub const OR_FILTER: Parameter = Parameter { name: "orFilter", kind: Kind::Conditions };
/// `field:direction`, the first first.
pub const SORT: Parameter = Parameter { name: "sort", kind: Kind::Names { most: 10 } };
/// The fields to answer.
pub const FIELDS: Parameter = Parameter { name: "fields", kind: Kind::Names { most: 200 } };
/// Rows of a page.
pub const LIMIT: Parameter = integer("limit", 0);
/// Rows to leave out.
pub const OFFSET: Parameter = integer("offset", 0);
/// The number of the page.
pub const PAGE: Parameter = integer("page", 1);
/// Rows of a page where there is no `limit`.
pub const PER_PAGE: Parameter = integer("perPage", 0);
/// A cursor: the page behind it. An empty one is the first page.
pub const AFTER: Parameter = possibly_empty("after");
/// A cursor: the page before it. An empty one is the first page.
pub const BEFORE: Parameter = possibly_empty("before");
/// What to search. An empty term finds nothing on the route of searches, and leaves a list whole.
pub const SEARCH_TERM: Parameter = possibly_empty("search");
/// The same by its name in the original's documentation.
pub const Q: Parameter = possibly_empty("q");
/// Stands before what was found.
pub const HIGHLIGHT_PRE: Parameter = possibly_empty("highlightPre");
/// Stands behind what was found.
pub const HIGHLIGHT_POST: Parameter = possibly_empty("highlightPost");
/// Whether rows are counted.
pub const INCLUDE_TOTAL: Parameter =
    Parameter { name: "includeTotal", kind: Kind::Boolean { lenient: true } };
/// Whether a row that is there is changed.
pub const UPSERT: Parameter = Parameter { name: "upsert", kind: Kind::Boolean { lenient: false } };
/// The unique field by which an upsert finds a row.
pub const CONFLICT_TARGET: Parameter = text("conflictTarget");
/// Instances of a page.
pub const INSTANCE_LIMIT: Parameter =
    Parameter { name: "limit", kind: Kind::Integer { least: 0, lenient: false } };

/// The query of a list.
pub const LIST: &[Parameter] = &[
    FILTER,
    OR_FILTER,
    SORT,
    FIELDS,
    LIMIT,
    OFFSET,
    PAGE,
    PER_PAGE,
    AFTER,
    BEFORE,
    SEARCH_TERM,
    Q,
    INCLUDE_TOTAL,
];
/// The query of a search.
pub const SEARCH: &[Parameter] = &[
    SEARCH_TERM,
    Q,
    FILTER,
    OR_FILTER,
    SORT,
    FIELDS,
    LIMIT,
    OFFSET,
    PAGE,
    PER_PAGE,
    AFTER,
    BEFORE,
    INCLUDE_TOTAL,
    HIGHLIGHT_PRE,
    HIGHLIGHT_POST,
];
/// The query of a count.
pub const COUNT: &[Parameter] = &[FILTER, OR_FILTER];
/// The query of a get.
pub const GET: &[Parameter] = &[FIELDS];
/// The query of an insert and of a batch.
pub const INSERT: &[Parameter] = &[UPSERT, CONFLICT_TARGET];
/// The query of a list of instances.
pub const INSTANCES: &[Parameter] = &[INSTANCE_LIMIT, AFTER];

const fn required(name: &'static str, shape: Shape) -> Member {
    Member { name, shape, required: true }
}

const fn optional(name: &'static str, shape: Shape) -> Member {
    Member { name, shape, required: false }
}

/// The body of a batch.
pub const BATCH: &[Member] = &[
    optional("inserts", Shape::List { of: &Shape::Record, most: MAX_OPERATIONS }),
    optional("updates", Shape::List { of: &Shape::Object(BATCH_UPDATE), most: MAX_OPERATIONS }),
    optional("deletes", Shape::List { of: &Shape::Text, most: MAX_OPERATIONS }),
];
/// One of the updates of a batch.
pub const BATCH_UPDATE: &[Member] = &[required("id", Shape::Id), required("data", Shape::Record)];
/// The body of a batch-by-filter.
pub const BATCH_BY_FILTER: &[Member] = &[
    required("action", Shape::Choice(&["update", "delete"])),
    required("filter", Shape::Conditions { least: 1, most: MAX_AND }),
    optional("orFilter", Shape::Conditions { least: 0, most: MAX_OR }),
    optional("update", Shape::Record),
    optional("limit", Shape::Limit),
];
/// The body of `POST /api/sql`.
pub const SQL: &[Member] = &[
    required("namespace", Shape::Text),
    optional("id", Shape::Text),
    required("sql", Shape::Text),
    optional("params", Shape::List { of: &Shape::Any, most: MAX_PARAMS }),
];
