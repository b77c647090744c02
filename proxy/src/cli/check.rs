//! What does a config say?
//!
//! Loads and validates it exactly as the server would, and prints blocks, tables and rules. A
//! rule that is absent is shown with what its absence means, because that is what gets
//! overlooked. Of a function it says where it stands and what evaluates it: the database, the
//! proxy natively, or the JavaScript engine, which is the slowest.

mod place;

use super::{ConfigArgument, environment, print};
use anyhow::Result;
use edgebase_blocks::block::TableConfig;
use edgebase_blocks::issuer::Keys;
use edgebase_blocks::{Block, BlockKind, Rule, Table};
use edgebase_proxy::auth::Auth;
use edgebase_proxy::config::AppConfig;
use edgebase_proxy::pattern::{MAX_BACKTRACKED, Pattern};
use edgebase_proxy::placement::{BlockPlacement, Login, RemotePools};
use edgebase_rules::{Form, FunctionId, Loaded};
use std::fmt::Write as _;

/// Validate a config and print its blocks, tables and rules.
///
/// Exits with 1 and names file and line when there is a mistake: whatever `apply`, `serve` or the
/// first insert would fail on, as far as that can be told without a database. What probably means
/// something else is a remark.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  edgebase check --config edgebase.config.ts")]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let path = arguments.config.resolve()?;
    let app = AppConfig::load(&path, &environment())?;
    for warning in &app.config.warnings {
        tracing::warn!("{warning}");
    }
    // Reads the key files; a secret that is not set here is only warned about.
    if !app.config.issuers.is_empty() {
        Auth::new(&app.config, &environment(), None, &app.folder, None)?;
    }
    match BlockPlacement::of(&app.config, &environment(), Login::Proxy, false) {
        // Reads the addresses and connects to none.
        Ok(placement) => drop(RemotePools::open(&placement, &environment(), None)?),
        // In development such a block is served from the server's own database.
        Err(unset) => tracing::warn!("{unset}"),
    }
    print(format!("{} is valid.\n\n{}", path.display(), describe(&app)).trim_end())
}

fn describe(app: &AppConfig) -> String {
    let (config, functions) = (&app.config, &app.loaded);
    let mut text = String::new();
    let mode = if config.release {
        "release mode: what no rule allows is denied"
    } else {
        "development mode (release: false): a table without a rule is open"
    };
    // Writing into a String cannot fail.
    let _ = writeln!(text, "{mode}\n");
    for block in config.databases.values() {
        describe_block(&mut text, block, config.release, functions);
        text.push('\n');
    }
    for issuer in &config.issuers {
        let keys = match &issuer.keys {
            Keys::Secret(name) => format!("secret {name}"),
            Keys::File(place) | Keys::Url(place) => place.clone(),
        };
        let audience = match issuer.audience.as_slice() {
            [] => "no audience".to_owned(),
            audience => format!("audience {}", audience.join(" or ")),
        };
        let _ = writeln!(text, "tokens of {} ({keys}), {audience}", issuer.name);
    }
    if let Some(keys) = &config.service_keys {
        let names: Vec<&str> = keys.iter().map(|k| k.kid.as_str()).collect();
        let _ = writeln!(text, "service keys: {}", names.join(", "));
    }
    text
}

fn describe_block(text: &mut String, block: &Block, release: bool, functions: &Loaded) {
    let kind = match block.kind {
        BlockKind::Single => "one instance",
        BlockKind::Dynamic => "one instance per id",
    };
    let _ = writeln!(text, "block {} ({kind})", block.namespace);
    if block.kind == BlockKind::Dynamic {
        for (name, found, absent) in [
            ("canCreate", &block.access.can_create, "denied"),
            ("access", &block.access.access, "left to the tables"),
            ("delete", &block.access.delete, "denied"),
        ] {
            let _ =
                writeln!(text, "  {name:<10} {}", rule(found.as_ref(), absent, functions, None));
        }
    }
    for (name, table) in &block.tables {
        describe_table(text, name, table, release, functions);
    }
}

fn describe_table(
    text: &mut String,
    name: &str,
    table: &TableConfig,
    release: bool,
    functions: &Loaded,
) {
    let fields = match &table.table.fields {
        None => "any fields".to_owned(),
        Some(fields) => {
            let names: Vec<&str> = fields.iter().map(|f| f.name.as_str()).collect();
            names.join(", ")
        }
    };
    let _ = writeln!(text, "  table {name}: {fields}");
    for field in table.table.fields.iter().flatten() {
        let compiled = field.pattern.as_ref().and_then(|p| Pattern::get(p).ok());
        if let Some(reason) = compiled.as_ref().and_then(|p| p.backtracks()) {
            let _ = writeln!(
                text,
                "    note: the pattern of {} is matched by backtracking, since {reason}: a value is refused when it has more than {MAX_BACKTRACKED} characters or takes too many steps",
                field.name
            );
        }
    }
    let absent = if release { "denied" } else { "open" };
    let access = table.access.as_ref();
    let rows = Some(&table.table);
    for (operation, found, rows) in [
        ("read", access.and_then(|a| a.read.as_ref()), rows),
        ("insert", access.and_then(|a| a.insert.as_ref()), None),
        ("update", access.and_then(|a| a.update.as_ref()), rows),
        ("delete", access.and_then(|a| a.delete.as_ref()), rows),
    ] {
        let _ = writeln!(text, "    {operation:<8} {}", rule(found, absent, functions, rows));
    }
    let hooks = &table.hooks;
    for (name, hook) in [
        ("beforeInsert", hooks.before_insert),
        ("afterInsert", hooks.after_insert),
        ("beforeUpdate", hooks.before_update),
        ("afterUpdate", hooks.after_update),
        ("beforeDelete", hooks.before_delete),
        ("afterDelete", hooks.after_delete),
        ("onEnrich", hooks.on_enrich),
    ] {
        if let Some(hook) = hook {
            let _ = writeln!(text, "    {name:<12} hook{}", location(hook.id(), functions));
        }
    }
}

/// A rule; `rows` is the table whose rows it is about.
fn rule(rule: Option<&Rule>, absent: &str, functions: &Loaded, rows: Option<&Table>) -> String {
    let Some(rule) = rule else {
        return format!("no rule: {absent}");
    };
    let rows = rows.map(|table| place::of(rule, functions, table));
    let Rule::Function(id) = rule else {
        return match rows {
            Some(Ok(Some(place))) => format!("{} ({place})", rule.describe()),
            _ => rule.describe(),
        };
    };
    let form = match (functions.form(*id), rows) {
        (Form::Engine(reason), _) => format!("JavaScript engine: {reason}"),
        (Form::Fast, Some(Ok(Some(place)))) => place,
        (Form::Fast, Some(Err(reason))) => format!("native, on each row: {reason}"),
        (Form::Fast, _) => "native".to_owned(),
    };
    format!("function{} ({form})", location(*id, functions))
}

fn location(id: FunctionId, functions: &Loaded) -> String {
    functions.function(id).map_or_else(String::new, |f| {
        let file = f.file.file_name().unwrap_or_default().to_string_lossy();
        format!(" at {file}:{}", f.line)
    })
}
