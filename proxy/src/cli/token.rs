//! Who is this user, in a form that the server believes?
//!
//! Mints the same tokens that the original's own authentication does: HS256, issuer
//! `edgebase:user`. Whoever has the secret can be anybody, so this is for development and for
//! back ends that authenticate their users themselves.

use super::{DataDirArgument, print};
use anyhow::{Context, Result, bail};
use edgebase_proxy::cluster::Secrets;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Map, Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Mint a user token.
///
/// Signs it with JWT_USER_SECRET, or with the secret of the development cluster.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  edgebase token --sub alice
  edgebase token --sub alice --role admin --expires 7d
  edgebase token --sub alice --claims '{\"email\":\"a@example.com\",\"custom\":{\"plan\":\"pro\"}}'

A rule sees it as auth: {id: sub, email, role, isAnonymous, custom}.")]
pub struct Arguments {
    /// Id of the user; `auth.id` in rules.
    #[arg(long, value_name = "ID")]
    sub: String,

    /// `auth.role` in rules; `user` when absent.
    #[arg(long)]
    role: Option<String>,

    /// Further claims as a JSON object, e.g. '{"custom":{"plan":"pro"}}'.
    #[arg(long, value_name = "JSON")]
    claims: Option<String>,

    /// How long the token is valid: 30s, 15m, 1h, 7d.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = humantime::parse_duration)]
    expires: Duration,

    #[command(flatten)]
    dir: DataDirArgument,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    let claims = claims(arguments, now)?;
    let key = EncodingKey::from_secret(secret(arguments)?.as_bytes());
    print(encode(&Header::default(), &claims, &key).context("signing the token")?)
}

fn claims(arguments: &Arguments, now: Duration) -> Result<Map<String, Value>> {
    if arguments.sub.is_empty() {
        bail!("--sub must not be empty.");
    }
    let mut claims = match &arguments.claims {
        None => Map::new(),
        Some(text) => match serde_json::from_str(text) {
            Ok(Value::Object(claims)) => claims,
            Ok(_) => {
                bail!("--claims must be a JSON object, like '{{\"custom\":{{\"plan\":\"pro\"}}}}'.")
            }
            Err(e) => bail!("--claims is not JSON: {e}"),
        },
    };
    claims.insert("sub".into(), json!(arguments.sub));
    if let Some(role) = &arguments.role {
        claims.insert("role".into(), json!(role));
    }
    claims.insert("iss".into(), json!("edgebase:user"));
    claims.insert("iat".into(), json!(now.as_secs()));
    claims.insert("exp".into(), json!(now.saturating_add(arguments.expires).as_secs()));
    Ok(claims)
}

fn secret(arguments: &Arguments) -> Result<String> {
    if let Ok(secret) = std::env::var("JWT_USER_SECRET")
        && !secret.is_empty()
    {
        return Ok(secret);
    }
    let dir = &arguments.dir.data_dir;
    Secrets::load(dir)?.map(|s| s.jwt_secret).with_context(|| {
        format!(
            "There is no secret to sign with: set JWT_USER_SECRET, or start `edgebase dev` once \
             (it keeps one in {})",
            dir.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(line: &[&str]) -> Arguments {
        Line::parse_from([&["token"], line].concat()).arguments
    }

    #[test]
    fn further_claims_cannot_replace_subject_and_issuer() {
        let line =
            ["--sub", "alice", "--claims", r#"{"sub":"bob","iss":"x","custom":{"plan":"pro"}}"#];
        let claims = claims(&parse(&line), Duration::from_secs(100)).unwrap();
        assert_eq!(
            Value::Object(claims),
            json!({"sub": "alice", "iss": "edgebase:user", "custom": {"plan": "pro"}, "iat": 100, "exp": 3700})
        );
    }

    #[test]
    fn claims_that_are_no_object_are_refused() {
        for text in ["[1]", "{", "\"x\""] {
            assert!(claims(&parse(&["--sub", "a", "--claims", text]), Duration::ZERO).is_err());
        }
    }
}
