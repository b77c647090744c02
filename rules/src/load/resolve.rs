//! Which file does an import name?
//!
//! Relative specifiers with the usual endings, inside the config's folder and nowhere else:
//! links are followed before the check, so a link out of the folder is outside. Of packages
//! only EdgeBase's own exist.

use std::path::{Component, Path, PathBuf};

/// What an import names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    File(PathBuf),
    /// EdgeBase's module.
    Shared,
}

/// Specifiers of EdgeBase's module.
const SHARED: [&str; 3] = ["@edge-base/shared", "edgebase", "@edgebase/shared"];

/// Its text: `defineConfig` and its like are the identity.
pub(super) const SHARED_TEXT: &str = "
export const defineConfig = (config) => config;
export const defineFunction = (definition) => definition;
export const definePlugin = (plugin) => plugin;
export const defineDatabase = (block) => block;
export const defineTable = (table) => table;
export class EdgeBaseError extends Error {
  constructor(code, message, data, slug) {
    super(message);
    this.name = 'EdgeBaseError';
    this.code = code;
    if (data !== undefined) this.data = data;
    if (slug !== undefined) this.slug = slug;
  }
}
export default { defineConfig, defineFunction, definePlugin, defineDatabase, defineTable, EdgeBaseError };
";

const ENDINGS: [&str; 4] = ["ts", "js", "mjs", "json"];

/// Resolves `specifier`, imported by `from`, inside `root`.
pub(super) fn resolve(root: &Path, from: &Path, specifier: &str) -> Result<Target, String> {
    if SHARED.contains(&specifier) {
        return Ok(Target::Shared);
    }
    if !specifier.starts_with("./") && !specifier.starts_with("../") {
        return Err(format!(
            "cannot import '{specifier}': a config can import its own files ('./...') and '@edge-base/shared'"
        ));
    }
    let folder = from.parent().unwrap_or(root);
    let wanted = folder.join(specifier);
    let inside = |path: &Path| -> Result<Option<PathBuf>, String> {
        if !path.is_file() {
            return Ok(None);
        }
        let real = path.canonicalize().map_err(|e| format!("cannot read '{specifier}': {e}"))?;
        if real.starts_with(root) {
            Ok(Some(real))
        } else {
            Err(format!("cannot import '{specifier}': it lies outside the config's folder"))
        }
    };
    if escapes(root, &wanted) {
        return Err(format!("cannot import '{specifier}': it lies outside the config's folder"));
    }
    for candidate in candidates(&wanted) {
        if let Some(file) = inside(&candidate)? {
            return Ok(Target::File(file));
        }
    }
    Err(format!("cannot import '{specifier}': there is no such file"))
}

/// Whether a path leaves `root` by its dots alone.
fn escapes(root: &Path, path: &Path) -> bool {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    !plain.starts_with(root)
}

fn candidates(wanted: &Path) -> Vec<PathBuf> {
    let with = |ending: &str| {
        let mut name = wanted.as_os_str().to_owned();
        name.push(".");
        name.push(ending);
        PathBuf::from(name)
    };
    let mut all = vec![wanted.to_owned()];
    // TypeScript writes './x.js' for what is './x.ts' on disk.
    if wanted.extension().is_some_and(|e| e == "js" || e == "mjs") {
        all.push(wanted.with_extension("ts"));
    }
    all.extend(ENDINGS.map(with));
    all.extend(ENDINGS.map(|e| wanted.join("index").with_extension(e)));
    all
}
