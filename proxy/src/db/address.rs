//! How is the database reached, and how much is its certificate worth?
//!
//! Reads addresses as libpq does, with `sslmode` and `sslrootcert`, which the driver knows only
//! in part. `disable`, `prefer` (the default) and `require` mean what they mean there; wherever
//! roots are named the certificate is verified against them, and for `verify-full` and
//! `sslrootcert=system` the host's name as well. Without roots `require` encrypts and does
//! not authenticate the server: it keeps out an eavesdropper and not a man in the middle.

use super::hosts::Unanswered;
use crate::tls;
use anyhow::{Context as _, Result, bail, ensure};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

/// The driver's settings, and how it makes TLS connections with them.
pub struct Address {
    /// Everything but TLS.
    pub config: Config,
    /// Makes TLS connections, where `config` asks for them.
    pub tls: MakeRustlsConnect,
    /// The same for addresses that say the same, certificates included.
    pub fingerprint: [u8; 32],
    /// Which of its servers did not answer lately.
    pub unanswered: Unanswered,
}

/// What is asked of the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    Anybody,
    Chain,
    ChainAndName,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Address").field("config", &self.config).finish_non_exhaustive()
    }
}

impl std::str::FromStr for Address {
    type Err = anyhow::Error;

    /// A URL or a list of `key=value`; `sslrootcert` and the `verify-` modes only in a URL.
    fn from_str(url: &str) -> Result<Self> {
        let (base, query) = match url.split_once('?') {
            Some((base, query)) if base.contains("://") => (base, query),
            _ => (url, ""),
        };
        let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match form_urlencoded::parse(pair.as_bytes()).next() {
                Some((key, value)) if key == "sslmode" => mode = Some(value.into_owned()),
                Some((key, value)) if key == "sslrootcert" => roots = Some(value.into_owned()),
                _ => rest.push(pair.to_owned()),
            }
        }
        let trust = match (mode.as_deref(), roots.as_deref()) {
            (None | Some("disable" | "prefer" | "require"), None) => Trust::Anybody,
            (Some(mode @ ("disable" | "prefer")), Some(_)) => bail!(
                "sslmode={mode} does not verify anything, so sslrootcert does not go with it; use \
                 sslmode=verify-full"
            ),
            (Some("verify-full"), _) | (None | Some("require" | "verify-ca"), Some("system")) => {
                Trust::ChainAndName
            }
            (None | Some("require" | "verify-ca"), _) => Trust::Chain,
            (Some(mode), _) => {
                bail!("sslmode={mode} is none of disable, prefer, require, verify-ca, verify-full")
            }
        };
        let driver = match (mode, trust) {
            (None, Trust::Anybody) => None,
            (Some(mode), Trust::Anybody) => Some(mode),
            // Whoever wants to verify does not want to be talked out of TLS.
            _ => Some("require".to_owned()),
        };
        rest.extend(driver.map(|mode| format!("sslmode={mode}")));
        let address =
            if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        let file = roots.as_deref().filter(|roots| *roots != "system").map(read).transpose()?;
        let fingerprint = Sha256::new_with_prefix(url).chain_update(file.as_deref().unwrap_or(&[]));
        Ok(Self {
            config: address.parse()?,
            tls: MakeRustlsConnect::new(client(trust, roots.as_deref().zip(file.as_deref()))?),
            fingerprint: fingerprint.finalize().into(),
            unanswered: Unanswered::default(),
        })
    }
}

/// `roots` is a file that has them, and its content; without one they are the system's.
fn client(trust: Trust, roots: Option<(&str, &[u8])>) -> Result<ClientConfig> {
    if trust == Trust::Anybody {
        return tls::verified_by(Arc::new(Lenient { chain: None }));
    }
    let store = match roots {
        None => tls::system_roots()?,
        Some((file, pem)) => store(file, pem)?,
    };
    if trust == Trust::ChainAndName {
        return tls::verifying(store);
    }
    let chain = WebPkiServerVerifier::builder_with_provider(
        Arc::new(store),
        Arc::new(ring::default_provider()),
    );
    let chain = chain.build().context("reading the root certificates")?;
    tls::verified_by(Arc::new(Lenient { chain: Some(chain) }))
}

fn read(file: &str) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("reading the root certificates in {file}"))
}

fn store(file: &str, pem: &[u8]) -> Result<RootCertStore> {
    let about = || format!("reading the root certificates in {file}");
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        store.add(certificate.with_context(about)?).with_context(about)?;
    }
    ensure!(!store.is_empty(), "{file} has no certificates in PEM form");
    Ok(store)
}

/// Believes any certificate, or any that leads to a root, whatever name it has.
#[derive(Debug)]
struct Lenient {
    chain: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            // The name is looked at last, when everything else is right.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.chain {
            None => Ok(HandshakeSignatureValid::assertion()),
            Some(chain) => chain.verify_tls12_signature(message, certificate, signature),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.chain {
            None => Ok(HandshakeSignatureValid::assertion()),
            Some(chain) => chain.verify_tls13_signature(message, certificate, signature),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_postgres::config::SslMode;

    fn mode(url: &str) -> SslMode {
        url.parse::<Address>().unwrap().config.get_ssl_mode()
    }

    #[test]
    fn sslmode_is_what_it_is_for_libpq() {
        assert_eq!(mode("postgres://u@h/d"), SslMode::Prefer);
        assert_eq!(mode("postgres://u@h/d?sslmode=disable"), SslMode::Disable);
        assert_eq!(
            mode("postgres://u@h/d?application_name=a%20b&sslmode=require"),
            SslMode::Require
        );
        assert_eq!(mode("host=h user=u sslmode=require"), SslMode::Require);
        let address: Address =
            "postgres://u:p%3Fw@h:1/d?connect_timeout=3&sslmode=disable".parse().unwrap();
        assert_eq!(address.config.get_password(), Some(&b"p?w"[..]));
        assert_eq!(address.config.get_dbname(), Some("d"));
        assert_eq!(address.config.get_connect_timeout().map(|t| t.as_secs()), Some(3));
    }

    #[test]
    fn what_would_be_verified_less_than_asked_for_is_refused() {
        for (query, words) in [
            ("sslmode=prefer&sslrootcert=ca.pem", "does not verify anything"),
            ("sslmode=disable&sslrootcert=system", "sslmode=disable"),
            ("sslmode=verify", "none of"),
            ("sslmode=verify-full&sslrootcert=/no/such/file", "/no/such/file"),
            ("sslrootcert=/no/such/file", "/no/such/file"),
            ("sslmode=verify-ca&sslrootcert=/dev/null", "no certificates"),
            ("sslcert=x", "unknown option"),
        ] {
            let error = format!("postgres://u@h/d?{query}").parse::<Address>().err();
            let error = format!("{:#}", error.expect(query));
            assert!(error.contains(words), "{query}: {error}");
        }
    }
}
