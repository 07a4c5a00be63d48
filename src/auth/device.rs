//! Logging a machine in by a browser somewhere else (RFC 8628). Berth is the authorization server itself, so that it works
//! with every provider and with passwords alike.

use std::time::Duration;

use super::administer::{AdminError, NewSecret, TokenWish};
use super::principal::Origin;
use super::throttle::Attempt;
use super::{Auth, Error, Principal, Who};
use crate::clock::Timestamp;
use crate::meta::{DeviceAsked, DeviceLogin, Limits, NewDeviceLogin};
use crate::oci::{Algorithm, Digest};
use crate::secret::{Secret, random_text};

/// How long a machine waits for somebody to approve it.
const DEVICE_PATIENCE: Duration = Duration::from_mins(10);
/// The time that it has to let pass between two questions.
const PAUSE: Duration = Duration::from_secs(5);
/// Machines that may wait at a time: from one address, and in all.
const MOST_FROM_ONE: u64 = 20;
const MOST: u64 = 10_000;

/// Letters that are not taken for each other, and make no words (RFC 8628 §6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// 34 bits: enough for ten minutes and the guesses that [`Auth::find_device`] allows.
const LENGTH: usize = 8;

/// A machine that begins to wait.
#[derive(Debug)]
pub struct DeviceStart {
    /// What it asks with.
    pub device_code: Secret<String>,
    /// What people type.
    pub user_code: String,
    /// How long it waits at most.
    pub expires_in: Duration,
    /// The time that it has to let pass between two questions.
    pub interval: Duration,
}

/// What a machine that waits is told.
#[derive(Debug)]
pub enum DeviceAnswer {
    /// Nobody has decided yet.
    Waiting,
    /// It asks too often.
    TooSoon,
    /// It was refused.
    Denied,
    /// It waited too long, or the code is none.
    Over,
    /// It is let in, with this token of this account.
    Approved(Box<NewSecret>),
}

fn hash(code: &Secret<String>) -> Digest {
    Algorithm::Sha256.digest(code.expose().as_bytes())
}

fn new_user_code() -> String {
    let mut code = String::with_capacity(LENGTH + 1);
    let mut bytes = [0; 32];
    while code.len() < LENGTH + 1 {
        getrandom::fill(&mut bytes).expect("the kernel's random source answers");
        // 240 is the largest multiple of 20: what lies above would make some letters likelier than others.
        for byte in bytes.iter().filter(|byte| **byte < 240) {
            if code.len() == LENGTH / 2 {
                code.push('-');
            }
            if code.len() < LENGTH + 1 {
                code.push(char::from(LETTERS[usize::from(byte % 20)]));
            }
        }
    }
    code
}

/// A code as it was shown, whatever people make of it: lower case, without the line, with spaces.
#[must_use]
pub fn read_user_code(text: &str) -> Option<String> {
    let letters: String =
        text.chars().filter(|c| !matches!(c, ' ' | '-')).map(|c| c.to_ascii_uppercase()).collect();
    let is_code = letters.len() == LENGTH && letters.bytes().all(|byte| LETTERS.contains(&byte));
    is_code.then(|| format!("{}-{}", &letters[..LENGTH / 2], &letters[LENGTH / 2..]))
}

impl Auth {
    /// Lets a machine wait for somebody to approve it; `None` if too many wait already.
    pub async fn start_device(
        &self,
        machine: &str,
        origin: &Origin,
    ) -> Result<Option<DeviceStart>, Error> {
        let plain = machine.chars().filter(|c| !c.is_control()).take(60).collect::<String>();
        let plain = plain.trim();
        let machine = if plain.is_empty() { "an unnamed machine" } else { plain };
        let device_code = Secret::new(random_text(32));
        let start = NewDeviceLogin {
            hash: hash(&device_code),
            user_code: new_user_code(),
            machine: machine.to_owned(),
            address: origin.address.to_canonical().to_string(),
            pause: PAUSE,
            expires_at: self.clock.now() + DEVICE_PATIENCE,
        };
        let user_code = start.user_code.clone();
        if !self.meta.add_device_login(start, MOST_FROM_ONE, MOST).await? {
            return Ok(None);
        }
        let (expires_in, interval) = (DEVICE_PATIENCE, PAUSE);
        Ok(Some(DeviceStart { device_code, user_code, expires_in, interval }))
    }

    /// The machine that waits under what somebody typed. Wrong codes count, against whoever types them and their address.
    pub async fn find_device(
        &self,
        principal: &Principal,
        code: &str,
        origin: &Origin,
    ) -> Result<Option<DeviceLogin>, Error> {
        let attempt = Attempt::of(&format!("device {}", principal.actor()), origin.address);
        self.throttle.check(&attempt)?;
        let found = match read_user_code(code) {
            Some(code) => self.meta.find_device_login(&code).await?,
            None => None,
        };
        if found.is_none() {
            self.throttle.failed(&attempt);
        }
        Ok(found)
    }

    /// Lets a machine in as `principal`, or refuses it; says whether it still waited.
    pub async fn decide_device(
        &self,
        principal: &Principal,
        login: &DeviceLogin,
        approve: bool,
    ) -> Result<bool, AdminError> {
        let Some(account) = principal.account() else {
            return Err(AdminError::Invalid("only people can let machines in".into()));
        };
        // Whoever may make no token may not do so on a detour either.
        self.own(principal, &account.name)?;
        let approved_by = approve.then_some(account.id);
        Ok(self.meta.decide_device_login(&login.user_code, approved_by).await?)
    }

    /// What a machine is told that asks whether it is let in. Its token is made at that moment, and told once.
    pub async fn ask_device(
        &self,
        device_code: &Secret<String>,
        origin: &Origin,
    ) -> Result<DeviceAnswer, AdminError> {
        let (login, account) = match self.meta.ask_device_login(&hash(device_code)).await? {
            DeviceAsked::Waiting => return Ok(DeviceAnswer::Waiting),
            DeviceAsked::TooSoon => return Ok(DeviceAnswer::TooSoon),
            DeviceAsked::Denied => return Ok(DeviceAnswer::Denied),
            DeviceAsked::Over | DeviceAsked::Unknown => return Ok(DeviceAnswer::Over),
            DeviceAsked::Approved(login, account) => (login, account),
        };
        if account.is_disabled || self.check_vouched_for(&account).await.is_err() {
            return Ok(DeviceAnswer::Denied);
        }
        let name = account.name.clone();
        let principal = Principal::new(Who::Account(account), self.rules().await?);
        let own = self.own(&principal.coming_from(origin), &name)?;
        let wish = TokenWish {
            // The code makes it unique, and tells whoever approved it which one it is.
            name: format!("login of {} ({})", login.machine, login.user_code),
            limits: Limits::default(),
            addresses: Vec::new(),
            expires_at: Some(self.login_end()),
        };
        Ok(DeviceAnswer::Approved(Box::new(own.add_token(wish).await?)))
    }

    /// When a login that begins now is over.
    fn login_end(&self) -> Timestamp {
        self.clock.now() + self.config.refresh_lifetime.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = new_user_code();
        assert_eq!(read_user_code(&code).as_ref(), Some(&code));
        assert_eq!(read_user_code("bcdf ghjk").as_deref(), Some("BCDF-GHJK"));
        assert_eq!(read_user_code("BCDFGHJK").as_deref(), Some("BCDF-GHJK"));
        for bad in ["", "BCDF", "BCDF-GHJA", "BCDF-GHJKL", "BCDF-GHJ\u{212a}"] {
            assert_eq!(read_user_code(bad), None, "{bad}");
        }
    }
}
