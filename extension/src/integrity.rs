//! Is the database what the registry and the installation scripts say it is?
//!
//! What is wrong is found by a few queries over the catalogs, each linear in what it looks at, and
//! each finding has the statements that mend it or says what somebody has to do. `verify()` tells
//! the findings and changes nothing; [`repair`](crate::repair) runs the statements until there are
//! none. So whatever repair mends, verify sees, and the other way round.

mod grants;
mod routines;
mod script;

use crate::analytics;
use crate::answer::Answer;
use crate::args::Args;
use crate::error::Error;
use crate::fence::plain;
use crate::fence::session::{Identity, Scope};
use crate::identity::{self, RunAs, role_prefix};
use crate::instance::{MARK, ROLE_ATTRIBUTES, SET_ASIDE};
use crate::registry;
use crate::restore;
use crate::spi;
use crate::stray::{ADOPT, Stray, strays};
use edgebase_blocks::analytics::Reach;
use edgebase_blocks::quote::ident;
use pgrx::datum::JsonB;
use serde::Deserialize;
use serde_json::{Value, json};

/// What the four roles of the extension are.
const OWN_ATTRIBUTES: &str =
    "NOLOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS";
/// What to do about a finding that has statements.
const REPAIR: &str = "SELECT edgebase.repair()";

/// Something that is not as it should be.
#[derive(Debug, Deserialize)]
pub struct Finding {
    /// The kind of thing that is wrong.
    pub what: String,
    /// The object, as a person names it.
    pub object: String,
    /// What is wrong with it.
    pub problem: String,
    /// What somebody has to do, where nothing here can.
    pub remedy: Option<String>,
    /// The instance's number, 0 for what belongs to none.
    pub number: i64,
    /// What mends it.
    pub statements: Vec<String>,
}

impl Finding {
    /// Of a block's relations, which `repair` makes in its own way.
    pub fn relations(schema: &str, problem: String) -> Self {
        let object = format!("schema {}", ident(schema));
        Self::told("relations", object, problem, REPAIR.into())
    }

    /// Of nothing that statements mend.
    pub fn told(what: &str, object: String, problem: String, remedy: String) -> Self {
        let (what, remedy) = (what.to_owned(), Some(remedy));
        Self { what, object, problem, remedy, number: 0, statements: Vec::new() }
    }

    /// Of a schema that the registry does not know, which is for a person to decide about. What is told
    /// with an instance is not told here.
    fn stray(stray: &Stray) -> Option<Self> {
        if stray.is_set_aside() || stray.is_renamed() {
            return None;
        }
        let (problem, remedy) = stray.objection().unwrap_or_else(|| {
            let problem = "it belongs to edgebase_owner and to no instance".to_owned();
            (problem, format!("{ADOPT}, or drop it"))
        });
        Some(Self::told("stray schema", ident(&stray.schema), problem, remedy))
    }

    fn tell(&self) -> Value {
        let remedy = self.remedy.as_deref().unwrap_or(REPAIR);
        json!({
            "what": self.what, "object": self.object, "problem": self.problem, "remedy": remedy,
        })
    }
}

/// `edgebase.verify_json()`: every finding, as an array.
pub fn verify(_: &Args) -> Result<Answer, Error> {
    let _superuser = as_superuser()?;
    let mut all = extension()?;
    all.extend(cluster(i32::MAX)?);
    // Without its keys the registry cannot be read.
    if !all.iter().any(|finding| finding.what == "constraint") {
        all.extend(restore::set_aside()?);
        all.extend(strays(None)?.iter().filter_map(Finding::stray));
        all.extend(analytics::findings()?);
        all.extend(instances(0, i64::MAX)?);
    }
    Ok(Answer::Json(all.iter().map(Finding::tell).collect()))
}

/// Library and objects are of one version, which what follows takes for granted. The functions run as
/// the extension's owner. Where that is no superuser any more, as after
/// `REASSIGN OWNED`, a superuser who calls them lends his rights.
pub fn as_superuser() -> Result<Option<RunAs>, Error> {
    registry::check_version()?;
    let session = plain::GetSessionUserId();
    if plain::superuser_arg(Identity::current().user) {
        Ok(None)
    } else if plain::superuser_arg(session) {
        Ok(Some(RunAs::role(session, identity::LOCAL_CHANGE)))
    } else {
        Err(Error::OwnerNotSuperuser)
    }
}

/// The extension's four roles, the database, and at most `orphans` roles without an instance.
pub fn cluster(orphans: i32) -> Result<Vec<Finding>, Error> {
    let args = [role_prefix().into(), OWN_ATTRIBUTES.into(), orphans.into()];
    ask(include_str!("integrity/cluster.sql"), &args)
}

/// The extension's own objects.
pub fn extension() -> Result<Vec<Finding>, Error> {
    let args = [JsonB(grants::granted()).into(), JsonB(grants::lent()).into()];
    let mut all = ask(include_str!("integrity/registry.sql"), &[])?;
    all.extend(ask(include_str!("integrity/routines.sql"), &[JsonB(routines::declared()).into()])?);
    all.extend(ask(include_str!("integrity/extension.sql"), &args)?);
    Ok(all)
}

/// The instances with numbers above `after` and up to `last`.
pub fn instances(after: i64, last: i64) -> Result<Vec<Finding>, Error> {
    let args = [
        after.into(),
        last.into(),
        role_prefix().into(),
        ROLE_ATTRIBUTES.into(),
        JsonB(read_by_analysts()?).into(),
        MARK.into(),
        SET_ASIDE.into(),
    ];
    ask(include_str!("integrity/instances.sql"), &args)
}

/// What analysts read of each table of a single-instance block: `[schema, table, columns]`, null for
/// all columns.
fn read_by_analysts() -> Result<Value, Error> {
    let singles = spi::json(
        "SELECT coalesce(jsonb_agg(jsonb_build_array(schema_name, i.version)), '[]')
         FROM edgebase.instance i JOIN edgebase.block b ON b.namespace = i.namespace
         WHERE b.kind = 'single'",
        &[],
    )?;
    let mut all = Vec::new();
    for single in singles.as_array().into_iter().flatten() {
        let text = |n: usize| single[n].as_str().unwrap_or_default();
        let block = registry::definition(text(1))?;
        for (table, reach) in analytics::readable(text(0), &block)? {
            match reach {
                Reach::Table => all.push(json!([text(0), table, null])),
                Reach::Columns(columns) => all.push(json!([text(0), table, columns])),
                Reach::Nothing => {}
            }
        }
    }
    Ok(Value::Array(all))
}

fn ask(sql: &str, args: &[pgrx::datum::DatumWithOid]) -> Result<Vec<Finding>, Error> {
    // Compiling takes longer than running: the planner takes every set for a thousand rows.
    let scope = Scope::open();
    scope.set("jit", "off")?;
    let found = spi::json(sql, args)?;
    serde_json::from_value(found).map_err(|e| Error::Internal(e.to_string()))
}
