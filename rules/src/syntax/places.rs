//! Where in the text does a key of the config stand?
//!
//! Turns object literals into trees of places, following `defineConfig(...)`, type assertions,
//! constants of the same module and imports of other files. Best effort: what is computed at
//! run time has no place, and the nearest known ancestor stands in for it.

use oxc_ast::ast::{
    Argument, Declaration, ExportDefaultDeclarationKind, Expression, ImportDeclarationSpecifier,
    ModuleExportName, ObjectPropertyKind, Program, Statement, VariableDeclaration,
};
use oxc_span::GetSpan;
use std::collections::HashMap;

/// The place of a key and of the keys under it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// Byte offset of the key, or of the value where there is no key.
    pub offset: u32,
    pub children: Vec<(String, Place)>,
    /// Where to go on: the specifier of an import and the name exported there.
    pub link: Option<(String, String)>,
}

/// The places of a file's exports.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    pub exports: HashMap<String, Place>,
}

/// Constants are followed this many times, so that circles end.
const FOLLOW: usize = 8;

struct Module<'p, 'a> {
    constants: HashMap<&'p str, &'p Expression<'a>>,
    imports: HashMap<&'p str, (String, String)>,
}

/// The places of a module's exports.
pub(super) fn places(program: &Program<'_>) -> Places {
    let mut module = Module { constants: HashMap::new(), imports: HashMap::new() };
    for statement in &program.body {
        match statement {
            Statement::VariableDeclaration(d) => module.declare(d),
            Statement::ExportDeclaration(e) => {
                if let Declaration::VariableDeclaration(d) = &e.declaration {
                    module.declare(d);
                }
            }
            Statement::ImportDeclaration(import) => {
                let source = import.source.value.to_string();
                for specifier in import.specifiers.iter().flatten() {
                    let (local, name) = match specifier {
                        ImportDeclarationSpecifier::ImportSpecifier(s) => {
                            (s.local.name.as_str(), s.imported.name().to_string())
                        }
                        ImportDeclarationSpecifier::ImportDefaultSpecifier(s) => {
                            (s.local.name.as_str(), "default".to_owned())
                        }
                        ImportDeclarationSpecifier::ImportNamespaceSpecifier(_) => continue,
                    };
                    module.imports.insert(local, (source.clone(), name));
                }
            }
            _ => {}
        }
    }
    let mut places = Places::default();
    for statement in &program.body {
        module.export(statement, &mut places);
    }
    places
}

/// The places of a JSON text, parsed as an expression.
pub(super) fn of_json(expression: &Expression<'_>) -> Places {
    let module = Module { constants: HashMap::new(), imports: HashMap::new() };
    let place = module.place(expression, expression.span().start, FOLLOW);
    Places { exports: HashMap::from([("default".to_owned(), place)]) }
}

impl<'p, 'a> Module<'p, 'a> {
    fn declare(&mut self, declaration: &'p VariableDeclaration<'a>) {
        for declarator in &declaration.declarations {
            if let (Some(id), Some(init)) =
                (declarator.id.get_binding_identifier(), &declarator.init)
            {
                self.constants.insert(id.name.as_str(), init);
            }
        }
    }

    fn export(&self, statement: &'p Statement<'a>, places: &mut Places) {
        match statement {
            Statement::ExportDefaultDeclaration(e) => {
                if let Some(expression) = as_expression(&e.declaration) {
                    let place = self.place(expression, e.span.start, FOLLOW);
                    places.exports.insert("default".to_owned(), place);
                }
            }
            Statement::ExportDeclaration(e) => {
                let Declaration::VariableDeclaration(d) = &e.declaration else { return };
                for declarator in &d.declarations {
                    if let (Some(id), Some(init)) =
                        (declarator.id.get_binding_identifier(), &declarator.init)
                    {
                        let place = self.place(init, declarator.span.start, FOLLOW);
                        places.exports.insert(id.name.to_string(), place);
                    }
                }
            }
            Statement::ExportNamedDeclaration(e) => {
                for specifier in &e.specifiers {
                    let ModuleExportName::IdentifierReference(local) = &specifier.local else {
                        continue;
                    };
                    let place = self.named(local.name.as_str(), specifier.span.start, FOLLOW);
                    places.exports.insert(specifier.exported.name().to_string(), place);
                }
            }
            Statement::ExportFromDeclaration(e) => {
                for specifier in &e.specifiers {
                    let link = (e.source.value.to_string(), specifier.local.name().to_string());
                    let place = Place {
                        offset: specifier.span.start,
                        link: Some(link),
                        ..Place::default()
                    };
                    places.exports.insert(specifier.exported.name().to_string(), place);
                }
            }
            _ => {}
        }
    }

    fn named(&self, name: &str, offset: u32, follow: usize) -> Place {
        if let Some(link) = self.imports.get(name) {
            return Place { offset, link: Some(link.clone()), ..Place::default() };
        }
        match self.constants.get(name) {
            Some(init) if follow > 0 => self.place(init, offset, follow - 1),
            _ => Place { offset, ..Place::default() },
        }
    }

    /// The places under `expression`, whose key stands at `offset`.
    fn place(&self, expression: &'p Expression<'a>, offset: u32, follow: usize) -> Place {
        match expression.get_inner_expression() {
            Expression::ObjectExpression(object) => {
                let mut children: Vec<(String, Place)> = Vec::new();
                for property in &object.properties {
                    match property {
                        ObjectPropertyKind::ObjectProperty(p) => {
                            if let Some(name) = p.key.static_name() {
                                let place = self.place(&p.value, p.key.span().start, follow);
                                children.retain(|(known, _)| *known != *name);
                                children.push((name.into_owned(), place));
                            }
                        }
                        ObjectPropertyKind::SpreadProperty(s) => {
                            let spread = self.place(&s.argument, s.span.start, follow);
                            children.extend(spread.children);
                        }
                    }
                }
                Place { offset, children, link: None }
            }
            Expression::ArrayExpression(array) => {
                let children = array
                    .elements
                    .iter()
                    .enumerate()
                    .filter_map(|(index, element)| {
                        let expression = element.as_expression()?;
                        let place = self.place(expression, expression.span().start, follow);
                        Some((index.to_string(), place))
                    })
                    .collect();
                Place { offset, children, link: None }
            }
            // defineConfig({...}) and its like.
            Expression::CallExpression(call) => {
                match call.arguments.first().and_then(Argument::as_expression) {
                    Some(argument) => self.place(argument, offset, follow),
                    None => Place { offset, ..Place::default() },
                }
            }
            Expression::Identifier(id) => self.named(id.name.as_str(), offset, follow),
            _ => Place { offset, ..Place::default() },
        }
    }
}

fn as_expression<'p, 'a>(
    declaration: &'p ExportDefaultDeclarationKind<'a>,
) -> Option<&'p Expression<'a>> {
    declaration.as_expression()
}
