//! Does a function of the config decide by what is always truthy, in whichever file?
//!
//! Follows a rule or hook through the functions that it uses, over the imports of the config's
//! files, and names the first mistake with the file and line where it stands.

use super::Sources;
use crate::error::{LoadError, Location};
use crate::syntax::{Function, Imported, Mistakes};
use oxc_span::Span;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// Exports that export what others export are followed this far.
const DEEPEST: usize = 32;

/// What all of the files do wrong.
pub(super) struct Search<'r> {
    pub mistakes: &'r HashMap<PathBuf, Mistakes>,
    pub sources: &'r Sources,
}

impl<'r> Search<'r> {
    /// The first mistake of a function, or of one that it uses.
    pub fn within(&self, file: &'r Path, function: Span) -> Option<LoadError> {
        let mut known = HashSet::from([(file, function.start)]);
        let mut waiting = vec![(file, function, true)];
        while let Some((file, function, is_asked)) = waiting.pop() {
            let of_file = self.mistakes.get(file)?;
            let mut found = of_file.own(function, is_asked);
            let resolve = |from: &Imported| self.resolve(file, from, DEEPEST);
            for (other, span, mistake) in of_file.imports(function, resolve) {
                found = found.or(mistake);
                if known.insert((other, span.start)) {
                    waiting.push((other, span, false));
                }
            }
            if let Some((offset, message)) = found {
                let text = self.sources.get(file).map_or("", |s| &s.text);
                return Some(LoadError::at(Location::of(file, text, offset), text, message));
            }
            for span in of_file.used(function) {
                if known.insert((file, span.start)) {
                    waiting.push((file, span, false));
                }
            }
        }
        None
    }

    /// The function that an import names, and the file that it stands in.
    fn resolve(&self, file: &Path, from: &Imported, deep: usize) -> Option<(&'r Path, Function)> {
        let target = self.sources.get(file)?.links.get(&from.specifier)?;
        let exports = &self.mistakes.get(target)?.exports;
        let name = from.name.as_deref()?;
        let deeper = deep.checked_sub(1)?;
        match exports.get(name) {
            Some(Ok(exported)) => Some((target, exported)),
            Some(Err(from)) => self.resolve(target, &from, deeper),
            None => exports.others().iter().find_map(|specifier| {
                let name = Some(name.to_owned());
                let from = Imported { specifier: specifier.clone(), name };
                self.resolve(target, &from, deeper)
            }),
        }
    }
}
