//! The envelope of a trained model on disk: versioned, checksummed, so that every flipped byte is a clean error.
//!
//! **Shape**: magic `PRSL` · version u16 LE · payload length u32 LE · CRC-32 (IEEE) u32 LE over version, length and
//! payload · payload (postcard).

use serde::{Serialize, de::DeserializeOwned};

const MAGIC: [u8; 4] = *b"PRSL";
const HEADER: usize = 14;

/// Version of the payload's schema; a model of another version is retrained, not guessed at.
pub const VERSION: u16 = 4;

/// Why bytes are no artifact of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArtifactError {
    /// Shorter than its header, or than its header says.
    #[error("artifact is truncated: {have} bytes where {need} are needed")]
    Truncated {
        /// Bytes present.
        have: usize,
        /// Bytes needed.
        need: usize,
    },
    /// Not an artifact at all.
    #[error("artifact does not start with PRSL: a file written by presale would pass")]
    Magic,
    /// Written by another version.
    #[error("artifact has schema version {0}: version {VERSION} would pass, retrain the model")]
    Version(u16),
    /// Bytes changed since it was written.
    #[error("artifact checksum is {found:08x} where {stated:08x} is stated: the file is damaged, retrain the model")]
    Checksum {
        /// Computed.
        found: u32,
        /// In the header.
        stated: u32,
    },
    /// The payload does not have the schema's shape.
    #[error("artifact payload does not decode: {0}")]
    Payload(String),
}

/// Wraps a value.
///
/// # Errors
/// [`ArtifactError::Payload`] if it cannot be serialized.
pub fn seal<T: Serialize>(value: &T) -> Result<Vec<u8>, ArtifactError> {
    let payload = postcard::to_stdvec(value).map_err(|e| ArtifactError::Payload(e.to_string()))?;
    let length = u32::try_from(payload.len()).map_err(|e| ArtifactError::Payload(e.to_string()))?;
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&checksum(VERSION, length, &payload).to_le_bytes());
    bytes.extend_from_slice(&payload);
    Ok(bytes)
}

/// Checks and unwraps a value.
///
/// # Errors
/// [`ArtifactError`], one variant per way in which bytes can be wrong; trailing bytes are an error too.
pub fn open<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ArtifactError> {
    let truncated = |need| ArtifactError::Truncated { have: bytes.len(), need };
    let (header, payload) = bytes.split_at_checked(HEADER).ok_or_else(|| truncated(HEADER))?;
    let (magic, rest) = header.split_at(4);
    if magic != MAGIC {
        return Err(ArtifactError::Magic);
    }
    let (Some(version), Some(length), Some(stated)) = (
        rest.first_chunk::<2>().map(|b| u16::from_le_bytes(*b)),
        rest.get(2..).and_then(<[u8]>::first_chunk::<4>).map(|b| u32::from_le_bytes(*b)),
        rest.get(6..).and_then(<[u8]>::first_chunk::<4>).map(|b| u32::from_le_bytes(*b)),
    ) else {
        return Err(truncated(HEADER));
    };
    if payload.len() != usize::try_from(length).unwrap_or(usize::MAX) {
        return Err(truncated(HEADER + usize::try_from(length).unwrap_or(usize::MAX - HEADER)));
    }
    let found = checksum(version, length, payload);
    if found != stated {
        return Err(ArtifactError::Checksum { found, stated });
    }
    if version != VERSION {
        return Err(ArtifactError::Version(version));
    }
    let (value, left) = postcard::take_from_bytes::<T>(payload).map_err(|e| ArtifactError::Payload(e.to_string()))?;
    if left.is_empty() { Ok(value) } else { Err(ArtifactError::Payload(format!("{} bytes too many", left.len()))) }
}

fn checksum(version: u16, length: u32, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&version.to_le_bytes());
    hasher.update(&length.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_what_was_sealed_and_refuses_every_flipped_byte() {
        let value = vec![1.5_f64, 2.5, 3.5];
        let bytes = seal(&value).unwrap();
        assert_eq!(open::<Vec<f64>>(&bytes).unwrap(), value);
        for i in 0..bytes.len() {
            for flip in [0x01_u8, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[i] ^= flip;
                assert!(open::<Vec<f64>>(&damaged).is_err(), "byte {i} flipped by {flip:#x} was accepted");
            }
        }
        assert!(matches!(open::<Vec<f64>>(&bytes[..5]), Err(ArtifactError::Truncated { .. })));
    }
}
