//! Whom does the server believe on the other end of a TLS connection?
//!
//! One place for what its outgoing connections trust: issuers of user tokens are always
//! verified; a database as its address says, in the words of libpq.

use anyhow::{Context as _, Result, ensure};
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use std::sync::Arc;

/// The system's root certificates (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others).
///
/// # Errors
/// When there are none.
pub fn system_roots() -> Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    let reasons: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
    ensure!(
        usable > 0,
        "this system has no root certificates to verify TLS connections with; install the \
         package ca-certificates. {}",
        reasons.join("; ")
    );
    Ok(roots)
}

/// Certificates have to lead to one of `roots` and name the host.
///
/// # Errors
/// Never, unless the cryptography library lacks its own protocol versions.
pub fn verifying(roots: RootCertStore) -> Result<ClientConfig> {
    Ok(builder()?.with_root_certificates(roots).with_no_client_auth())
}

/// Certificates have to satisfy `verifier` and nobody else.
///
/// # Errors
/// As [`verifying`].
pub fn verified_by(verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig> {
    let builder = builder()?.dangerous().with_custom_certificate_verifier(verifier);
    Ok(builder.with_no_client_auth())
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("setting up TLS")
}
