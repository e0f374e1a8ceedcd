//! TLS on the command line.

use std::path::{Path, PathBuf};

use clap::Args;
use parterre_gate::dial::Dialer;
use parterre_gate::tls::Tls;

use crate::run::Ended;

/// TLS on every listener of the process.
#[derive(Debug, Args)]
pub(crate) struct Encryption {
    /// The certificate of every listener, a PEM file, the own one first. Read again on
    /// SIGHUP and when it changes.
    #[arg(long, env = "PARTERRE_TLS_CERT", value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's private key, a PEM file.
    #[arg(long, env = "PARTERRE_TLS_KEY", value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
}

/// Whom a client of a core trusts.
#[derive(Debug, Args)]
pub(crate) struct Trust {
    /// The certificate authorities of https:// cores, a PEM file; the system's when absent.
    #[arg(long, env = "PARTERRE_CORE_CA", value_name = "FILE")]
    pub(crate) core_ca: Option<PathBuf>,
}

impl Encryption {
    /// Reads the files, and reads them again for as long as the process lives.
    pub(crate) fn start(&self) -> Result<Option<Tls>, Ended> {
        let Some((certificate, key)) = self.files()? else {
            return Ok(None);
        };
        let tls = Tls::load(certificate, key)?;
        // Nobody waits for it: it has nothing to finish.
        drop(tokio::spawn(tls.clone().keep_current()));
        Ok(Some(tls))
    }

    /// Certificate and key; none without both. Asked for here, because the command line
    /// looks for what belongs together before it knows what the file says.
    pub(crate) fn files(&self) -> Result<Option<(&Path, &Path)>, Ended> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
            (None, None) => Ok(None),
            (Some(_), None) => Err(Ended::cannot("--tls-cert needs its --tls-key")),
            (None, Some(_)) => Err(Ended::cannot("--tls-key needs its --tls-cert")),
        }
    }
}

impl Trust {
    /// What makes connections to cores.
    pub(crate) fn dialer(&self) -> Result<Dialer, Ended> {
        Ok(Dialer::new(self.core_ca.as_deref())?)
    }
}
