//! Fetching a published file (feature `download`).

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use kiln_base::WholeFile;
use sha2::{Digest, Sha256};

use super::Download;
use crate::error::{Error, Result};

/// How long a server may take to accept a connection, and to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a server may be silent in the middle of a file.
const SILENCE: Duration = Duration::from_secs(60);

impl Download {
    /// See [`Download::fetch_to`].
    pub(super) fn fetch(&self, path: &Path) -> Result<()> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_per_read(Some(SILENCE))
            .build()
            .into();
        let response = agent
            .get(&self.url)
            .call()
            .map_err(|source| Error::Download { url: self.url.clone(), source: Box::new(source) })?;

        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(Error::io("create the folder", folder))?;
        let mut file = WholeFile::create(path)?;
        let mut body = response.into_body().into_reader();
        let bar = self.progress_bar();
        let mut sha256 = Sha256::new();
        let mut found = 0;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read =
                body.read(&mut buffer).map_err(|source| Error::DownloadBroken { url: self.url.clone(), source })?;
            found += read as u64;
            // A file that is too long is stopped at once, so that a server cannot fill the disk.
            if read == 0 || found > self.bytes {
                break;
            }
            sha256.update(&buffer[..read]);
            file.write_all(&buffer[..read]).map_err(Error::io("write a download to", folder))?;
            bar.set_position(found);
        }
        bar.finish_and_clear();
        self.judge(&self.url, found, sha256)?;
        Ok(file.finish()?)
    }

    /// Indicatif draws on standard error, and only if that is a terminal.
    fn progress_bar(&self) -> ProgressBar {
        let bar = ProgressBar::new(self.bytes);
        let template = "{msg} [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(self.url.rsplit('/').next().unwrap_or_default().to_owned());
        bar
    }
}
