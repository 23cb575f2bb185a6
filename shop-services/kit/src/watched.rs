//! Files that are read again whenever their content changes.
//!
//! Content is compared, not times: mounted configuration changes by a symbolic link, certificates by a rename.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::pause::pause;

/// A file cannot be read.
#[derive(Debug, Error)]
#[error("cannot read {path}: is it there, and may this process read it?")]
pub struct FileError {
    /// Which.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    source: std::io::Error,
}

/// Files that belong together, as they were read last.
#[derive(Debug)]
pub struct Watched {
    paths: Vec<PathBuf>,
    contents: Vec<Vec<u8>>,
}

impl Watched {
    /// Reads them for the first time.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub async fn read(paths: Vec<PathBuf>) -> Result<Self, FileError> {
        let contents = contents(&paths).await?;
        Ok(Self { paths, contents })
    }

    /// The content of each, in order.
    pub fn contents(&self) -> &[Vec<u8>] {
        &self.contents
    }

    /// Calls `changed` with new contents, until `stop`. Files that cannot be read stay as they were.
    pub async fn follow(mut self, period: Duration, stop: CancellationToken, changed: impl Fn(&[Vec<u8>])) {
        while !stop.is_cancelled() {
            match contents(&self.paths).await {
                Ok(now) if now != self.contents => {
                    self.contents = now;
                    changed(&self.contents);
                }
                Ok(_) => {}
                Err(error) => stays(&error),
            }
            pause(period, &stop).await;
        }
    }
}

/// Says that what was read before still holds, and why.
pub fn stays(why: &(dyn std::error::Error + 'static)) {
    tracing::error!(error = why, "what was read before still holds");
}

async fn contents(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, FileError> {
    let mut read = Vec::with_capacity(paths.len());
    for path in paths {
        let content = tokio::fs::read(path).await;
        read.push(content.map_err(|source| FileError { path: path.clone(), source })?);
    }
    Ok(read)
}
