//! Looking at jobs and webhooks, and changing them: for those who administer the registry.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{SECRET_PREFIX, Worker, delivery};
use crate::auth::{AdminError, Administer};
use crate::meta::{EventFilter, Job, JobChanged, JobFilter, JobLine, Place, Webhook, WebhookWish};
use crate::remote::check_hook_address;
use crate::secret::{Secret, random_bytes};

/// Lines of a job's log that are shown.
const LINES: u64 = 1000;

/// What headers a webhook may not set: they are Berth's.
const OURS: [&str; 6] = [
    "content-type",
    "content-length",
    "host",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
];

fn unknown_job(id: i64) -> AdminError {
    AdminError::Unknown { what: "job", name: id.to_string() }
}

fn unknown_webhook(name: &str) -> AdminError {
    AdminError::Unknown { what: "webhook", name: name.chars().take(100).collect() }
}

impl Worker {
    /// Up to `limit` jobs, the latest first, those before the job `before`.
    pub async fn jobs(
        &self,
        _: &Administer<'_>,
        filter: JobFilter,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<Job>, AdminError> {
        Ok(self.meta.list_jobs(filter, before, limit).await?)
    }

    /// A job, and what it said.
    pub async fn job(
        &self,
        _: &Administer<'_>,
        id: i64,
    ) -> Result<(Job, Vec<JobLine>), AdminError> {
        self.meta.settle().await?;
        let job = self.meta.find_job(id).await?.ok_or_else(|| unknown_job(id))?;
        Ok((job, self.meta.list_job_lines(id, LINES).await?))
    }

    /// Ends a job, or tells whoever runs it to.
    pub async fn cancel_job(
        &self,
        administer: &Administer<'_>,
        id: i64,
    ) -> Result<Job, AdminError> {
        match self.meta.cancel_job(id).await? {
            JobChanged::Done | JobChanged::Asked => Ok(self.job(administer, id).await?.0),
            JobChanged::NotNow(state) => Err(AdminError::Conflict(format!(
                "job {id} has ended already: it is {}",
                state.as_str()
            ))),
            JobChanged::Unknown => Err(unknown_job(id)),
        }
    }

    /// Lets a job that failed or was cancelled be tried again.
    pub async fn retry_job(&self, administer: &Administer<'_>, id: i64) -> Result<Job, AdminError> {
        match self.meta.retry_job(id).await? {
            JobChanged::Done | JobChanged::Asked => Ok(self.job(administer, id).await?.0),
            JobChanged::NotNow(state) => Err(AdminError::Conflict(format!(
                "only a job that failed or was cancelled is tried again, and job {id} is {}",
                state.as_str()
            ))),
            JobChanged::Unknown => Err(unknown_job(id)),
        }
    }

    /// All webhooks.
    pub async fn webhooks(&self, _: &Administer<'_>) -> Result<Vec<Webhook>, AdminError> {
        Ok(self.meta.list_webhooks().await?)
    }

    /// A webhook.
    pub async fn webhook(&self, _: &Administer<'_>, name: &str) -> Result<Webhook, AdminError> {
        self.meta.find_webhook(name).await?.ok_or_else(|| unknown_webhook(name))
    }

    /// Makes a webhook. Without a secret it gets one; it is told only now, as text beginning with `whsec_`.
    pub async fn add_webhook(
        &self,
        administer: &Administer<'_>,
        wish: WebhookWish,
        secret: Option<&str>,
    ) -> Result<(Webhook, String), AdminError> {
        check(&wish)?;
        let secret = match secret {
            Some(text) => read_secret(text)?,
            None => Secret::new(random_bytes(32)),
        };
        let text = format!("{SECRET_PREFIX}{}", STANDARD.encode(secret.expose()));
        let name = wish.name.clone();
        let made = self.meta.add_webhook(wish, Some(secret), administer.actor()).await?;
        match made {
            Some(webhook) => Ok((webhook, text)),
            None => Err(AdminError::NameTaken { what: "a webhook", name }),
        }
    }

    /// Changes a webhook.
    pub async fn change_webhook(
        &self,
        administer: &Administer<'_>,
        wish: WebhookWish,
        secret: Option<&str>,
    ) -> Result<Webhook, AdminError> {
        check(&wish)?;
        let secret = secret.map(read_secret).transpose()?;
        let name = wish.name.clone();
        let changed = self.meta.change_webhook(wish, secret, administer.actor()).await?;
        changed.ok_or_else(|| unknown_webhook(&name))
    }

    /// Removes a webhook.
    pub async fn remove_webhook(
        &self,
        administer: &Administer<'_>,
        name: &str,
    ) -> Result<(), AdminError> {
        if self.meta.remove_webhook(name, administer.actor()).await? {
            Ok(())
        } else {
            Err(unknown_webhook(name))
        }
    }

    /// Tells a webhook of an event once more, or for the first time; gives the number of the job.
    pub async fn redeliver(
        &self,
        administer: &Administer<'_>,
        name: &str,
        event: u64,
    ) -> Result<i64, AdminError> {
        let webhook = self.webhook(administer, name).await?;
        let place = Place::After(event.saturating_sub(1));
        let found = self.meta.list_events(EventFilter::default(), place, 1).await?;
        let found = found.into_iter().find(|found| found.id == event);
        let unknown = || AdminError::Unknown { what: "event", name: event.to_string() };
        let found = found.ok_or_else(unknown)?;
        let job = delivery(webhook.id, event, found.repository.as_deref());
        self.meta.add_job(job, administer.actor()).await?.ok_or_else(unknown)
    }
}

fn check(wish: &WebhookWish) -> Result<(), AdminError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if wish.name.is_empty() || wish.name.len() > 64 || !wish.name.bytes().all(plain) {
        return Err(AdminError::InvalidName {
            what: "a webhook",
            name: wish.name.chars().take(100).collect(),
            rule: "use up to 64 letters, digits, `.`, `_` and `-`",
        });
    }
    check_hook_address(&wish.url).map_err(|error| AdminError::Invalid(error.to_string()))?;
    check_headers(&wish.headers)
}

fn check_headers(headers: &BTreeMap<String, String>) -> Result<(), AdminError> {
    for (name, value) in headers {
        let good =
            name.parse::<http::HeaderName>().is_ok() && http::HeaderValue::from_str(value).is_ok();
        if !good || OURS.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(AdminError::Invalid(format!("the header `{name}` cannot be set")));
        }
    }
    Ok(())
}

/// Standard Webhooks: `whsec_` and base64 of 24 to 64 bytes.
fn read_secret(text: &str) -> Result<Secret<Vec<u8>>, AdminError> {
    let bytes = text.strip_prefix(SECRET_PREFIX).and_then(|text| STANDARD.decode(text).ok());
    let bytes = bytes.filter(|bytes| (24..=64).contains(&bytes.len()));
    bytes.map(Secret::new).ok_or_else(|| {
        AdminError::Invalid(format!(
            "the secret is `{SECRET_PREFIX}` and 24 to 64 bytes in base64; leave it out to have one made"
        ))
    })
}
