//! Which schemas are there that look like an instance's, and that the registry does not know?
//!
//! A schema may have come back from a backup, have been left by a registry that is lost, or be the
//! schema of a living instance that was renamed: then that instance's role may use it, and it is
//! no other instance's, whatever its name says. While a schema is there that is an instance's by its name, no
//! second instance of that key is made: it would be empty, and in the way.

use crate::error::Error;
use crate::identity::role_prefix;
use crate::instance::{MARK, SET_ASIDE};
use crate::lock;
use crate::spi;
use edgebase_blocks::InstanceKey;
use edgebase_blocks::name;
use edgebase_blocks::quote::ident;
use serde::Deserialize;

/// What to do about a schema that can be adopted.
pub const ADOPT: &str = "SELECT * FROM edgebase.adopt()";

/// A schema that the registry does not know.
#[derive(Debug, Deserialize)]
pub struct Stray {
    /// Its name.
    pub schema: String,
    comment: Option<String>,
    owner: String,
    ours: bool,
    other: Option<String>,
    home: Option<String>,
    lost: bool,
}

impl Stray {
    /// The instance that it is, by its comment or its name.
    pub fn key(&self) -> Option<InstanceKey> {
        let key = self.marked().unwrap_or(&self.schema);
        match key.split_once(':') {
            Some((namespace, id)) => InstanceKey::new(namespace, Some(id)).ok(),
            None => InstanceKey::new(key, None).ok(),
        }
    }

    /// The key that its comment names.
    fn marked(&self) -> Option<&str> {
        self.comment.as_deref()?.strip_prefix(MARK)
    }

    /// Whether a restored one has taken its place.
    pub fn is_set_aside(&self) -> bool {
        self.comment.as_deref().is_some_and(|comment| comment.starts_with(SET_ASIDE))
    }

    /// Whether it is the schema of an instance that is not there under its own name.
    pub fn is_renamed(&self) -> bool {
        self.other.is_some() && self.lost
    }

    /// Why it cannot be adopted as what its name or comment says, whatever it consists of, and what to
    /// do about that.
    pub fn objection(&self) -> Option<(String, String)> {
        let schema = ident(&self.schema);
        let home = self.home.as_deref().map(ident).unwrap_or_default();
        Some(match &self.other {
            Some(other) if self.lost => (
                format!("it is the schema of instance {other}, renamed"),
                format!("ALTER SCHEMA {schema} RENAME TO {home}"),
            ),
            Some(other) => (
                format!("the role of instance {other} may use it"),
                format!(
                    "if it is not a copy to be dropped, revoke that on SCHEMA {schema}; then {ADOPT}"
                ),
            ),
            None if !self.ours => (
                format!("it looks like an instance's and belongs to {}", self.owner),
                format!("ALTER SCHEMA {schema} OWNER TO edgebase_owner; then {ADOPT}"),
            ),
            None => return None,
        })
    }
}

/// All of them, or those of these names.
pub fn strays(names: Option<Vec<String>>) -> Result<Vec<Stray>, Error> {
    let args = [names.into(), role_prefix().into()];
    let found = spi::json(include_str!("stray.sql"), &args)?;
    let found: Vec<Stray> =
        serde_json::from_value(found).map_err(|e| Error::Internal(e.to_string()))?;
    let is_possible = |stray: &Stray| stray.ours || !name::is_reserved_schema(&stray.schema);
    Ok(found.into_iter().filter(is_possible).collect())
}

/// The one that is an instance's by its name.
pub fn of(key: &InstanceKey) -> Result<Option<Stray>, Error> {
    let there = key.schema_names().into_iter().filter(|name| lock::schema_oid(name).is_some());
    let there: Vec<String> = there.collect();
    if there.is_empty() {
        return Ok(None);
    }
    let key = key.to_string();
    let is_its = |s: &Stray| !s.is_set_aside() && s.marked().is_none_or(|marked| marked == key);
    Ok(strays(Some(there))?.into_iter().find(is_its))
}

/// Refuses to go on where there is one.
pub fn refuse(key: &InstanceKey) -> Result<(), Error> {
    match of(key)? {
        None => Ok(()),
        Some(Stray { schema, ours: true, .. }) => Err(Error::Stray(schema)),
        Some(Stray { schema, owner, .. }) => Err(Error::ForeignStray { schema, owner }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stray(schema: &str, comment: Option<&str>) -> Stray {
        Stray {
            schema: schema.into(),
            comment: comment.map(str::to_owned),
            owner: "edgebase_owner".into(),
            ours: true,
            other: None,
            home: None,
            lost: false,
        }
    }

    #[test]
    fn a_schema_is_the_instance_of_its_name_unless_a_comment_names_another() {
        let key = |schema, comment| stray(schema, comment).key().map(|k| k.to_string());
        assert_eq!(key("user:o'dd \"x\"", None).as_deref(), Some("user:o'dd \"x\""));
        assert_eq!(key("app", Some("the app")).as_deref(), Some("app"));
        assert_eq!(key("public:", None), None);
        assert_eq!(key("public:", Some("EdgeBase instance public")).as_deref(), Some("public"));
    }

    #[test]
    fn the_schema_of_another_instance_is_no_other_ones_whatever_its_name() {
        assert_eq!(stray("user:a", None).objection(), None);
        let renamed = Stray {
            other: Some("user:b".into()),
            home: Some("user:b".into()),
            lost: true,
            ..stray("user:a", None)
        };
        let (problem, remedy) = renamed.objection().unwrap();
        assert_eq!(problem, "it is the schema of instance user:b, renamed");
        assert_eq!(remedy, "ALTER SCHEMA \"user:a\" RENAME TO \"user:b\"");
        assert!(Stray { lost: false, ..renamed }.objection().is_some());
        let foreign = Stray { ours: false, owner: "dba".into(), ..stray("user:a", None) };
        assert!(foreign.objection().unwrap().0.ends_with("belongs to dba"));
    }
}
