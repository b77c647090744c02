use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn block(tables: Value) -> StoredBlock {
    let config = json!({"databases": {"app": {"tables": tables}}});
    StoredBlock::all_from_json(&config).unwrap().remove(0)
}

fn sql(step: &Step) -> Vec<String> {
    step.statements("w:1").iter().map(|s| s.sql().to_owned()).collect()
}

fn words(steps: &[Step]) -> Vec<String> {
    steps.iter().map(Step::describe).collect()
}

#[test]
fn additions_are_not_destructive_and_name_the_schema() {
    let old = block(json!({"p": {"schema": {"a": "string"}}}));
    let new = block(json!({
        "p": {"schema": {"a": {"type": "string", "max": 9}, "b": {"type": "number", "required": true}, "c": {"type": "string", "required": true, "default": ""}},
              "indexes": [{"fields": ["b"]}], "fts": ["a"]},
        "q": {"schema": {"p": {"type": "string", "references": "p"}}}
    }));
    let steps = diff(&old, &new);
    assert_eq!(
        words(&steps),
        [
            "add_column p.b",
            "add_column p.c",
            "create_table q",
            "add_constraint p.p.a.max",
            "create_index p.p.b.idx",
            "create_index p.p.fts",
            "add_constraint q.q.p.fkey",
        ]
    );
    assert!(steps.iter().all(|s| !s.destructive && s.covered));
    assert_eq!(
        sql(&steps[0]),
        [r#"ALTER TABLE "w:1"."p" ADD COLUMN IF NOT EXISTS "b" double precision"#]
    );
    assert_eq!(
        sql(&steps[1]),
        [
            r#"ALTER TABLE "w:1"."p" ADD COLUMN IF NOT EXISTS "c" text COLLATE "C" NOT NULL DEFAULT ''"#
        ]
    );
    assert!(sql(&steps[6])[0].contains(r#"REFERENCES "w:1"."p" ("id")"#));
}

#[test]
fn losses_are_destructive_until_a_new_migration_mentions_them() {
    let old = block(json!({"p": {"schema": {"a": "string", "n": "string"}}, "q": {}}));
    let bare = json!({"schema": {"n": "number"}});
    let steps = diff(&old, &block(json!({"p": bare})));
    assert_eq!(words(&steps), ["change_type p.n", "drop_column p.a", "drop_table q"]);
    assert!(steps.iter().all(|s| s.destructive && !s.covered));

    let new = block(json!({"p": {"schema": {"n": "number"}, "migrations": [
        {"version": 2, "description": "numbers", "up": "-", "upPg": "ALTER TABLE p ALTER COLUMN n TYPE float8 USING n::float8"}
    ]}}));
    let covered: Vec<_> = diff(&old, &new).iter().map(|s| (s.describe(), s.covered)).collect();
    assert_eq!(covered[0], ("migrate p.2 (numbers)".into(), true));
    assert_eq!(covered[1], ("change_type p.n".into(), true));
    assert_eq!(covered[2], ("drop_column p.a".into(), false));
    // The second time the migration is known and answers for nothing.
    let mut later = new.clone();
    later.tables[0].fields = Some(vec![]);
    assert!(!diff(&new, &later)[0].covered);
}

#[test]
fn renames_run_before_additions_and_fills_after_them() {
    let old = block(json!({"p": {"schema": {"a": "string"}}}));
    let new = block(json!({"p": {"schema": {"b": "string", "c": "string"}, "migrations": [
        {"version": 1, "description": "r", "up": "ALTER TABLE p RENAME COLUMN a TO b"},
        {"version": 2, "description": "f", "up": "UPDATE p SET c = b"}
    ]}}));
    assert_eq!(
        words(&diff(&old, &new)),
        [
            "migrate p.1 (r)",
            "add_column p.b",
            "add_column p.c",
            "migrate p.2 (f)",
            "drop_column p.a",
        ]
    );
    assert!(diff(&old, &new).iter().all(|s| s.covered));
}

#[test]
fn a_loss_comes_with_the_migration_to_write_and_that_covers_it() {
    let old = block(json!({
        "p": {"schema": {"a": "string", "n": "string", "createdAt": false},
              "migrations": [{"version": 4, "description": "x", "up": "SELECT 1"}]},
        "q\"": {}
    }));
    let shape = json!({"b": "text", "n": "number", "createdAt": false});
    let known = json!({"version": 4, "description": "x", "up": "SELECT 1"});
    let steps = diff(&old, &block(json!({"p": {"schema": shape, "migrations": [known]}})));
    let guides: Vec<Guide> = steps.iter().filter_map(|s| s.guide.clone()).collect();
    assert_eq!(
        guides.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            r#"in 'migrations' of table 'p': { version: 5, description: "make n a number", up: "ALTER TABLE \"p\" ALTER COLUMN \"n\" DROP DEFAULT, ALTER COLUMN \"n\" TYPE double precision USING \"n\"::double precision" }"#,
            "in 'migrations' of table 'p': { version: 6, description: \"drop a\", up: \"ALTER TABLE \\\"p\\\" DROP COLUMN \\\"a\\\"\" }\n  or, if it was renamed: { version: 6, description: \"rename a to b\", up: \"ALTER TABLE \\\"p\\\" RENAME COLUMN \\\"a\\\" TO \\\"b\\\"\" }",
            r#"in 'migrations' of table 'p': { version: 7, description: "drop table q\"", up: "DROP TABLE \"q\"\"\" CASCADE" }"#,
        ]
    );
    let all: Vec<Value> = std::iter::once(known)
        .chain(guides.iter().map(|g| serde_json::to_value(&g.migration).unwrap()))
        .collect();
    let steps = diff(&old, &block(json!({"p": {"schema": shape, "migrations": all}})));
    assert!(steps.iter().all(|s| s.covered && s.guide.is_none()), "{:?}", words(&steps));
}

#[test]
fn a_table_may_be_renamed_and_its_key_and_constraints_follow() {
    let old = block(json!({"p": {"schema": {"a": {"type": "string", "unique": true}}}}));
    let new =
        block(json!({"r": {"schema": {"a": {"type": "string", "unique": true}}, "migrations": [
            {"version": 1, "description": "better name", "up": "ALTER TABLE p RENAME TO r"}
        ]}}));
    let steps = diff(&old, &new);
    assert_eq!(
        words(&steps),
        [
            "drop_constraint r.p.a.key",
            "migrate r.1 (better name)",
            "rename_key r.r.pkey",
            "add_constraint r.r.a.key",
        ]
    );
    assert!(steps.iter().all(|s| !s.destructive));
}

#[test]
fn a_retyped_column_takes_every_constraint_that_was_made_for_its_type_with_it() {
    let shape = |kind: &str, migrations: Value| {
        block(json!({
            "p": {"schema": {"a": {"type": kind, "unique": true}, "b": {"type": "string", "check": "a IS NOT NULL"}},
                  "migrations": migrations},
            "q": {"schema": {"p": {"type": kind, "references": {"table": "p", "column": "a"}}},
                  "migrations": migrations}
        }))
    };
    let up = json!([{"version": 1, "description": "x", "up": "ALTER a p"}]);
    let steps = diff(&shape("string", json!([])), &shape("number", up));
    assert_eq!(
        words(&steps),
        [
            "drop_constraint p.p.a.key",
            "drop_constraint p.p.b.check",
            "drop_constraint q.q.p.fkey",
            "migrate p.1 (x)",
            "migrate q.1 (x)",
            "change_type p.a",
            "add_constraint p.p.a.key",
            "add_constraint p.p.b.check",
            "change_type q.p",
            "add_constraint q.q.p.fkey",
        ]
    );
}

#[test]
fn an_instance_that_missed_shapes_stops_where_a_migration_came_and_nowhere_else() {
    let up = |version: u32, sql: &str| json!({"version": version, "description": "x", "up": sql});
    let p = |schema: Value, migrations: Value| {
        block(json!({"p": {"schema": schema, "migrations": migrations}}))
    };
    let (fill, back) = (up(1, "UPDATE p SET tmp = a"), up(2, "ALTER TABLE p DROP COLUMN tmp"));
    let first = p(json!({"a": {"type": "string", "unique": true}}), json!([]));
    let passed = p(json!({"a": {"type": "string", "max": 2}}), json!([]));
    let tmp =
        json!({"a": {"type": "string", "unique": true}, "tmp": {"type": "string", "unique": true}});
    let stop = p(tmp, json!([fill]));
    let last = p(json!({"a": {"type": "string", "max": 9}}), json!([up(1, "corrected"), back]));
    let way = path(&first, std::slice::from_ref(&stop), &last);
    assert_eq!(way.len(), 3);
    // With the shape that a migration was written for, when it has been missed too.
    assert_eq!(path(&first, &[passed.clone(), stop.clone(), stop.clone()], &last).len(), 4);
    let steps: Vec<String> = way.windows(2).flat_map(|w| words(&diff(&w[0], &w[1]))).collect();
    assert_eq!(
        steps,
        [
            "add_column p.tmp",
            "migrate p.1 (x)",
            "drop_constraint p.p.a.key",
            "migrate p.2 (x)",
            "add_constraint p.p.a.max",
            "drop_column p.tmp",
        ]
    );
    assert_eq!(sql(&diff(&way[0], &way[1])[1]), ["corrected"]);
    // A migration that the config no longer has is not run, and its shape is passed.
    assert_eq!(path(&first, &[passed, stop], &p(json!({"a": "string"}), json!([]))).len(), 2);
}

#[test]
fn locks_and_work_are_those_of_postgresql() {
    let old = block(json!({"p": {"schema": {"a": "string", "k": "string"}}}));
    let new = block(json!({
        "p": {"schema": {
            "a": {"type": "number"}, "k": {"type": "string", "references": "p", "required": true},
            "r": {"type": "string", "required": true}, "d": {"type": "string", "required": true, "default": "x"}
        }, "indexes": [{"fields": ["d"]}]},
        "q": {"schema": {"p": {"type": "string", "references": "p"}}}
    }));
    let costs: Vec<_> = diff(&old, &new)
        .iter()
        .map(|s| (s.describe(), s.lock.as_str().unwrap_or("-"), s.work.as_str()))
        .collect();
    let text: Vec<String> = costs.iter().map(|(d, l, w)| format!("{d}: {l}, {w}")).collect();
    assert_eq!(
        text,
        [
            "add_column p.r: ACCESS EXCLUSIVE, scan",
            "add_column p.d: ACCESS EXCLUSIVE, none",
            "create_table q: -, none",
            "change_type p.a: ACCESS EXCLUSIVE, rewrite",
            "set_not_null p.k: ACCESS EXCLUSIVE, scan",
            "create_index p.p.d.idx: SHARE, scan",
            "add_constraint p.p.k.fkey: SHARE ROW EXCLUSIVE, scan",
            "add_constraint q.q.p.fkey: SHARE ROW EXCLUSIVE, none",
        ]
    );
}

#[test]
fn a_schemaless_table_that_gains_a_schema_moves_its_values_and_loses_none() {
    let old = block(json!({"p": {}}));
    let new = block(json!({"p": {"schema": {"it's": "number", "b": "json"}}}));
    let there = diff(&old, &new);
    assert_eq!(
        words(&there),
        ["add_column p.it's", "add_column p.b", "move_values p._doc", "drop_column p._doc"]
    );
    let back = diff(&new, &old);
    assert_eq!(
        words(&back),
        ["add_column p._doc", "move_values p._doc", "drop_column p.it's", "drop_column p.b"]
    );
    assert!(there.iter().chain(&back).all(|s| !s.destructive));
    assert!(matches!(there[2].statements("w:1")[0], Statement::Expect(_)));
}

fn any_block() -> impl Strategy<Value = StoredBlock> {
    let field = prop_oneof![
        Just(json!("string")),
        Just(json!("number")),
        Just(json!({"type": "string", "unique": true})),
        Just(json!({"type": "string", "required": true, "max": 3})),
        Just(json!({"type": "json", "default": []})),
        Just(json!({"type": "string", "references": "t1"})),
    ];
    let table =
        prop::collection::btree_map("[a-d]", field, 0..4).prop_map(|f| json!({"schema": f}));
    let table = prop_oneof![4 => table, 1 => Just(json!({}))];
    let more = prop::collection::btree_map("t[2-4]", table.clone(), 0..3);
    (table, more).prop_map(|(first, more)| {
        let mut tables: serde_json::Map<String, Value> = more.into_iter().collect();
        tables.insert("t1".into(), first);
        block(Value::Object(tables))
    })
}

proptest! {
    #[test]
    fn equal_blocks_need_no_step(b in any_block()) {
        prop_assert_eq!(diff(&b, &b), vec![]);
    }

    #[test]
    fn only_losing_steps_are_destructive_and_every_loss_is_one(a in any_block(), b in any_block()) {
        let steps = diff(&a, &b);
        for s in &steps {
            let moved = a.table(&s.table).map(Table::is_schemaless) != b.table(&s.table).map(Table::is_schemaless);
            let loses = match s.change {
                Change::DropTable | Change::ChangeType => true,
                Change::DropColumn => !moved || s.subject.as_deref().is_some_and(|c| c.ends_with("At")),
                _ => false,
            };
            prop_assert_eq!(s.destructive, loses, "{}", s.describe());
            // Only where no table stays is there no place for a migration.
            let homeless = b.tables.iter().all(|t| a.table(&t.name).is_none());
            prop_assert_eq!(s.guide.is_some(), !s.covered && !homeless);
            let complete = s.statements("x\"y").iter().all(|s| !s.sql().contains(SCHEMA));
            prop_assert!(complete);
        }
        for t in &a.tables {
            let gone = b.table(&t.name).is_none();
            prop_assert_eq!(gone, steps.iter().any(|s| s.change == Change::DropTable && s.table == t.name));
        }
    }
}
