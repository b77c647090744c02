//! What does a cursor say, and who can read it?
//!
//! A cursor holds a [`Position`]: the sort values of a row, each in a text that loses nothing of it,
//! and the row's id. Where that row was shown to
//! the caller, the cursor is plain: the id alone without a sort, as the SDKs expect, else JSON in
//! base64. A page that ends behind a row that was not shown has a sealed cursor: encrypted and
//! authenticated, bound to its caller, table and query, so that it neither tells where the hidden
//! row stands nor serves as a measure in another query. A plain cursor that a client makes up
//! begins anywhere; the rows behind it are still only those that the caller may see.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};

/// What a sealed cursor begins with; no record id does.
const SEALED: char = '~';

/// The place of a row in an ordered table.
#[derive(Clone, Debug, PartialEq)]
pub struct Position {
    /// The values of the sort keys as [exact texts](super::column::Column::write_exact).
    pub values: Vec<Option<String>>,
    /// The row's id.
    pub id: String,
    /// Rows behind it that the caller sees and the page leaves out.
    pub skip: i64,
}

/// Whether a cursor is sealed.
#[must_use]
pub fn is_sealed(text: &str) -> bool {
    text.starts_with(SEALED)
}

/// The cursor behind a row that the caller has seen. `sort` is the sort's fingerprint.
#[must_use]
pub fn plain(sort: Option<&Value>, position: &Position) -> String {
    match sort {
        None => position.id.clone(),
        Some(sort) => URL_SAFE_NO_PAD.encode(array(sort, position).to_string()),
    }
}

/// Reads a plain cursor of that sort, which has `keys` keys.
#[must_use]
pub fn read_plain(text: &str, sort: Option<&Value>, keys: usize) -> Option<Position> {
    match sort {
        None => Some(Position { values: Vec::new(), id: text.to_owned(), skip: 0 }),
        Some(sort) => from_array(&URL_SAFE_NO_PAD.decode(text).ok()?, sort, keys),
    }
}

fn array(sort: &Value, position: &Position) -> Value {
    std::iter::once(sort.clone())
        .chain(position.values.iter().map(|value| json!(value)))
        .chain(std::iter::once(Value::from(position.id.as_str())))
        .collect()
}

fn from_array(json: &[u8], sort: &Value, keys: usize) -> Option<Position> {
    let mut parts = serde_json::from_slice::<Vec<Value>>(json).ok()?;
    if parts.len() != keys + 2 || parts.iter().any(super::value::has_nul) {
        return None;
    }
    let id = parts.pop()?.as_str()?.to_owned();
    if parts.remove(0) != *sort {
        return None;
    }
    let text = |value| match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    Some(Position { values: parts.into_iter().map(text).collect(), id, skip: 0 })
}

/// The key that cursors are sealed with.
#[derive(Clone)]
pub struct CursorKey(LessSafeKey);

impl CursorKey {
    /// The key that goes with a secret: the same in every server that has the secret.
    ///
    /// # Errors
    /// Never: the length is that of the algorithm.
    pub fn derive(secret: &[u8]) -> Result<Self, ring::error::Unspecified> {
        let salt = Salt::new(HKDF_SHA256, b"edgebase");
        let key = salt.extract(secret);
        let key = key.expand(&[b"sealed cursor"], &AES_256_GCM)?;
        Ok(Self(LessSafeKey::new(UnboundKey::from(key))))
    }

    /// A key of its own, for a server without secrets.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn random() -> Result<Self, ring::error::Unspecified> {
        let mut secret = [0; 32];
        SystemRandom::new().fill(&mut secret)?;
        Self::derive(&secret)
    }

    /// The cursor behind a row that the caller has not seen. It opens in the same `context` only.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn seal(
        &self,
        position: &Position,
        context: &str,
    ) -> Result<String, ring::error::Unspecified> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce)?;
        let mut text =
            json!([position.skip, position.values, position.id]).to_string().into_bytes();
        let (aad, unique) = (Aad::from(context.as_bytes()), Nonce::assume_unique_for_key(nonce));
        self.0.seal_in_place_append_tag(unique, aad, &mut text)?;
        Ok(format!("{SEALED}{}", URL_SAFE_NO_PAD.encode([&nonce[..], &text].concat())))
    }

    /// Reads a sealed cursor that was made in this context.
    #[must_use]
    pub fn open(&self, text: &str, context: &str) -> Option<Position> {
        let mut bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(SEALED)?).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk_mut::<NONCE_LEN>()?;
        let (aad, nonce) = (Aad::from(context.as_bytes()), Nonce::assume_unique_for_key(*nonce));
        let json = self.0.open_in_place(nonce, aad, sealed).ok()?;
        let (skip, values, id) = serde_json::from_slice(json).ok()?;
        Some(Position { values, id, skip })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position() -> Position {
        Position { values: vec![Some("4711".into()), None], id: "hidden".into(), skip: 3 }
    }

    #[test]
    fn a_sealed_cursor_opens_with_its_key_and_in_its_context_only() {
        let key = CursorKey::derive(b"secret").unwrap();
        let sealed = key.seal(&position(), "u1").unwrap();
        assert!(is_sealed(&sealed) && !sealed.contains("hidden"));
        assert_eq!(CursorKey::derive(b"secret").unwrap().open(&sealed, "u1"), Some(position()));
        assert_eq!(key.open(&sealed, "u2"), None);
        assert_eq!(CursorKey::random().unwrap().open(&sealed, "u1"), None);
        for at in 1..sealed.len() {
            let mut forged = sealed.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(key.open(&String::from_utf8(forged).unwrap(), "u1"), None, "{at}");
        }
        for forged in ["~", "~AAAA", "~!", "hidden", ""] {
            assert_eq!(key.open(forged, "u1"), None, "{forged}");
        }
    }

    #[test]
    fn two_cursors_of_one_place_have_nothing_in_common() {
        let key = CursorKey::derive(b"secret").unwrap();
        let cursors = [0, 1].map(|_| key.seal(&position(), "u1").unwrap());
        assert_ne!(cursors[0][..20], cursors[1][..20]);
    }

    #[test]
    fn a_plain_cursor_belongs_to_its_sort() {
        let sort = json!(["+n"]);
        let position = Position { values: vec![Some("1".into())], id: "a".into(), skip: 0 };
        let text = plain(Some(&sort), &position);
        assert_eq!(read_plain(&text, Some(&sort), 1), Some(position.clone()));
        assert_eq!(read_plain(&text, Some(&json!(["-n"])), 1), None);
        assert_eq!(read_plain("a", Some(&sort), 1), None);
        assert_eq!(plain(None, &position), "a");
    }
}
