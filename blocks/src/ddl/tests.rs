use super::*;
use proptest::prelude::*;
use serde_json::json;

fn block(tables: Value) -> StoredBlock {
    let config = json!({"databases": {"app": {"tables": tables}}});
    StoredBlock::all_from_json(&config).unwrap().remove(0)
}

#[test]
fn a_table_has_key_stamps_columns_and_named_constraints() {
    let b = block(json!({"posts": {"schema": {
        "title": {"type": "string", "required": true, "unique": true, "min": 1, "max": 80.5},
        "kind": {"type": "string", "enum": ["a", "it's"], "default": "a"},
        "n": {"type": "number", "default": 1.5, "check": "n > 0 -- comment"},
        "meta": {"type": "json", "default": {"a": [1]}},
        "updatedAt": false
    }}}));
    assert_eq!(
        create_table("app", &b.tables[0]),
        r#"CREATE TABLE "app"."posts" (
  "id" text COLLATE "C" NOT NULL,
  "createdAt" timestamptz(3) NOT NULL DEFAULT pg_catalog.now(),
  "title" text COLLATE "C" NOT NULL,
  "kind" text COLLATE "C" DEFAULT 'a',
  "n" double precision DEFAULT 1.5,
  "meta" jsonb DEFAULT '{"a":[1]}'::jsonb,
  CONSTRAINT "posts.pkey" PRIMARY KEY (id),
  CONSTRAINT "posts.title.key" UNIQUE ("title"),
  CONSTRAINT "posts.title.min" CHECK (edgebase.utf16_length("title") >= (1)),
  CONSTRAINT "posts.title.max" CHECK (edgebase.utf16_length("title") <= (80.5)),
  CONSTRAINT "posts.kind.enum" CHECK ("kind" IN ('a', 'it''s')),
  CONSTRAINT "posts.n.check" CHECK (n > 0 -- comment
)
)"#
    );
}

#[test]
fn schemaless_tables_keep_rows_in_one_document() {
    let b = block(json!({"anything": {}}));
    assert!(create_table("app", &b.tables[0]).contains(r#""_doc" jsonb NOT NULL DEFAULT '{}'"#));
}

#[test]
fn foreign_keys_come_after_every_table_so_circles_work() {
    let b = block(json!({
        "a": {"schema": {"b": {"type": "string", "references": "b"}, "self": {"type": "string", "references": "a(id)"}}},
        "b": {"schema": {"a": {"type": "string", "references": {"table": "a", "onDelete": "RESTRICT", "onUpdate": "CASCADE"}},
                          "u": {"type": "string", "references": "users"}}}
    }));
    let all = create_block("app", &b);
    assert_eq!(all.len(), 5);
    assert!(all[1].starts_with("CREATE TABLE"));
    assert_eq!(
        all[2],
        r#"ALTER TABLE "app"."a" ADD CONSTRAINT "a.b.fkey" FOREIGN KEY ("b") REFERENCES "app"."b" ("id") ON DELETE SET NULL"#
    );
    assert!(all[3].ends_with("ON DELETE CASCADE"));
    assert!(all[4].ends_with("ON DELETE RESTRICT ON UPDATE CASCADE"));
}

#[test]
fn full_text_covers_what_can_be_indexed() {
    let b = block(
        json!({"p": {"schema": {"a": "text", "n": "number", "d": "datetime"}, "fts": ["a", "n", "d"]}}),
    );
    assert_eq!(
        fts_expression(&b.tables[0]).unwrap(),
        r#"to_tsvector('pg_catalog.simple'::regconfig, coalesce("a", '') || ' ' || coalesce("n"::text, ''))"#
    );
    assert_eq!(indexes(&b.tables[0])[0].name, "p.fts");
}

#[test]
fn an_index_has_the_order_that_a_sort_asks_for() {
    let b = block(json!({"p": {
        "schema": {"n": "number", "key": {"type": "string", "unique": true, "required": true}},
        "indexes": [{"fields": ["n", "createdAt", "key"]}]
    }}));
    assert_eq!(indexes(&b.tables[0])[0].clause, r#"("n" NULLS FIRST, "createdAt", "key")"#);
}

#[test]
fn a_violated_constraint_leads_back_to_its_field() {
    let long = "x".repeat(60);
    let b = block(json!({"posts": {
        "schema": {"a": {"type": "string", "unique": true, "min": 1}, &long: {"type": "number", "max": 2}, "a.b": "string"},
        "indexes": [{"fields": ["a.b", "a"], "unique": true}]
    }}));
    let t = &b.tables[0];
    assert_eq!(constraint_field(t, "posts.pkey"), Some("id"));
    assert_eq!(constraint_field(t, "posts.a.key"), Some("a"));
    assert_eq!(constraint_field(t, "posts.a.min"), Some("a"));
    assert_eq!(constraint_field(t, "posts.a~1b.a.uidx"), Some("a.b"));
    assert_eq!(constraint_field(t, &check_name("posts", &long, "max")), Some(long.as_str()));
    assert_eq!(constraint_field(t, "posts.zzz.key"), None);
}

proptest! {
    #[test]
    fn names_fit_and_different_parts_give_different_names(
        a in "[ab.~\"é😀]{1,30}", b in "[ab.~\"é😀]{1,30}", c in "[ab.~\"é😀]{1,30}", d in "[ab.~\"é😀]{1,30}"
    ) {
        let (one, two) = (unique_name(&a, &b), unique_name(&c, &d));
        prop_assert!(one.len() <= MAX_IDENT);
        prop_assert_eq!(one == two, (a, b) == (c, d));
    }
}
