use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn block(tables: Value) -> StoredBlock {
    let config = json!({"databases": {"app": {"tables": tables}}});
    StoredBlock::all_from_json(&config).unwrap().remove(0)
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
        steps[0].statements("w:1"),
        [r#"ALTER TABLE "w:1"."p" ADD COLUMN IF NOT EXISTS "b" double precision"#]
    );
    assert_eq!(
        steps[1].statements("w:1"),
        [
            r#"ALTER TABLE "w:1"."p" ADD COLUMN IF NOT EXISTS "c" text COLLATE "C" NOT NULL DEFAULT ''"#
        ]
    );
    assert!(steps[6].statements("w:1")[0].contains(r#"REFERENCES "w:1"."p" ("id")"#));
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
            let loses = matches!(s.change, Change::DropTable | Change::DropColumn | Change::ChangeType);
            prop_assert_eq!(s.destructive, loses);
            let complete = s.statements("x\"y").iter().all(|sql| !sql.contains(SCHEMA));
            prop_assert!(complete);
        }
        for t in &a.tables {
            let gone = b.table(&t.name).is_none();
            prop_assert_eq!(gone, steps.iter().any(|s| s.change == Change::DropTable && s.table == t.name));
        }
    }
}
