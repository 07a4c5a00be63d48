//! Browsers that are signed in: a cookie that only its hash is kept of, and a token that every change must repeat.

use std::sync::Arc;
use std::time::Duration;

use super::principal::Origin;
use super::{Allowed, Auth, Error, Principal, Who};
use crate::clock::Timestamp;
use crate::meta::{Account, Actor, NewSession};
use crate::oci::{Algorithm, Digest};
use crate::secret::{Secret, random_text};

/// How often it is written down that a session is in use.
const NOTED_EVERY: Duration = Duration::from_mins(1);

/// A session that has just begun.
#[derive(Debug)]
pub struct SignedIn {
    /// What the cookie holds.
    pub cookie: Secret<String>,
    /// What every change has to repeat.
    pub csrf: Secret<String>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A session that a request belongs to.
#[derive(Clone, Debug)]
pub struct BrowserSession {
    /// What is kept of its cookie.
    pub hash: Digest,
    /// What every change has to repeat.
    pub csrf: Secret<String>,
    /// `password`, or the provider that vouched for them.
    pub method: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

fn hash(cookie: &Secret<String>) -> Digest {
    Algorithm::Sha256.digest(cookie.expose().as_bytes())
}

/// It follows from the cookie, which other sites cannot read, and gives nothing of it away.
fn csrf(cookie: &Secret<String>) -> Secret<String> {
    let digest = Algorithm::Sha256.digest(format!("csrf {}", cookie.expose()).as_bytes());
    Secret::new(digest.hex()[..40].to_owned())
}

impl Auth {
    /// Signs a browser in as somebody who has proved who they are, by `method`.
    pub async fn start_session(
        &self,
        account: &Account,
        method: &str,
        agent: &str,
        origin: &Origin,
    ) -> Result<SignedIn, Error> {
        let cookie = Secret::new(random_text(32));
        let expires_at = self.clock.now() + self.config.session_lifetime.get();
        let session = NewSession {
            hash: hash(&cookie),
            account_id: account.id,
            method: method.to_owned(),
            agent: agent.chars().take(200).collect(),
            expires_at,
        };
        let by = Actor {
            name: Arc::clone(&account.name),
            address: Some(origin.address),
            request: Some(Arc::clone(&origin.request)),
            rule: None,
        };
        self.meta.add_session(session, &by).await?;
        Ok(SignedIn { csrf: csrf(&cookie), cookie, expires_at })
    }

    /// Signs a browser out.
    pub async fn end_session(
        &self,
        principal: &Principal,
        session: &BrowserSession,
    ) -> Result<(), Error> {
        let by = principal.as_actor(&Allowed::Own);
        self.meta.end_session(&session.hash, &by).await?;
        Ok(())
    }

    /// Who a cookie belongs to; `None` if its session is over.
    pub async fn find_session(
        &self,
        cookie: &Secret<String>,
        origin: &Origin,
    ) -> Result<Option<(Principal, BrowserSession)>, Error> {
        let Some(session) = self.meta.find_session(&hash(cookie)).await? else { return Ok(None) };
        let now = self.clock.now();
        if now.since(session.seen_at) > self.config.session_idle.get() {
            return Ok(None);
        }
        let account = match self.enabled(&session.account).await {
            Ok(Some(account)) => account,
            // They are asked to sign in again.
            Ok(None) | Err(Error::Stale(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        if now.since(session.seen_at) >= NOTED_EVERY {
            self.meta.note_session_use(session.hash.clone());
        }
        let principal =
            Principal::new(Who::Account(account), self.rules().await?).coming_from(origin);
        let browser = BrowserSession {
            hash: session.hash,
            csrf: csrf(cookie),
            method: session.method,
            expires_at: session.expires_at,
        };
        Ok(Some((principal, browser)))
    }
}
