//! Where does the address of a database come from, and is it still the same?
//!
//! Passwords and certificates are exchanged while servers run. An address is the value of a variable
//! or, where `NAME_FILE` is set in its place, the content of a file; its `sslrootcert` is a file as
//! well. Files are read again when the operator asks for it, and when a connection cannot be made:
//! the password that was refused may be the one of before. Connections that were made with another
//! address are not used again.

use super::address::Address;
use anyhow::{Context as _, Result, bail};
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// An address that may change.
#[derive(Debug)]
pub struct Source {
    origin: Origin,
    current: ArcSwap<Address>,
}

/// Where an address is written.
#[derive(Clone, PartialEq, Eq)]
enum Origin {
    /// Here.
    Text(String),
    /// In a file.
    File(PathBuf),
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // It holds a password.
            Self::Text(_) => f.write_str("Text"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

impl Origin {
    /// What a variable, or that of the same name with `_FILE`, says; `None` when neither is set.
    fn named(environment: &HashMap<String, String>, variable: &str) -> Result<Option<Self>> {
        let set = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        let file = format!("{variable}_FILE");
        match (set(variable), set(&file)) {
            (Some(_), Some(_)) => bail!("{variable} and {file} are both set; set one of them"),
            (Some(text), None) => Ok(Some(Self::Text(text.clone()))),
            (None, Some(path)) => Ok(Some(Self::File(path.into()))),
            (None, None) => Ok(None),
        }
    }

    fn text(&self) -> Result<String> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::File(path) => {
                let text = std::fs::read_to_string(path);
                let text = text.with_context(|| format!("reading {}", path.display()))?;
                Ok(text.trim().to_owned())
            }
        }
    }

    fn read(&self) -> Result<Address> {
        let mut address: Address = self.text()?.parse()?;
        if address.config.get_application_name().is_none() {
            address.config.application_name("edgebase");
        }
        if address.config.get_options().is_none() {
            // One request, one processor: with parallel workers a single scan takes them all.
            address.config.options("-c max_parallel_workers_per_gather=0");
        }
        Ok(address)
    }
}

/// Whether the address of a database is given by that variable or its file.
#[must_use]
pub fn is_named(environment: &HashMap<String, String>, variable: &str) -> bool {
    !matches!(Origin::named(environment, variable), Ok(None))
}

/// The address that a variable or its file has at present, as text.
///
/// # Errors
/// When neither is set, both are, or the file cannot be read.
pub fn text_of(environment: &HashMap<String, String>, variable: &str) -> Result<String> {
    let origin = Origin::named(environment, variable)?;
    origin.with_context(|| format!("neither {variable} nor {variable}_FILE is set"))?.text()
}

impl Source {
    /// An address that only its certificates can change of.
    ///
    /// # Errors
    /// When it cannot be understood.
    pub fn fixed(text: &str) -> Result<Self> {
        Self::of(Origin::Text(text.to_owned()))
    }

    /// The address that a variable or its file names; `None` when neither is set.
    ///
    /// # Errors
    /// When both are set, or what they name cannot be read or understood.
    pub fn named(environment: &HashMap<String, String>, variable: &str) -> Result<Option<Self>> {
        let origin = Origin::named(environment, variable)?;
        let source = origin.map(Self::of).transpose();
        source.with_context(|| format!("the address in {variable} cannot be understood"))
    }

    fn of(origin: Origin) -> Result<Self> {
        let current = ArcSwap::from_pointee(origin.read()?);
        Ok(Self { origin, current })
    }

    /// Whether another source has the same address with the same certificates at present.
    #[must_use]
    pub fn is_same_address(&self, other: &Self) -> bool {
        self.current().fingerprint == other.current().fingerprint
    }

    /// The address as it was read last.
    #[must_use]
    pub fn current(&self) -> Arc<Address> {
        self.current.load_full()
    }

    /// Reads it again; the new one when it has changed.
    ///
    /// # Errors
    /// When it cannot be read or understood any more. The former stays.
    pub fn reload(&self) -> Result<Option<Arc<Address>>> {
        let (former, address) = (self.current(), self.origin.read()?);
        if address.fingerprint == former.fingerprint {
            return Ok(None);
        }
        let address = Arc::new(address);
        self.current.store(Arc::clone(&address));
        Ok(Some(address))
    }

    /// The same for those who cannot wait for a disk.
    pub async fn reload_if_changed(self: &Arc<Self>) -> Option<Arc<Address>> {
        let source = Arc::clone(self);
        let reloaded = tokio::task::spawn_blocking(move || source.reload()).await;
        match reloaded {
            Ok(Ok(changed)) => changed,
            Ok(Err(e)) => {
                tracing::error!("the address of the database was not read again: {e:#}");
                None
            }
            Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn an_address_is_in_a_variable_or_in_a_file_and_not_in_both() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "postgres://u:file@h/d\n").unwrap();
        let path = file.path().to_str().unwrap();
        let named = |pairs: &[(&str, &str)]| {
            let found = Source::named(&environment(pairs), "URL")?;
            let password = |s: Source| s.current().config.get_password().map(<[u8]>::to_vec);
            Ok::<_, anyhow::Error>(found.and_then(password))
        };
        assert_eq!(named(&[]).unwrap(), None);
        assert_eq!(named(&[("URL", ""), ("URL_FILE", "")]).unwrap(), None);
        assert_eq!(named(&[("URL", "postgres://u:text@h/d")]).unwrap().unwrap(), b"text");
        assert_eq!(named(&[("URL", ""), ("URL_FILE", path)]).unwrap().unwrap(), b"file");
        let both = named(&[("URL", "postgres://u@h/d"), ("URL_FILE", path)]).unwrap_err();
        assert!(both.to_string().contains("both set"), "{both}");
        let none = named(&[("URL_FILE", "/no/such/file")]).unwrap_err();
        assert!(format!("{none:#}").contains("/no/such/file"), "{none:#}");
        assert!(is_named(&environment(&[("URL_FILE", path)]), "URL"));
        assert!(!is_named(&environment(&[("OTHER", path)]), "URL"));
    }

    #[test]
    fn an_address_changes_with_its_file_and_a_broken_one_does_not_count() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "postgres://u:first@h/d").unwrap();
        let source = Source::of(Origin::File(file.path().into())).unwrap();
        assert!(source.reload().unwrap().is_none());
        std::fs::write(file.path(), "postgres://u:second@h/d").unwrap();
        let changed = source.reload().unwrap().unwrap();
        assert_eq!(changed.config.get_password(), Some(&b"second"[..]));
        assert!(Arc::ptr_eq(&changed, &source.current()));
        assert!(source.reload().unwrap().is_none());
        std::fs::write(file.path(), "postgres://u:third@h/d?no=option").unwrap();
        assert!(source.reload().is_err());
        assert!(Arc::ptr_eq(&changed, &source.current()));
    }

    #[test]
    fn certificates_are_part_of_an_address() {
        // One in form; nobody is verified by it.
        let certificate = include_str!("../../tests/ca.pem");
        let file = tempfile::NamedTempFile::new().unwrap();
        let write = |text: &str| std::fs::write(file.path(), text).unwrap();
        write(certificate);
        let url = format!("postgres://u@h/d?sslrootcert={}", file.path().display());
        let source = Source::fixed(&url).unwrap();
        assert!(source.reload().unwrap().is_none());
        write(&format!("{certificate}\n{certificate}"));
        assert!(source.reload().unwrap().is_some());
        write("nothing");
        assert!(source.reload().is_err());
    }
}
