//! Does a config mean what section 6 of the contract says, key by key?
//!
//! One row for each line of the section's tables and lists: a config, and what has to come of it.
//! Where this product chooses otherwise, `choice` says what and why.

use edgebase_blocks::config::SchemaEndpoint;
use edgebase_blocks::{BlockKind, Config};
use serde_json::{Value, json};

struct Row {
    section: &'static str,
    config: Value,
    expected: Expected,
    choice: Option<&'static str>,
}

enum Expected {
    /// It is valid, and this holds of it.
    Means(fn(&Config) -> bool),
    /// It is refused; the message, place included, has all of these parts.
    Refused(&'static [&'static str]),
}

use Expected::{Means, Refused};

fn row(section: &'static str, config: Value, expected: Expected) -> Row {
    Row { section, config, expected, choice: None }
}

impl Row {
    fn choice(mut self, why: &'static str) -> Self {
        self.choice = Some(why);
        self
    }

    fn problem(&self) -> Option<String> {
        let about = |what: String| {
            let choice = self.choice.map_or(String::new(), |c| format!(" (our choice: {c})"));
            Some(format!("{} {}{choice}: {what}", self.section, self.config))
        };
        match (Config::from_json(&self.config), &self.expected) {
            (Ok(config), Means(holds)) if holds(&config) => None,
            (Ok(config), Means(_)) => about(format!("means something else: {config:?}")),
            (Ok(_), Refused(_)) => about("is accepted".into()),
            (Err(error), Means(_)) => about(format!("is refused: {error}")),
            (Err(error), Refused(parts)) => {
                let text = error.to_string();
                let missing = parts.iter().find(|part| !text.contains(**part))?;
                about(format!("'{text}' does not say '{missing}'"))
            }
        }
    }
}

/// All rows hold; those that do not are told together.
fn hold(rows: &[Row]) {
    let problems: Vec<String> = rows.iter().filter_map(Row::problem).collect();
    assert!(problems.is_empty(), "{} rows do not hold:\n{}", problems.len(), problems.join("\n"));
}

fn function(n: u32) -> Value {
    json!({"$function": n})
}

#[allow(clippy::needless_pass_by_value)] // rows are written with literals
fn block(block: Value) -> Value {
    json!({"databases": {"x": block}})
}

#[allow(clippy::needless_pass_by_value)] // rows are written with literals
fn table(table: Value) -> Value {
    block(json!({"tables": {"t": table}}))
}

#[allow(clippy::needless_pass_by_value)] // rows are written with literals
fn key(key: Value) -> Value {
    json!({"serviceKeys": {"keys": [key]}})
}

fn kind(config: &Config) -> BlockKind {
    config.databases["x"].kind
}

fn connection_string(config: &Config) -> Option<&str> {
    config.databases["x"].connection_string.as_deref()
}

#[test]
fn every_key_at_the_top_means_what_the_contract_says() {
    hold(&[
        row("6.1", json!({}), Means(|c| !c.release && c.databases.is_empty())),
        row("6.1", json!({"release": true}), Means(|c| c.release)),
        row(
            "6.1",
            json!({"databases": {"a": {}, "b": {}}}),
            Means(|c| c.databases.keys().eq(["a", "b"])),
        ),
        row("6.1", json!({}), Means(|c| c.service_keys.is_none())),
        row(
            "6.1",
            key(json!({"kid": "root", "tier": "root", "scopes": ["*"],
                "secretSource": "dashboard", "secretRef": "SERVICE_KEY"})),
            Means(|c| c.service_keys.as_ref().is_some_and(|keys| keys[0].kid == "root")),
        ),
        row(
            "6.1",
            json!({"cors": {"origin": ["https://a.example"], "methods": ["GET"],
                "credentials": true, "maxAge": 60}}),
            Means(|c| {
                let cors = c.cors.as_ref();
                cors.is_some_and(|c| c.max_age == Some(60) && c.credentials == Some(true))
            }),
        ),
        row(
            "6.1",
            json!({"rateLimiting": {"db": {"requests": 5, "window": "60s"},
                "global": {"requests": 9, "window": 10}}}),
            Means(|c| {
                c.rate_limiting["db"].requests == 5 && c.rate_limiting["global"].requests == 9
            }),
        ),
        row("6.1", json!({}), Means(|c| c.schema_endpoint == SchemaEndpoint::Off)),
        row(
            "6.1",
            json!({"api": {"schemaEndpoint": false}}),
            Means(|c| c.schema_endpoint == SchemaEndpoint::Off),
        ),
        row(
            "6.1",
            json!({"api": {"schemaEndpoint": true}}),
            Means(|c| c.schema_endpoint == SchemaEndpoint::Public),
        ),
        row(
            "6.1",
            json!({"api": {"schemaEndpoint": "authenticated"}}),
            Means(|c| c.schema_endpoint == SchemaEndpoint::Authenticated),
        ),
        row(
            "6.1",
            json!({"api": {"schemaEndpoint": "public"}}),
            Refused(&["schemaEndpoint", "authenticated"]),
        )
        .choice("an unknown word is an error: guessing could open the endpoint"),
        row(
            "6.1",
            json!({"databaseLive": {"authTimeoutMs": 1, "batchThreshold": 2}}),
            Means(|c| c.warnings.is_empty()),
        ),
        row("6.1", json!({}), Means(|c| !c.trust_self_hosted_proxy)),
        row("6.1", json!({"trustSelfHostedProxy": true}), Means(|c| c.trust_self_hosted_proxy)),
        row(
            "6.1",
            json!({"auth": {"handlers": {"hooks": {"enrich": function(7)}}}}),
            Means(|c| c.enrich.is_some()),
        ),
        row(
            "6.1",
            json!({"baseUrl": "https://a.example", "plugins": [], "functions": {},
                "captcha": {"siteKey": "k"}}),
            Means(|c| c.warnings.is_empty() && c.captcha_site_key.as_deref() == Some("k")),
        ),
    ]);
}

