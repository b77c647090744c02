//! What does the database itself say?
//!
//! Plain connections to the cluster behind a product, as its superuser or as the login role of
//! the proxy.

use tokio_postgres::{Client, Error, NoTls, SimpleQueryMessage};

/// Connects; the connection lives as long as the client.
///
/// # Panics
/// When the database does not answer.
pub async fn connect(url: &str) -> Client {
    try_connect(url).await.expect("the database answers")
}

/// Connects, or says why not.
///
/// # Errors
/// As the database does.
pub async fn try_connect(url: &str) -> Result<Client, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The first column of every row that `statement`, sent as plain text, answers.
///
/// # Errors
/// As the database does.
pub async fn texts(client: &Client, statement: &str) -> Result<Vec<String>, Error> {
    let messages = client.simple_query(statement).await?;
    Ok(messages
        .iter()
        .filter_map(|m| match m {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("NULL").to_owned()),
            _ => None,
        })
        .collect())
}

/// The SQLSTATE that `statement` is refused with; `None` when it is not.
pub async fn refusal(client: &Client, statement: &str) -> Option<String> {
    let error = client.simple_query(statement).await.err()?;
    Some(error.code().map_or_else(|| error.to_string(), |code| code.code().to_owned()))
}

/// `text` as an SQL identifier.
#[must_use]
pub fn ident(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// `text` as an SQL literal.
#[must_use]
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
