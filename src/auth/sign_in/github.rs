//! GitHub, which speaks OAuth2 and tells who somebody is by an API of its own.

use std::sync::Arc;

use serde_json::Value;

use super::identity::Said;
use super::setup::Setup;
use super::{Begun, SignInError, unusable};
use crate::auth::federation::Source;
use crate::meta::Provider;
use crate::remote::{ClientSecret, WebError};
use crate::secret::Secret;

/// Entries of a page, the most that GitHub gives.
const PAGE: usize = 100;
/// Pages that are read of a list.
const PAGES: usize = 10;

/// Where the API is that belongs to pages at `issuer`.
fn api(issuer: &str) -> String {
    if issuer == "https://github.com" {
        "https://api.github.com".to_owned()
    } else {
        format!("{}/api/v3", issuer.trim_end_matches('/'))
    }
}

/// Redeems a code, and asks who it was.
pub(super) async fn ask(
    source: &Arc<Source>,
    provider: &Provider,
    setup: &Setup,
    begun: &Begun,
    code: &str,
) -> Result<Said, SignInError> {
    let away = |cause| unusable(provider, cause);
    let form = [
        ("code", code),
        ("redirect_uri", begun.redirect_uri.as_str()),
        ("code_verifier", begun.verifier.as_str()),
    ];
    let address = format!("{}/login/oauth/access_token", setup.issuer.trim_end_matches('/'));
    let secret = provider.secret.as_ref().map_or(ClientSecret::None, ClientSecret::Form);
    let answer = source.web().post(&address, &form, &provider.settings.client_id, secret).await;
    let answer = answer.map_err(away)?;
    // It says what was wrong with 200.
    let token = answer["access_token"].as_str().ok_or_else(|| SignInError::Refused {
        provider: super::setup::title(provider),
        told: answer["error"].as_str().unwrap_or("no token").chars().take(100).collect(),
    })?;
    let token = Secret::new(token.to_owned());
    let api = api(&setup.issuer);
    who(source, provider, &api, &token).await.map_err(away)
}

async fn who(
    source: &Arc<Source>,
    provider: &Provider,
    api: &str,
    token: &Secret<String>,
) -> Result<Said, WebError> {
    let user = source.web().get(&format!("{api}/user"), Some(token)).await?.body;
    let id = user["id"].as_u64().ok_or_else(|| source.form("`/user` has no `id`"))?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut said = Said {
        id: id.to_string(),
        name: text(&user["login"]),
        full_name: text(&user["name"]),
        email: text(&user["email"]),
        ..Said::default()
    };
    for organization in list(source, &format!("{api}/user/orgs"), token).await? {
        said.groups.push(text(&organization["login"]));
    }
    for team in list(source, &format!("{api}/user/teams"), token).await? {
        said.groups.push(format!(
            "{}/{}",
            text(&team["organization"]["login"]),
            text(&team["slug"])
        ));
    }
    if !provider.settings.allowed_domains.is_empty() {
        // What stands in the profile is anybody's word; this list says what was verified.
        let addresses = list(source, &format!("{api}/user/emails"), token).await?;
        let primary = addresses
            .iter()
            .find(|address| address["primary"] == true && address["verified"] == true)
            .map(|address| text(&address["email"]));
        if let Some(email) = primary {
            said.domain = email.rsplit_once('@').map(|(_, domain)| domain.to_owned());
            said.email = email;
        }
    }
    Ok(said)
}

/// A list to its end.
async fn list(
    source: &Arc<Source>,
    address: &str,
    token: &Secret<String>,
) -> Result<Vec<Value>, WebError> {
    let mut all = Vec::new();
    for page in 1..=PAGES {
        let address = format!("{address}?per_page={PAGE}&page={page}");
        let Value::Array(entries) = source.web().get(&address, Some(token)).await?.body else {
            return Err(source.form("a list of its API is none"));
        };
        let came = entries.len();
        all.extend(entries);
        if came < PAGE {
            break;
        }
    }
    Ok(all)
}
