//! Sign-in providers. Their client secrets are sealed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::Actor;
use super::token::{from_json, to_json};
use super::trust::{self, TrustChanged};
use super::tx::{FromColumn, Row, ToValue, Tx, Value};
use super::{Error, Meta};
use crate::clock::Timestamp;
use crate::secret::Secret;

/// What kind of provider it is: what is known of it beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// Microsoft Entra ID.
    Entra,
    /// Google.
    Google,
    /// GitHub, of the public or of a company's own; OAuth2 with an API of its own.
    GitHub,
    /// GitLab, of the public or of one's own.
    GitLab,
    /// Keycloak.
    Keycloak,
    /// Any other that speaks `OpenID` Connect.
    Oidc,
}

impl ProviderKind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Entra, Self::Google, Self::GitHub, Self::GitLab, Self::Keycloak, Self::Oidc];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Entra => "entra",
            Self::Google => "google",
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Keycloak => "keycloak",
            Self::Oidc => "oidc",
        }
    }
}

impl std::str::FromStr for ProviderKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            format!(
                "`{}` is no kind of provider: use `entra`, `google`, `github`, `gitlab`, `keycloak` or `oidc`",
                text.chars().take(60).collect::<String>()
            )
        })
    }
}

impl ToValue for ProviderKind {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self.as_str())
    }
}

impl FromColumn for ProviderKind {
    fn from_column(value: rusqlite::types::ValueRef<'_>) -> Result<Self, String> {
        String::from_column(value)?.parse()
    }
}

/// How a provider is spoken to, and whom it may vouch for. What is not set is as its kind has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProviderSettings {
    /// What stands on its button.
    pub title: String,
    /// What it calls itself, and where its discovery document is; for GitHub the address of its pages.
    pub issuer: String,
    /// How it knows us.
    pub client_id: String,
    /// Scopes that are asked for beside `openid`, `profile` and `email`.
    pub scopes: Vec<String>,
    /// The claim that becomes the name of the account.
    pub name_claim: Option<String>,
    /// The claim that lists groups.
    pub groups_claim: Option<String>,
    /// Groups of ours that some of its groups are; the others are called `PROVIDER/VALUE`.
    pub groups: BTreeMap<String, String>,
    /// Only people with a verified address of one of these domains; empty: all.
    pub allowed_domains: Vec<String>,
    /// Only people in one of these groups of the provider; empty: all.
    pub allowed_groups: Vec<String>,
    /// Whether everybody may sign in whom it knows, though these are everybody.
    pub is_open: bool,
    /// Certificate authorities (PEM) beside the system's.
    pub authorities: String,
    /// Milliseconds after which people have to sign in again, or their tokens rest; `None`: never.
    pub sign_in_every: Option<u64>,
}

/// Somewhere to sign in.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name; accounts and groups carry it.
    pub name: String,
    /// What it is.
    pub kind: ProviderKind,
    /// How it is spoken to.
    pub settings: ProviderSettings,
    /// What it knows us by; some need none.
    pub secret: Option<Secret<String>>,
    /// Whether nobody may sign in there.
    pub is_disabled: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

const TABLE: (&str, &str) = ("provider", "provider");

/// Where a secret is kept, for its seal.
fn place(name: &str) -> String {
    format!("provider/{name}")
}

fn read(row: &Row<'_>) -> Result<(Provider, Option<Vec<u8>>), Error> {
    let provider = Provider {
        name: row.get("name")?,
        kind: row.get("kind")?,
        settings: from_json("settings", &row.get::<String>("settings")?)?,
        secret: None,
        is_disabled: row.get("disabled")?,
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
    };
    Ok((provider, row.get("secret")?))
}

pub(super) fn list(tx: &mut Tx<'_>) -> Result<Vec<Provider>, Error> {
    let sql = "SELECT name, kind, settings, secret, disabled, created_at, created_by
                 FROM provider
                ORDER BY name";
    tx.query(sql, (), read)?
        .into_iter()
        .map(|(provider, sealed)| {
            let Some(sealed) = sealed else { return Ok(provider) };
            let secret = tx.keys().open(&place(&provider.name), &sealed)?;
            let secret = String::from_utf8(secret.expose().clone()).map_err(|error| {
                Error::Corrupt { column: "secret".into(), what: error.to_string() }
            })?;
            Ok(Provider { secret: Some(Secret::new(secret)), ..provider })
        })
        .collect()
}

fn put(tx: &mut Tx<'_>, provider: &Provider, by: &Actor, now: Timestamp) -> Result<(), Error> {
    let seal = |secret: &Secret<String>| {
        tx.keys().seal(&place(&provider.name), secret.expose().as_bytes())
    };
    let sealed = provider.secret.as_ref().map(seal);
    tx.execute(
        "INSERT INTO provider (name, kind, settings, secret, disabled, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (name) DO UPDATE
            SET kind = excluded.kind, settings = excluded.settings, secret = excluded.secret,
                disabled = excluded.disabled",
        (
            &provider.name,
            provider.kind,
            to_json(&provider.settings),
            sealed.as_deref(),
            provider.is_disabled,
            now,
            &*by.name,
        ),
    )?;
    let settings = &provider.settings;
    let detail = serde_json::json!({
        "kind": provider.kind, "issuer": settings.issuer, "client_id": settings.client_id,
        "groups": settings.groups, "allowed_domains": settings.allowed_domains,
        "allowed_groups": settings.allowed_groups, "disabled": provider.is_disabled,
    });
    trust::note(tx, TABLE.1, &provider.name, detail, by, now)
}

impl Meta {
    /// Makes a provider, or changes the one of its name.
    pub async fn put_provider(&self, provider: Provider, by: &Actor) -> Result<(), Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db.write(move |tx| put(tx, &provider, &by, now)).await
    }

    /// Lets nobody sign in by a provider, or no longer.
    pub async fn disable_provider(
        &self,
        name: &str,
        disabled: bool,
        by: &Actor,
    ) -> Result<TrustChanged, Error> {
        let (name, by, now) = (name.to_owned(), by.clone(), self.clock.now());
        self.db.write(move |tx| trust::set_disabled(tx, TABLE, &name, disabled, &by, now)).await
    }

    /// Removes a provider. Accounts that it vouched for stay, but nobody can sign in to them.
    pub async fn remove_provider(&self, name: &str, by: &Actor) -> Result<TrustChanged, Error> {
        let (name, by, now) = (name.to_owned(), by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                if tx.execute("DELETE FROM provider WHERE name = $1", (&name,))? == 0 {
                    return Ok(TrustChanged::Unknown);
                }
                let detail = serde_json::json!({ "removed": true });
                trust::note(tx, TABLE.1, &name, detail, &by, now)?;
                Ok(TrustChanged::Done)
            })
            .await
    }
}
