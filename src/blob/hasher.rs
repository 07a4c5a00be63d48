//! A running digest whose state can be stored and taken up again, so that no byte is read twice to be hashed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest as _, Sha256, Sha512};

use crate::oci::{Algorithm, Digest};

/// A running digest.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub(super) enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

#[derive(Serialize, Deserialize)]
struct Saved {
    algorithm: String,
    state: String,
}

impl Hasher {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// The digest of what was hashed so far.
    pub(super) fn digest(&self) -> Digest {
        match self {
            Self::Sha256(hasher) => {
                Digest::from_hash(Algorithm::Sha256, &hasher.clone().finalize())
            }
            Self::Sha512(hasher) => {
                Digest::from_hash(Algorithm::Sha512, &hasher.clone().finalize())
            }
        }
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hasher({})", self.algorithm())
    }
}

impl From<Hasher> for Saved {
    fn from(hasher: Hasher) -> Self {
        let state = match &hasher {
            Hasher::Sha256(hasher) => STANDARD.encode(hasher.serialize()),
            Hasher::Sha512(hasher) => STANDARD.encode(hasher.serialize()),
        };
        Self { algorithm: hasher.algorithm().as_str().into(), state }
    }
}

impl TryFrom<Saved> for Hasher {
    type Error = String;

    fn try_from(saved: Saved) -> Result<Self, String> {
        fn restore<H: SerializableState>(state: &[u8]) -> Result<H, String> {
            let state = SerializedState::<H>::try_from(state)
                .map_err(|_| "a hash state of another length")?;
            H::deserialize(&state).map_err(|_| "a hash state that is damaged".to_owned())
        }
        let state = STANDARD.decode(&saved.state).map_err(|error| error.to_string())?;
        match saved.algorithm.parse::<Algorithm>().map_err(|error| error.to_string())? {
            Algorithm::Sha256 => restore(&state).map(Self::Sha256),
            Algorithm::Sha512 => restore(&state).map(Self::Sha512),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_hasher_goes_on_where_it_was() {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let mut hasher = Hasher::new(algorithm);
            hasher.update(&[7; 100]);
            let mut resumed: Hasher =
                serde_json::from_str(&serde_json::to_string(&hasher).unwrap()).unwrap();
            resumed.update(&[8; 100]);
            let whole = [[7; 100], [8; 100]].concat();
            assert_eq!(resumed.digest(), algorithm.digest(&whole));
        }
    }

    #[test]
    fn a_damaged_state_is_refused() {
        for bad in
            [r#"{"algorithm":"sha256","state":"AAAA"}"#, r#"{"algorithm":"md5","state":""}"#, "{}"]
        {
            assert!(serde_json::from_str::<Hasher>(bad).is_err(), "{bad}");
        }
    }
}
