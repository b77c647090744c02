//! What does a decision cost?
//!
//! The same rules in both forms, through the public door, so that the thread hop of the engine
//! form is in its figures. Targets: native under 1 us, engine under 25 us, 100 rows native
//! under 50 us.
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, criterion_group, criterion_main};
use edgebase_rules::{
    Arg, Budgeted, Context, DbRead, Engine, FunctionId, Limits, Loaded, ReadError, load,
};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: Budgeted = Budgeted;

const BUDGET: Duration = Duration::from_secs(10);

const CONFIG: &str = "
const ROLES = ['admin', 'editor'];
const isOwner = (auth: any, row: any) => auth?.id === row.authorId;
export default {
  a_insert: (auth: any) => auth !== null,
  b_can_create: (auth: any, id: string) => auth?.id === id,
  c_roles: (auth: any) => ROLES.includes(auth?.role),
  d_custom: (auth: any) => auth?.custom?.plan === 'pro' && auth?.memberships?.some((m: any) => m.org === 'acme' && m.active),
  e_access: async (auth: any, id: string, ctx: any) => {
    const row = await ctx.db.get('workspace_members', `${auth.id}:${id}`);
    return row?.active === true;
  },
  f_read: (auth: any, row: any) => row.status === 'published' || isOwner(auth, row),
};";

struct Answers;

impl Context for Answers {
    fn read(&self, _: DbRead) -> BoxFuture<'static, Result<Value, ReadError>> {
        Box::pin(std::future::ready(Ok(json!({"active": true, "role": "member"}))))
    }
}

fn config(text: &str) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("edgebase.config.ts");
    std::fs::write(&file, text).unwrap();
    load(&file, &HashMap::new()).unwrap()
}

fn decisions_in<M: Measurement + 'static>(c: &mut Criterion<M>, forms: &[(&str, bool)]) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let _inside = runtime.enter();
    let loaded = config(CONFIG);
    let auth = Arg::Json(Arc::new(json!({
        "id": "u1", "role": "editor", "email": "u1@example.com", "custom": {"plan": "pro", "seats": 5},
        "memberships": [{"org": "other", "active": true}, {"org": "acme", "active": true}], "iat": 1, "exp": 2,
    })));
    let rows: Vec<Value> = (0..500)
        .map(|n| json!({
            "id": format!("r{n}"), "status": if n % 2 == 0 { "published" } else { "draft" }, "authorId": "u1",
            "title": "A title", "body": "Some text that is longer", "n": n, "tags": ["a", "b"], "views": 1,
            "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z", "a": 1, "b": 2, "c": 3, "d": 4, "e": 5,
        }))
        .collect();
    for (form, native) in forms.iter().copied() {
        let engine = Engine::start(&loaded, Limits { native, ..Limits::default() }).unwrap();
        let mut group = c.benchmark_group(form);
        let context: Arg = Arg::Context(Arc::new(Answers));
        for (number, info) in loaded.functions().iter().enumerate().take(5) {
            let args = [auth.clone(), Arg::Text("u1".into()), context.clone()];
            let arity = if info.path == "e_access" { 3 } else { 2 };
            group.bench_function(&info.path, |b| {
                b.to_async(&runtime).iter(|| {
                    let args = args[..arity].to_vec();
                    let engine = &engine;
                    async move {
                        assert!(
                            engine
                                .allows(FunctionId(number as u32), black_box(args), BUDGET)
                                .await
                                .is_allowed()
                        );
                    }
                });
            });
        }
        for count in [1, 20, 100, 500] {
            let rows = Arc::new(rows[..count].to_vec());
            group.bench_function(format!("f_read x{count}"), |b| {
                b.to_async(&runtime).iter(|| {
                    let call =
                        engine.allows_rows(FunctionId(5), auth.clone(), Arc::clone(&rows), BUDGET);
                    async move { assert_eq!(call.await, Ok(())) }
                });
            });
        }
        group.finish();
    }
}

/// The native form alone, in CPU time of its thread, which a crowded machine does not blur.
fn native_cpu(c: &mut Criterion<ThreadTime>) {
    decisions_in(c, &[("native, CPU time", true)]);
}

fn decisions(c: &mut Criterion) {
    decisions_in(c, &[("native", true), ("engine", false)]);
}

fn loading(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("edgebase.config.ts");
    std::fs::write(&file, CONFIG).unwrap();
    c.bench_function("load", |b| b.iter(|| load(&file, &HashMap::new()).unwrap()));
}

/// CPU time of the measuring thread.
struct ThreadTime(WallTime);

impl Measurement for ThreadTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        let t = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(t.tv_sec.unsigned_abs(), t.tv_nsec as u32)
    }

    fn end(&self, start: Duration) -> Duration {
        self.start() - start
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        self.0.formatter()
    }
}

fn timing<M: Measurement>(c: Criterion<M>) -> Criterion<M> {
    c.sample_size(30)
        .measurement_time(Duration::from_secs(1))
        .warm_up_time(Duration::from_millis(300))
}

criterion_group! {
    name = cpu;
    config = timing(Criterion::default().with_measurement(ThreadTime(WallTime)));
    targets = native_cpu
}
criterion_group! {
    name = wall;
    config = timing(Criterion::default());
    targets = decisions, loading
}
criterion_main!(cpu, wall);