#[test]
fn every_key_of_a_block_means_what_the_contract_says() {
    let single = || Means(|c| kind(c) == BlockKind::Single);
    let dynamic = || Means(|c| kind(c) == BlockKind::Dynamic);
    let at_home = "without connectionString the block is in the server's own database";
    hold(&[
        row("6.2", block(json!({})), single()),
        row("6.2", block(json!({"provider": "do"})), single()),
        row("6.2", block(json!({"provider": "d1"})), single()),
        row("6.2", block(json!({"provider": "neon"})), single()).choice(at_home),
        row("6.2", block(json!({"provider": "postgres"})), single()).choice(at_home),
        row(
            "6.2",
            block(json!({"provider": "mysql"})),
            Refused(&["databases.x", "invalid provider 'mysql'. Must be one of: "]),
        ),
        row("6.2", block(json!({"instance": true})), dynamic()),
        row("6.2", block(json!({"instance": true, "provider": "do"})), dynamic()),
        row("6.2", block(json!({"instance": true, "provider": "postgres"})), dynamic())
            .choice("every block is in PostgreSQL, so the word is true of a dynamic one as well"),
        row(
            "6.2",
            block(json!({"provider": "postgres", "connectionString": "OTHER"})),
            Means(|c| connection_string(c) == Some("OTHER")),
        ),
        row(
            "6.2",
            block(json!({"provider": "neon", "connectionString": "OTHER"})),
            Means(|c| connection_string(c) == Some("OTHER")),
        ),
        row(
            "6.2",
            block(json!({"provider": "do", "connectionString": "OTHER"})),
            Refused(&["DB 'x': connectionString is not used with provider 'do'."]),
        ),
        row(
            "6.2",
            block(json!({"provider": "d1", "connectionString": "OTHER"})),
            Refused(&["DB 'x': connectionString is not used with provider 'd1'."]),
        ),
        row(
            "6.2",
            block(json!({"instance": true, "provider": "postgres", "connectionString": "OTHER"})),
            Refused(&["DB 'x'", "dynamic"]),
        ),
        row("6.2", block(json!({"access": {"canCreate": function(0)}})), dynamic()),
        row("6.2", block(json!({"access": {"access": function(0)}})), dynamic()),
        row("6.2", block(json!({"access": {"delete": function(0)}})), single()),
        row(
            "6.2",
            block(json!({"access": {"create": function(0)}})),
            Refused(&["databases.x", "create"]),
        )
        .choice("a misspelt rule would leave the block open"),
        row(
            "6.2",
            block(json!({"admin": {"instances": {"source": "table", "namespace": "app",
                "table": "w", "limit": 20}}})),
            single(),
        ),
        row(
            "6.2",
            block(json!({"tables": {"a": {}, "b": {}}})),
            Means(|c| c.databases["x"].tables.keys().eq(["a", "b"])),
        ),
        row(
            "6.2",
            json!({"databases": {"workspace:{id}": {}}}),
            Means(|c| c.databases["workspace"].kind == BlockKind::Dynamic),
        )
        .choice("the documents' spelling works and means a dynamic block of that name"),
    ]);
}

