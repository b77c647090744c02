//! What tests of the rules engine share: configs on disk, an engine over them, a database.
#![allow(dead_code, clippy::expect_used, clippy::missing_panics_doc)]

use edgebase_rules::{
    Arg, Context, DbRead, Engine, FunctionId, Limits, LoadError, Loaded, ReadError, load,
};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The budget of a table rule, with room for a crowded machine.
pub const TABLE: Duration = Duration::from_millis(50);
/// A budget for tests that are not about time.
pub const AMPLE: Duration = Duration::from_secs(10);

/// A folder with files in it.
pub struct Folder(pub tempfile::TempDir);

impl Folder {
    pub fn with(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn load(&self, name: &str) -> Result<Loaded, LoadError> {
        load(&self.path().join(name), &HashMap::new())
    }
}

/// Loads a TypeScript config.
pub fn loaded(text: &str) -> Loaded {
    let folder = Folder::with(&[("edgebase.config.ts", text)]);
    folder.load("edgebase.config.ts").unwrap_or_else(|e| panic!("must load: {e}"))
}

/// Loads rules by name: `rules(&[("a", "(auth) => auth !== null")])`.
pub fn rules(list: &[(&str, &str)]) -> Loaded {
    let mut text = String::from("export default {\n");
    for (name, rule) in list {
        text.push_str(&format!("  {name}: {rule},\n"));
    }
    text.push_str("};\n");
    loaded(&text)
}

pub fn engine(loaded: &Loaded) -> Engine {
    Engine::start(loaded, Limits::default()).unwrap_or_else(|e| panic!("must start: {e}"))
}

/// The number at a path such as `databases.app.access.read`.
pub fn at(loaded: &Loaded, path: &str) -> FunctionId {
    let mut value = loaded.json();
    for key in path.split('.') {
        value = &value[key];
    }
    let number = value["$function"].as_u64().unwrap_or_else(|| panic!("no function at {path}"));
    FunctionId(u32::try_from(number).expect("a small number"))
}

pub fn json_arg(value: Value) -> Arg {
    match value {
        Value::Null => Arg::Null,
        value => Arg::Json(Arc::new(value)),
    }
}

pub fn text(value: &str) -> Arg {
    Arg::Text(Arc::from(value))
}

/// A database of records by table and id, which answers after a while.
pub struct Records {
    pub records: HashMap<(String, String), Value>,
    pub delay: Duration,
}

impl Records {
    pub fn of(list: &[(&str, &str, Value)]) -> Arg {
        Self::slow(list, Duration::ZERO)
    }

    pub fn slow(list: &[(&str, &str, Value)], delay: Duration) -> Arg {
        let records =
            list.iter().map(|(t, i, v)| (((*t).to_owned(), (*i).to_owned()), v.clone())).collect();
        Arg::Context(Arc::new(Self { records, delay }))
    }
}

impl Context for Records {
    fn read(&self, read: DbRead) -> BoxFuture<'static, Result<Value, ReadError>> {
        let delay = self.delay;
        let answer = match &read {
            DbRead::Get { table, .. } if table == "broken" => {
                Err("no such table".to_owned().into())
            }
            DbRead::Get { table, id } => {
                let key = (table.clone(), id.clone());
                Ok(self.records.get(&key).cloned().unwrap_or(Value::Null))
            }
            DbRead::Exists { table, filter } => {
                let fits = |v: &Value| {
                    filter.as_object().is_some_and(|f| f.iter().all(|(k, w)| &v[k] == w))
                };
                Ok(json!(self.records.iter().any(|((t, _), v)| t == table && fits(v))))
            }
            DbRead::List { table, .. } => Ok(self
                .records
                .iter()
                .filter(|((t, _), _)| t == table)
                .map(|(_, v)| v.clone())
                .collect()),
        };
        Box::pin(async move {
            tokio::time::sleep(delay).await;
            answer
        })
    }
}
