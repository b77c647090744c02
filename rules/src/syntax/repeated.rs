//! Does an object literal name a property twice?
//!
//! The later value wins without a word, also where it opens a table that the earlier one closes.
//! TypeScript refuses such a literal (its error 1117), and this module does in every file of a
//! config. A getter and a setter of one name are two halves of one property. Names that are
//! computed are known at run time only; one that is written out in brackets is known here.

use oxc_ast::ast::{Expression, ObjectExpression, ObjectPropertyKind, Program, PropertyKind};
use oxc_ast_visit::{Visit, walk};
use oxc_span::GetSpan;
use std::collections::HashMap;

/// A name, and where it stands for the second time.
pub(super) type Repeated = (u32, String);

/// The first of a module.
pub(super) fn in_module(program: &Program<'_>) -> Option<Repeated> {
    let mut finder = Finder::default();
    finder.visit_program(program);
    finder.found
}

/// The first of a JSON text, parsed as an expression.
pub(super) fn in_json(expression: &Expression<'_>) -> Option<Repeated> {
    let mut finder = Finder::default();
    finder.visit_expression(expression);
    finder.found
}

#[derive(Default)]
struct Finder {
    found: Option<Repeated>,
}

impl<'a> Visit<'a> for Finder {
    fn visit_object_expression(&mut self, object: &ObjectExpression<'a>) {
        let mut names = HashMap::new();
        for property in &object.properties {
            let ObjectPropertyKind::ObjectProperty(property) = property else { continue };
            let Some(name) = property.key.static_name() else { continue };
            let offset = property.key.span().start;
            let before = names.insert(name.clone(), property.kind);
            let is_repeated = match (before, property.kind) {
                (None, _)
                | (Some(PropertyKind::Get), PropertyKind::Set)
                | (Some(PropertyKind::Set), PropertyKind::Get) => false,
                (Some(_), _) => true,
            };
            if is_repeated && self.found.as_ref().is_none_or(|(first, _)| offset < *first) {
                self.found = Some((offset, name.into_owned()));
            }
        }
        walk::walk_object_expression(self, object);
    }
}
