//! Trained models on disk: replaced in one step, checked when read, with the last good one behind the newest.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use presale_models::ServiceModel;
use presale_models::artifact::{self, ArtifactError};
use presale_prometheus::ServiceKey;
use serde::{Deserialize, Serialize};

/// A model with what it was made of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    /// When it was trained.
    pub(crate) trained_at: Timestamp,
    /// Digest of what it was trained on (signal, calendar): a model of another signal is of no use.
    pub(crate) fingerprint: u64,
    /// The model.
    pub(crate) model: ServiceModel,
}

/// The envelope on disk; the model's own artifact lies inside, so either's damage is found.
#[derive(Serialize, Deserialize)]
struct Envelope {
    trained_at: Timestamp,
    fingerprint: u64,
    artifact: Vec<u8>,
}

/// What was found for a service.
#[derive(Debug, PartialEq)]
pub(crate) enum Found {
    /// The newest is good.
    Newest(Stored),
    /// The newest is damaged, the one before is good.
    LastGood(Stored, ArtifactError),
    /// All that there is is damaged.
    Damaged(ArtifactError),
    /// There is none.
    Nothing,
}

/// The models of all services.
#[derive(Debug)]
pub(crate) struct ModelStore {
    directory: PathBuf,
}

/// A model cannot be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// It cannot be encoded.
    #[error("encode the model of {0}: {1}")]
    Encode(String, #[source] ArtifactError),
    /// The disk refuses.
    #[error("{operation} {path}: {source}")]
    Io {
        /// The verb.
        operation: &'static str,
        /// The file.
        path: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl ModelStore {
    /// A store under `directory`.
    pub(crate) fn new(directory: &Path) -> Self {
        Self { directory: directory.join("models") }
    }

    /// Keeps a model; the one before becomes the last good one. A crash at any point leaves one of the two whole.
    /// Blocks on the disk.
    ///
    /// # Errors
    /// [`StoreError`]; what was kept before is still there.
    pub(crate) fn save(&self, key: &ServiceKey, stored: &Stored) -> Result<(), StoreError> {
        let encode = |error| StoreError::Encode(key.to_string(), error);
        let Stored { trained_at, fingerprint, model } = stored;
        let artifact = model.to_artifact().map_err(encode)?;
        let envelope = Envelope { trained_at: *trained_at, fingerprint: *fingerprint, artifact };
        let bytes = artifact::seal(&envelope).map_err(encode)?;
        let path = self.file(key);
        let fresh = path.with_extension("new");
        let failed = |operation| failure(operation, &path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed("make the folder of"))?;
        }
        let mut file = File::create(&fresh).map_err(failed("create"))?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(failed("write"))?;
        if read(&path).is_ok_and(|found| found.is_some()) {
            fs::rename(&path, last_good(&path)).map_err(failed("set aside"))?;
        }
        fs::rename(&fresh, &path).map_err(failed("replace"))
    }

    /// What is kept for a service. Blocks on the disk.
    ///
    /// # Errors
    /// [`StoreError::Io`] where a file exists and cannot be read.
    pub(crate) fn load(&self, key: &ServiceKey) -> Result<Found, StoreError> {
        let path = self.file(key);
        let newest = match read(&path) {
            Ok(Some(stored)) => return Ok(Found::Newest(stored)),
            Ok(None) => None,
            Err(ReadError::Damaged(error)) => Some(error),
            Err(ReadError::Io(error)) => return Err(failure("read", &path)(error)),
        };
        let before = last_good(&path);
        Ok(match (read(&before), newest) {
            (Ok(Some(stored)), Some(error)) => Found::LastGood(stored, error),
            (Ok(Some(stored)), None) => Found::Newest(stored),
            (_, Some(error)) | (Err(ReadError::Damaged(error)), None) => Found::Damaged(error),
            (Ok(None), None) => Found::Nothing,
            (Err(ReadError::Io(error)), None) => return Err(failure("read", &before)(error)),
        })
    }

    /// Removes the models of a service that is gone. Blocks on the disk.
    pub(crate) fn forget(&self, key: &ServiceKey) {
        let path = self.file(key);
        for file in [last_good(&path), path] {
            if let Err(error) = fs::remove_file(&file)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(%error, file = %file.display(), "could not remove the model of a service that is gone");
            }
        }
    }

    fn file(&self, key: &ServiceKey) -> PathBuf {
        self.directory.join(&key.namespace).join(format!("{}.model", key.service))
    }
}

enum ReadError {
    Io(io::Error),
    Damaged(ArtifactError),
}

fn read(path: &Path) -> Result<Option<Stored>, ReadError> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(ReadError::Io)?,
    };
    let envelope: Envelope = artifact::open(&bytes).map_err(ReadError::Damaged)?;
    let model = ServiceModel::from_artifact(&envelope.artifact).map_err(ReadError::Damaged)?;
    Ok(Some(Stored { trained_at: envelope.trained_at, fingerprint: envelope.fingerprint, model }))
}

fn last_good(path: &Path) -> PathBuf {
    path.with_extension("last-good.model")
}

fn failure(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.display().to_string();
    move |source| StoreError::Io { operation, path, source }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use presale_models::{Sample, Series, ServiceModelConfig};

    use super::*;

    fn stored(base: f64) -> Stored {
        let start = Timestamp::from_second(1_700_006_400).unwrap();
        let samples = (0..288 * 3).map(|i| Sample::Value(base + f64::from(i % 288))).collect();
        let history = Series::new(start, SignedDuration::from_mins(5), samples).unwrap();
        let recent = Series::new(history.end(), SignedDuration::from_mins(1), vec![]).unwrap();
        let config = ServiceModelConfig {
            time_zone: "UTC".into(),
            country: None,
            lead_time: SignedDuration::from_mins(1),
            hold: SignedDuration::from_mins(5),
            seed: 1,
        };
        let model = ServiceModel::train(&history, &recent, &[], &config).unwrap();
        Stored { trained_at: history.end(), fingerprint: 7, model }
    }

    fn key() -> ServiceKey {
        ServiceKey::new("shop", "catalog")
    }

    #[test]
    fn a_model_survives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(ModelStore::new(folder.path()).load(&key()).unwrap(), Found::Nothing);
        ModelStore::new(folder.path()).save(&key(), &stored(10.0)).unwrap();
        assert_eq!(ModelStore::new(folder.path()).load(&key()).unwrap(), Found::Newest(stored(10.0)));
    }

    #[test]
    fn damage_falls_back_to_the_last_good_one_and_then_to_none() {
        let folder = tempfile::tempdir().unwrap();
        let store = ModelStore::new(folder.path());
        store.save(&key(), &stored(10.0)).unwrap();
        store.save(&key(), &stored(20.0)).unwrap();
        let path = store.file(&key());
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let Found::LastGood(found, ArtifactError::Checksum { .. }) = store.load(&key()).unwrap() else {
            panic!("the damaged newest is passed over")
        };
        assert_eq!(found, stored(10.0));
        // A damaged newest never displaces the last good one.
        store.save(&key(), &stored(30.0)).unwrap();
        assert_eq!(store.load(&key()).unwrap(), Found::Newest(stored(30.0)));
        fs::write(&path, b"PRSL").unwrap();
        assert!(matches!(store.load(&key()).unwrap(), Found::LastGood(found, _) if found == stored(10.0)));
        fs::write(last_good(&path), b"").unwrap();
        assert!(matches!(store.load(&key()).unwrap(), Found::Damaged(_)));
    }
}