#[test]
fn every_key_of_a_table_means_what_the_contract_says() {
    hold(&[
        row("6.3", table(json!({})), Means(|c| c.databases["x"].tables["t"].table.is_schemaless())),
        row(
            "6.3",
            table(json!({"schema": {"a": {"type": "string"}, "createdAt": false}})),
            Means(|c| {
                let table = &c.databases["x"].tables["t"].table;
                table.columns().map(|(name, _)| name).eq(["id", "updatedAt", "a"])
            }),
        ),
        row(
            "6.3",
            table(json!({"access": {"read": true, "insert": function(0), "update": false,
                "delete": function(1)}})),
            Means(|c| {
                let access = c.databases["x"].tables["t"].access.as_ref();
                access.is_some_and(|a| {
                    a.read.is_some()
                        && a.insert.is_some()
                        && a.update.is_some()
                        && a.delete.is_some()
                })
            }),
        ),
        row(
            "6.3",
            table(json!({"handlers": {"hooks": {"beforeInsert": function(0),
                "onEnrich": function(1)}}})),
            Means(|c| {
                let hooks = &c.databases["x"].tables["t"].hooks;
                hooks.before_insert.is_some()
                    && hooks.on_enrich.is_some()
                    && hooks.after_delete.is_none()
            }),
        ),
        row(
            "6.3",
            table(json!({"schema": {"a": {"type": "string"}, "b": {"type": "number"}},
                "indexes": [{"fields": ["a", "b"], "unique": true}, {"fields": ["b"]}]})),
            Means(|c| {
                let indexes = &c.databases["x"].tables["t"].table.indexes;
                indexes.len() == 2 && indexes[0].unique && !indexes[1].unique
            }),
        ),
        row(
            "6.3",
            table(json!({"schema": {"a": {"type": "string"}}, "fts": ["a"]})),
            Means(|c| c.databases["x"].tables["t"].table.fts == ["a"]),
        ),
        row(
            "6.3",
            table(json!({"migrations": [
                {"version": 2, "description": "two", "up": "SELECT 2", "upPg": "SELECT 3"},
                {"version": 1, "description": "one", "up": "SELECT 1"}]})),
            Means(|c| {
                let migrations = &c.databases["x"].tables["t"].table.migrations;
                migrations.iter().map(|m| m.version).eq([1, 2])
            }),
        ),
    ]);
}

#[test]
fn every_mistake_that_the_contract_lists_is_refused_when_the_config_is_read() {
    hold(&[
        row(
            "6.4",
            json!({"databases": {"a": {"tables": {"t": {}}}, "b": {"tables": {"t": {}}}}}),
            Means(|c| c.databases.len() == 2),
        )
        .choice("blocks are apart, so each may have a table of that name"),
        row(
            "6.4",
            block(json!({"instance": true, "provider": "d1"})),
            Means(|c| kind(c) == BlockKind::Dynamic),
        )
        .choice("every block is in PostgreSQL, so a provider is only a word"),
        row(
            "6.4",
            table(json!({"migrations": [{"version": 1, "description": "", "up": "SELECT 1"}]})),
            Refused(&["migrations[0].description is required"]),
        ),
        row(
            "6.4",
            table(json!({"migrations": [{"version": 1, "up": "SELECT 1"}]})),
            Refused(&["databases.x.tables.t.migrations", "description"]),
        ),
        row(
            "6.4",
            table(json!({"schema": {"id": {"type": "string"}}})),
            Refused(&[
                "auto-field 'id' cannot be type-overridden. Use 'id: false' to disable it, or omit it",
            ]),
        ),
        row(
            "6.4",
            table(json!({"schema": {"updatedAt": {"type": "datetime"}}})),
            Refused(&["auto-field 'updatedAt' cannot be type-overridden."]),
        ),
        row("6.4", key(json!({"secretRef": "K"})), Refused(&["serviceKeys", "kid is required"])),
        row("6.4", key(json!({"kid": "a_b", "secretRef": "K"})), Refused(&["kid 'a_b'"])),
        row(
            "6.4",
            json!({"serviceKeys": {"keys": [{"kid": "a", "secretRef": "K"},
                {"kid": "a", "secretRef": "L"}]}}),
            Refused(&["kid 'a' stands twice"]),
        ),
        row("6.4", key(json!({"kid": "a", "secretSource": "dashboard"})), Refused(&["secretRef"])),
        row("6.4", key(json!({"kid": "a", "secretSource": "inline"})), Refused(&["inlineSecret"])),
        row("6.4", block(json!({"rules": {}})), Refused(&["legacy", "access"])),
        row("6.4", table(json!({"rules": {"read": true}})), Refused(&["legacy", "access"])),
        row("6.4", table(json!({"fields": {}})), Refused(&["legacy", "schema"])),
        row("6.4", table(json!({"hooks": {}})), Refused(&["legacy", "handlers.hooks"])),
        row(
            "6.4",
            table(json!({"schema": {"a": {"type": "string", "ref": "b"}}})),
            Refused(&["legacy", "references"]),
        ),
        row(
            "6.4",
            table(json!({"schema": {"a": {"required": true}}})),
            Refused(&["databases.x.tables.t.schema", "type"]),
        ),
        row(
            "6.4",
            table(json!({"schema": {"a": "string"}})),
            Means(|c| c.databases["x"].tables["t"].table.field("a").is_some()),
        )
        .choice("the documents' shorthand works"),
        row(
            "6.5",
            block(json!({"tables": {"plugin/t": {}}})),
            Means(|c| c.databases["x"].tables.contains_key("plugin/t")),
        ),
    ]);
}
