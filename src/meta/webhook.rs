//! Webhooks: who is told of events.

use std::collections::BTreeMap;

use super::event::{self, Actor, EventKind, NewEvent};
use super::token::{from_json, to_json};
use super::tx::{Row, Tx};
use super::{Error, Meta};
use crate::clock::Timestamp;
use crate::oci::{RepositoryName, RepositoryPattern};
use crate::secret::Secret;

/// How events are written for a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookFormat {
    /// `CloudEvents` 1.0 in JSON, one event each.
    CloudEvents,
    /// The envelope of Docker's distribution, as receivers made for it expect.
    Distribution,
}

impl WebhookFormat {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CloudEvents => "cloudevents",
            Self::Distribution => "distribution",
        }
    }
}

/// Kinds that a webhook is told of if it names none: what happens to content. Refusals and pulls are many, and of interest to
/// few; they have to be named.
const USUAL: [&str; 6] =
    ["blob.", "manifest.push", "manifest.delete", "tag.", "repository.", "scan."];

/// Somebody who is told of events.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookWish {
    /// What people call it.
    pub name: String,
    /// Where events are sent.
    pub url: String,
    /// How they are written.
    pub format: WebhookFormat,
    /// Kinds of events: `tag.push`, or all that begin so, `tag.*`; `*` is every kind. Empty: the usual ones.
    pub kinds: Vec<String>,
    /// Repositories; empty: any.
    pub patterns: Vec<RepositoryPattern>,
    /// More headers to send.
    pub headers: BTreeMap<String, String>,
    /// Whether they are told at the moment.
    pub is_enabled: bool,
}

/// A webhook.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Its number.
    pub id: i64,
    /// What it is.
    pub wish: WebhookWish,
    /// What deliveries are signed with.
    pub secret: Option<Secret<Vec<u8>>>,
    /// The last event before it was there, or enabled again; it and what was before are not told.
    pub since_event: u64,
    /// Since when.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

impl WebhookWish {
    /// Whether it wants to be told of an event.
    #[must_use]
    pub fn wants(&self, kind: &str, repository: Option<&str>) -> bool {
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(prefix) => kind.starts_with(prefix),
            None => kind == pattern,
        };
        let is_kind = if self.kinds.is_empty() {
            kind != "manifest.pull" && USUAL.iter().any(|usual| kind.starts_with(usual))
        } else {
            self.kinds.iter().any(|pattern| fits(pattern))
        };
        is_kind
            && (self.patterns.is_empty()
                || repository
                    .and_then(|name| name.parse::<RepositoryName>().ok())
                    .is_some_and(|name| self.patterns.iter().any(|pattern| pattern.matches(&name))))
    }
}

fn place(id: i64) -> String {
    format!("webhook/{id}")
}

const COLUMNS: &str = "id, name, url, format, kinds, patterns, headers, secret, enabled, since_event, created_at, created_by";

fn read(row: &Row<'_>) -> Result<(Webhook, Option<Vec<u8>>), Error> {
    let format: String = row.get("format")?;
    let webhook = Webhook {
        id: row.get("id")?,
        wish: WebhookWish {
            name: row.get("name")?,
            url: row.get("url")?,
            format: match format.as_str() {
                "distribution" => WebhookFormat::Distribution,
                _ => WebhookFormat::CloudEvents,
            },
            kinds: from_json("kinds", &row.get::<String>("kinds")?)?,
            patterns: from_json("patterns", &row.get::<String>("patterns")?)?,
            headers: from_json("headers", &row.get::<String>("headers")?)?,
            is_enabled: row.get("enabled")?,
        },
        secret: None,
        since_event: row.get("since_event")?,
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
    };
    Ok((webhook, row.get("secret")?))
}

fn open(tx: &Tx<'_>, (webhook, sealed): (Webhook, Option<Vec<u8>>)) -> Result<Webhook, Error> {
    let secret = sealed.map(|sealed| tx.keys().open(&place(webhook.id), &sealed)).transpose()?;
    Ok(Webhook { secret, ..webhook })
}

fn find(tx: &mut Tx<'_>, name: &str) -> Result<Option<Webhook>, Error> {
    let found =
        tx.find(&format!("SELECT {COLUMNS} FROM webhook WHERE name = $1"), (name,), read)?;
    found.map(|found| open(tx, found)).transpose()
}

fn note(
    tx: &mut Tx<'_>,
    wish: &WebhookWish,
    what: &str,
    by: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    // Headers may hold the receiver's secrets.
    let detail = serde_json::json!({
        what: true, "url": wish.url, "format": wish.format, "kinds": wish.kinds, "patterns": wish.patterns,
        "enabled": wish.is_enabled,
    });
    let event = NewEvent::about(EventKind::WebhookChange, &wish.name).with(detail);
    event::append(tx, event, by, now).map(drop)
}

fn set_secret(tx: &mut Tx<'_>, id: i64, secret: &Secret<Vec<u8>>) -> Result<(), Error> {
    let sealed = tx.keys().seal(&place(id), secret.expose());
    tx.execute("UPDATE webhook SET secret = $1 WHERE id = $2", (&sealed[..], id)).map(drop)
}

