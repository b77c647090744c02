//! How is a key set read from an address or a file?
//!
//! Over HTTPS the certificate is verified against the system's roots. Only a 200 counts,
//! redirects are not followed, and no more than [`MAX_BYTES`] are read; how long it may take is
//! the caller's to say.

use super::key_source::{MAX_BYTES, Read};
use crate::tls;
use anyhow::{Context as _, Result};
use axum::http::{Request, StatusCode, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::RootCertStore;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::AsyncReadExt as _;

/// Reads the file each time.
#[must_use]
pub fn from_file(path: PathBuf) -> Read {
    Box::new(move || {
        let path = path.clone();
        Box::pin(async move {
            let read = async {
                let file = tokio::fs::File::open(&path).await?;
                let mut text = Vec::new();
                file.take(MAX_BYTES as u64 + 1).read_to_end(&mut text).await?;
                Ok::<_, std::io::Error>(text)
            };
            let text = read.await.map_err(|e| e.to_string())?;
            if text.len() > MAX_BYTES {
                return Err(format!("the file is larger than {MAX_BYTES} bytes"));
            }
            Ok(Bytes::from(text))
        })
    })
}

/// Asks the address each time, over a connection of its own.
///
/// # Errors
/// When the address is none, or the system has no root certificates.
pub fn from_url(url: &str) -> Result<Read> {
    let uri: Uri = url.parse().with_context(|| format!("{url} is no address"))?;
    let roots = match uri.scheme_str() {
        Some("https") => tls::system_roots()?,
        _ => RootCertStore::empty(),
    };
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls::verifying(roots)?)
        .https_or_http()
        .enable_http1()
        .build();
    let client: Client<_, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
    let client = Arc::new(client);
    Ok(Box::new(move || {
        let (client, uri) = (Arc::clone(&client), uri.clone());
        Box::pin(async move {
            let request = Request::get(uri)
                .header(header::ACCEPT, "application/jwk-set+json, application/json")
                .header(header::USER_AGENT, concat!("edgebase/", env!("CARGO_PKG_VERSION")))
                .body(Empty::new())
                .map_err(|e| e.to_string())?;
            let answer = client.request(request).await.map_err(|e| chain(&e))?;
            if answer.status() != StatusCode::OK {
                return Err(format!("the answer is {}", answer.status()));
            }
            match Limited::new(answer.into_body(), MAX_BYTES).collect().await {
                Ok(body) => Ok(body.to_bytes()),
                Err(e) => Err(e.to_string()),
            }
        })
    }))
}

/// An error with its causes; the client's own text is only its outermost one.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |e| e.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
