//! Which functions does a file give to others?
//!
//! A name that may get another value is none of a function. What a file exports of another one is
//! for that one to tell.

use super::values::{Function, Imported, Search};
use oxc_ast::AstKind;
use oxc_ast::ast::{Declaration, ExportDefaultDeclarationKind, ModuleExportName, Statement};
use std::collections::HashMap;

/// The functions and classes that a file exports.
#[derive(Debug, Default)]
pub(crate) struct Exports {
    names: HashMap<String, Result<Function, Imported>>,
    /// Files all of whose names it exports.
    all_of: Vec<String>,
}

impl Exports {
    pub(super) fn of(search: &Search<'_, '_>) -> Self {
        let mut exports = Self::default();
        if let Some(AstKind::Program(program)) =
            search.semantic.nodes().iter().map(|node| node.kind()).next()
        {
            for statement in &program.body {
                exports.add(search, statement);
            }
        }
        exports
    }

    /// What a name stands for here, or where to look for it.
    pub fn get(&self, name: &str) -> Option<Result<Function, Imported>> {
        self.names.get(name).cloned()
    }

    /// Files in which a name may be that is not found here.
    pub fn others(&self) -> &[String] {
        &self.all_of
    }

    fn local(&mut self, search: &Search<'_, '_>, local: &str, name: &str) {
        let symbol = search.semantic.scoping().get_root_binding(local.into());
        if let Some(exported) = symbol.and_then(|symbol| search.exported(symbol)) {
            self.names.insert(name.to_owned(), exported);
        }
    }

    fn add(&mut self, search: &Search<'_, '_>, statement: &Statement<'_>) {
        match statement {
            Statement::ExportDefaultDeclaration(e) => {
                let exported = match &e.declaration {
                    ExportDefaultDeclarationKind::FunctionDeclaration(f) => {
                        Some(Ok(Function::declared(f)))
                    }
                    ExportDefaultDeclarationKind::ClassDeclaration(c) => {
                        Some(Ok(Function::class(c)))
                    }
                    other => other.as_expression().and_then(|e| search.exported_expression(e)),
                };
                if let Some(exported) = exported {
                    self.names.insert("default".to_owned(), exported);
                }
            }
            Statement::ExportDeclaration(e) => match &e.declaration {
                Declaration::VariableDeclaration(d) => {
                    for declarator in &d.declarations {
                        if let Some(id) = declarator.id.get_binding_identifier() {
                            self.local(search, id.name.as_str(), id.name.as_str());
                        }
                    }
                }
                Declaration::FunctionDeclaration(f) => {
                    if let Some(id) = &f.id {
                        self.local(search, id.name.as_str(), id.name.as_str());
                    }
                }
                Declaration::ClassDeclaration(c) => {
                    if let Some(id) = &c.id {
                        self.local(search, id.name.as_str(), id.name.as_str());
                    }
                }
                _ => {}
            },
            Statement::ExportNamedDeclaration(e) => {
                for specifier in &e.specifiers {
                    if let ModuleExportName::IdentifierReference(local) = &specifier.local {
                        let name = specifier.exported.name();
                        self.local(search, local.name.as_str(), name.as_str());
                    }
                }
            }
            Statement::ExportFromDeclaration(e) => {
                for specifier in &e.specifiers {
                    let from = Imported {
                        specifier: e.source.value.to_string(),
                        name: Some(specifier.local.name().to_string()),
                    };
                    self.names.insert(specifier.exported.name().to_string(), Err(from));
                }
            }
            Statement::ExportAllDeclaration(e) if e.exported.is_none() => {
                self.all_of.push(e.source.value.to_string());
            }
            _ => {}
        }
    }
}