impl Meta {
    /// All webhooks, by name. There are few.
    pub async fn list_webhooks(&self) -> Result<Vec<Webhook>, Error> {
        self.db
            .read(|tx| {
                let sql = format!("SELECT {COLUMNS} FROM webhook ORDER BY name");
                let found = tx.query(&sql, (), read)?;
                found.into_iter().map(|found| open(tx, found)).collect()
            })
            .await
    }

    /// A webhook by name.
    pub async fn find_webhook(&self, name: &str) -> Result<Option<Webhook>, Error> {
        let name = name.to_owned();
        self.db.read(move |tx| find(tx, &name)).await
    }

    /// A webhook by number.
    pub async fn find_webhook_by_id(&self, id: i64) -> Result<Option<Webhook>, Error> {
        self.db
            .read(move |tx| {
                let sql = format!("SELECT {COLUMNS} FROM webhook WHERE id = $1");
                let found = tx.find(&sql, (id,), read)?;
                found.map(|found| open(tx, found)).transpose()
            })
            .await
    }

    /// Makes a webhook; `None` if the name is taken.
    pub async fn add_webhook(
        &self,
        wish: WebhookWish,
        secret: Option<Secret<Vec<u8>>>,
        by: &Actor,
    ) -> Result<Option<Webhook>, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let id: Option<i64> = tx.find(
                    "INSERT INTO webhook (name, url, format, kinds, patterns, headers, enabled, since_event, created_at, created_by)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, (SELECT id FROM event_head), $8, $9)
                         ON CONFLICT DO NOTHING
                     RETURNING id",
                    (
                        &wish.name,
                        &wish.url,
                        wish.format.as_str(),
                        to_json(&wish.kinds),
                        to_json(&wish.patterns),
                        to_json(&wish.headers),
                        wish.is_enabled,
                        now,
                        &*by.name,
                    ),
                    |row| row.get("id"),
                )?;
                let Some(id) = id else { return Ok(None) };
                if let Some(secret) = &secret {
                    set_secret(tx, id, secret)?;
                }
                note(tx, &wish, "made", &by, now)?;
                find(tx, &wish.name)
            })
            .await
    }

    /// Changes a webhook; without a secret it keeps the one it has. `None` if there is none of this name.
    pub async fn change_webhook(
        &self,
        wish: WebhookWish,
        secret: Option<Secret<Vec<u8>>>,
        by: &Actor,
    ) -> Result<Option<Webhook>, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(known) = find(tx, &wish.name)? else { return Ok(None) };
                tx.execute(
                    "UPDATE webhook
                        SET url = $1,
                            format = $2,
                            kinds = $3,
                            patterns = $4,
                            headers = $5,
                            since_event = IIF(enabled, since_event, (SELECT id FROM event_head)),
                            enabled = $6
                      WHERE id = $7",
                    (
                        &wish.url,
                        wish.format.as_str(),
                        to_json(&wish.kinds),
                        to_json(&wish.patterns),
                        to_json(&wish.headers),
                        wish.is_enabled,
                        known.id,
                    ),
                )?;
                if let Some(secret) = &secret {
                    set_secret(tx, known.id, secret)?;
                }
                note(tx, &wish, "changed", &by, now)?;
                find(tx, &wish.name)
            })
            .await
    }

    /// Removes a webhook; says whether there was one.
    pub async fn remove_webhook(&self, name: &str, by: &Actor) -> Result<bool, Error> {
        let (name, by, now) = (name.to_owned(), by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(known) = find(tx, &name)? else { return Ok(false) };
                tx.execute("DELETE FROM webhook WHERE id = $1", (known.id,))?;
                note(tx, &known.wish, "removed", &by, now)?;
                Ok(true)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_hears_what_it_wants_to() {
        let mut wish = WebhookWish {
            name: "ci".into(),
            url: "http://ci.example".into(),
            format: WebhookFormat::CloudEvents,
            kinds: Vec::new(),
            patterns: Vec::new(),
            headers: BTreeMap::new(),
            is_enabled: true,
        };
        for (kind, wanted) in [
            ("tag.push", true),
            ("manifest.push", true),
            ("manifest.pull", false),
            ("request.refuse", false),
            ("account.add", false),
        ] {
            assert_eq!(wish.wants(kind, Some("team/app")), wanted, "{kind}");
        }
        wish.kinds = vec!["tag.*".into(), "request.refuse".into()];
        wish.patterns = vec!["team/**".parse().unwrap()];
        for (kind, repository, wanted) in [
            ("tag.push", Some("team/app"), true),
            ("tag.push", Some("other/app"), false),
            ("tag.push", None, false),
            ("request.refuse", Some("team/app"), true),
            ("manifest.push", Some("team/app"), false),
        ] {
            assert_eq!(wish.wants(kind, repository), wanted, "{kind} {repository:?}");
        }
        wish.kinds = vec!["*".into()];
        wish.patterns = Vec::new();
        assert!(wish.wants("account.add", None));
    }
}
