//! Does a deploy go unnoticed while servers of two configs run over one database?
//!
//! The product itself is the old server: its config is not touched. The new ones are `edgebase
//! serve` with another config, started once that is applied.

use super::room::{apply, beside, fill, notes, start};
use super::served::serve;
use edgebase_tests::unique;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Fields and a table more, and rules that no row breaks.
const NEXT: [(&str, &str); 2] = [
    (
        "title: { type: 'string' }, n: 'number' }",
        "title: { type: 'string', max: 200 }, n: 'number', extra: 'string', \
         kind: { type: 'string', required: true, default: 'plain' } }, indexes: [{ fields: ['kind'] }], fts: ['title']",
    ),
    (
        "/* more tables */",
        "tags: { schema: { note: { type: 'string', references: 'notes' } }, access: open },",
    ),
];

#[tokio::test]
async fn no_request_fails_while_a_config_is_applied_and_servers_of_both_run() {
    let product = Arc::new(start());
    let old = product.user("u");
    let ids: Vec<String> = (0..12).map(|_| unique("roll")).collect();
    for id in &ids {
        fill(&old, id, &["before"]).await;
    }
    let config = beside(&product, "next.ts", &NEXT);
    let refused = serve(&product, &config, &[]).err().expect("it is not applied yet");
    assert!(refused.contains("edgebase apply") && refused.contains("'room'"), "{refused}");

    // From here to the end somebody reads and writes through the old server, any instance.
    let stop = Arc::new(AtomicBool::new(false));
    let traffic: Vec<_> = (0..2)
        .map(|writer| {
            let (user, ids, stop) = (product.user("u"), ids.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                for i in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return i;
                    }
                    let path = notes(&ids[i * 7 % ids.len()]);
                    let answer = match writer {
                        0 => user.get(&path).await,
                        _ => user.post(&path, &json!({"title": "old", "n": i})).await,
                    };
                    assert!(matches!(answer.status, 200 | 201), "{path}: {}", answer.text);
                }
                0
            })
        })
        .collect();
    apply(&product, &config).await;
    let (new, again) =
        (serve(&product, &config, &[]).unwrap(), serve(&product, &product.config, &[]).unwrap());
    let (new, restarted) = (new.user(&product), again.user(&product));
    for (i, id) in ids.iter().enumerate() {
        let id = if i % 4 == 3 { unique("fresh") } else { id.clone() };
        let path = notes(&id);
        let (first, second) = if i % 2 == 0 { (&new, &restarted) } else { (&restarted, &new) };
        for user in [first, second, &old] {
            let made = user.post(&path, &json!({"title": "x", "n": 1})).await.expect(201);
            let one = format!("{path}/{}", made["id"].as_str().unwrap());
            user.patch(&one, &json!({"title": "y"})).await.expect(200);
            user.get(&one).await.expect(200);
        }
        // What the old server wrote or has long had is whole to the new one.
        for item in new.get(&format!("{path}?limit=1000")).await.items() {
            assert_eq!((&item["extra"], &item["kind"]), (&json!(null), &json!("plain")), "{item}");
        }
        // And what only the new one knows survives a write of the old one.
        let rich = json!({"title": "x", "extra": "e", "kind": "k"});
        let made = new.post(&path, &rich).await.expect(201);
        let one = format!("{path}/{}", made["id"].as_str().unwrap());
        old.patch(&one, &json!({"title": "z"})).await.expect(200);
        let now = new.get(&one).await.expect(200);
        assert_eq!(
            (&now["title"], &now["extra"], &now["kind"]),
            (&json!("z"), &json!("e"), &json!("k"))
        );
        new.post(&format!("/api/db/room/{id}/tables/tags"), &json!({"note": made["id"]}))
            .await
            .expect(201);
    }
    stop.store(true, Ordering::Relaxed);
    for task in traffic {
        assert!(task.await.expect("no request of the old server failed") > 0);
    }
}

#[tokio::test]
async fn a_table_that_has_another_name_is_not_taken_for_one_that_is_not_there_yet() {
    let product = start();
    let (old, id) = (product.user("u"), unique("renamed"));
    fill(&old, &id, &["kept"]).await;
    let memos = "memos: { migrations: [{ version: 1, description: 'rename notes to memos', \
                 up: 'ALTER TABLE notes RENAME TO memos' }], schema:";
    let config = beside(&product, "renamed.ts", &[("notes: { schema:", memos)]);
    apply(&product, &config).await;
    let new = serve(&product, &config, &[]).unwrap();
    let path = format!("/api/db/room/{id}/tables/memos");
    assert_eq!(new.user(&product).get(&path).await.items()[0]["title"], "kept");
    // Rather no answer than that there are no notes, or a second table of that name.
    assert_eq!(old.get(&notes(&id)).await.status, 503);
    assert_eq!(old.post(&notes(&id), &json!({"title": "lost"})).await.status, 503);
    assert_eq!(
        serve(&product, &product.config, &[]).unwrap().user(&product).get(&notes(&id)).await.status,
        503
    );
}
