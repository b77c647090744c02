//! Where in a row does a value stand, and what can it be?
//!
//! A row's fields are columns of a type, or keys of one JSON document; below a JSON value stand
//! its keys and elements. What a column of a type can hold is what rules see of it, which is the
//! row as JSON: a timestamp is text, and so is a number that a double cannot hold.

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Text.
    Text,
    /// Double precision; `NaN` and the infinities are seen as text of that name.
    Number,
    /// True or false.
    Boolean,
    /// A timestamp, seen as `YYYY-MM-DDTHH:MM:SS.mmmZ`; the infinite ones are seen as null.
    Datetime,
    /// Any JSON value.
    Json,
}

/// The columns of a row that rules see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// Columns by name.
    pub typed: Vec<(Box<str>, ColumnType)>,
    /// Whether every other name is a key of the row's document.
    pub document: bool,
}

impl Columns {
    /// The place of a field; `None` where there is none.
    pub(super) fn place(&self, name: &str) -> Option<Place> {
        if let Some((name, kind)) = self.typed.iter().find(|(n, _)| **n == *name) {
            return Some(Place { root: Root::Column(name.clone(), *kind), path: Vec::new() });
        }
        self.document.then(|| Place { root: Root::Document, path: vec![name.into()] })
    }
}

/// Where a place begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Root {
    /// A column.
    Column(Box<str>, ColumnType),
    /// The document of a row without columns; a key follows.
    Document,
    /// The element that a `Predicate::First` looks at; 0 is the outermost.
    Item(usize),
}

/// A value of a row: the one that the keys lead to, from the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where it begins.
    pub root: Root,
    /// Keys of objects.
    pub path: Vec<Box<str>>,
}

impl Place {
    /// Whether it stands in JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        !matches!(&self.root, Root::Column(_, kind) if *kind != ColumnType::Json)
    }

    /// The column it is, if it is one of a type other than JSON.
    #[must_use]
    pub fn column_type(&self) -> Option<ColumnType> {
        match &self.root {
            Root::Column(_, kind) if *kind != ColumnType::Json => Some(*kind),
            _ => None,
        }
    }

    /// A key of the object that stands here.
    pub(super) fn key(&self, name: &str) -> Self {
        let mut path = self.path.clone();
        path.push(name.into());
        Self { root: self.root.clone(), path }
    }

    /// Whether it stands below `outer`.
    pub(super) fn is_inside(&self, outer: &Self) -> bool {
        self.root == outer.root
            && self.path.len() > outer.path.len()
            && self.path.starts_with(&outer.path)
    }

    /// The kinds of value that can stand here.
    #[must_use]
    pub fn kinds(&self) -> Kinds {
        match &self.root {
            Root::Column(_, ColumnType::Text | ColumnType::Datetime) => Kinds::NULL | Kinds::STRING,
            Root::Column(_, ColumnType::Number) => Kinds::NULL | Kinds::NUMBER | Kinds::STRING,
            Root::Column(_, ColumnType::Boolean) => Kinds::NULL | Kinds::BOOL,
            Root::Column(_, ColumnType::Json) | Root::Item(_) if self.path.is_empty() => {
                Kinds::ALL.without(Kinds::ABSENT)
            }
            Root::Column(_, ColumnType::Json) | Root::Document | Root::Item(_) => Kinds::ALL,
        }
    }
}

/// A set of kinds of JSON value; `undefined` is a kind of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// No kind.
    pub const NONE: Self = Self(0);
    /// Not there: `undefined`.
    pub const ABSENT: Self = Self(1);
    /// `null`
    pub const NULL: Self = Self(2);
    /// A boolean.
    pub const BOOL: Self = Self(4);
    /// A number.
    pub const NUMBER: Self = Self(8);
    /// A string.
    pub const STRING: Self = Self(16);
    /// An array.
    pub const ARRAY: Self = Self(32);
    /// An object.
    pub const OBJECT: Self = Self(64);
    /// Every kind.
    pub const ALL: Self = Self(127);
    /// Those of which a property read throws.
    pub const NULLISH: Self = Self(3);

    /// Whether all of these are among them.
    #[must_use]
    pub fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Whether any of these is among them.
    #[must_use]
    pub fn meets(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Those that are not among `others`.
    #[must_use]
    pub fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Those in both.
    #[must_use]
    pub fn common(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl std::ops::BitOr for Kinds {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
