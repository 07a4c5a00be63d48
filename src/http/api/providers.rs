//! Sign-in providers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Input;
use super::issuers::TrustSwitch;
use super::moment;
use crate::app::App;
use crate::auth::Principal;
use crate::clock::Timestamp;
use crate::config::HumanDuration;
use crate::http::Error;
use crate::http::request::Info;
use crate::meta::{Provider, ProviderSettings};
use crate::secret::Secret;

/// A sign-in provider.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProviderView {
    name: String,
    /// `entra`, `google`, `github`, `gitlab`, `keycloak` or `oidc`.
    kind: String,
    /// What stands on its button; nothing for what its kind has.
    title: String,
    /// What it calls itself; nothing for what its kind has.
    issuer: String,
    client_id: String,
    has_client_secret: bool,
    scopes: Vec<String>,
    name_claim: Option<String>,
    groups_claim: Option<String>,
    /// Groups of ours that some of its groups are; the others are called `PROVIDER/VALUE`.
    groups: BTreeMap<String, String>,
    allowed_domains: Vec<String>,
    allowed_groups: Vec<String>,
    is_open: bool,
    authorities: String,
    sign_in_every: Option<String>,
    /// What has to be registered at the provider as the address to come back to.
    redirect_uri: String,
    is_disabled: bool,
    created_at: String,
    created_by: String,
}

/// All providers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Providers {
    providers: Vec<ProviderView>,
}

/// A provider that people may choose.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChoiceView {
    name: String,
    /// What stands on its button.
    title: String,
    /// `entra`, `google`, `github`, `gitlab`, `keycloak` or `oidc`.
    kind: String,
    /// Where its button leads; `?return=/…` says where to go on.
    #[schema(example = "/auth/acme/start")]
    start: String,
}

/// The providers that people may choose.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Choices {
    providers: Vec<ChoiceView>,
}

/// A provider to sign in by.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderWish {
    /// `entra`, `google`, `github`, `gitlab`, `keycloak` or `oidc`.
    #[schema(example = "keycloak")]
    kind: String,
    /// What stands on its button.
    #[serde(default)]
    title: String,
    /// What it calls itself in its discovery document; for GitHub the address of its pages. Needed for `entra`, `keycloak` and
    /// `oidc`.
    #[serde(default)]
    #[schema(example = "https://sso.example.com/realms/acme")]
    issuer: String,
    client_id: String,
    /// If it is left out, the one so far stays, unless `issuer` or `client_id` change.
    #[schema(value_type = Option<String>, format = Password)]
    client_secret: Option<String>,
    /// Beside `openid`, `profile` and `email`.
    #[serde(default)]
    scopes: Vec<String>,
    /// The claim that becomes the name of the account.
    name_claim: Option<String>,
    /// The claim that lists groups; a dot leads into one that has parts.
    groups_claim: Option<String>,
    /// Groups of ours that some of its groups are.
    #[serde(default)]
    groups: BTreeMap<String, String>,
    /// Only people with a verified address in one of these domains.
    #[serde(default)]
    allowed_domains: Vec<String>,
    /// Only people in one of these groups of the provider.
    #[serde(default)]
    allowed_groups: Vec<String>,
    /// Whether everybody may sign in whom a provider of the public knows.
    #[serde(default)]
    is_open: bool,
    /// PEM: certificate authorities that are trusted beside the system's.
    #[serde(default)]
    authorities: String,
    /// How long its word counts, such as `30d`: then people have to sign in again, and until then their tokens rest. For ever
    /// if it is left out.
    sign_in_every: Option<String>,
    #[serde(default)]
    is_disabled: bool,
}

fn view(provider: Provider, info: &Info) -> ProviderView {
    let settings = provider.settings;
    let every = settings.sign_in_every.map(|millis| HumanDuration::seconds(millis / 1000));
    ProviderView {
        redirect_uri: format!("{}/auth/{}/callback", info.base, provider.name),
        name: provider.name,
        kind: provider.kind.as_str().to_owned(),
        title: settings.title,
        issuer: settings.issuer,
        client_id: settings.client_id,
        has_client_secret: provider.secret.is_some(),
        scopes: settings.scopes,
        name_claim: settings.name_claim,
        groups_claim: settings.groups_claim,
        groups: settings.groups,
        allowed_domains: settings.allowed_domains,
        allowed_groups: settings.allowed_groups,
        is_open: settings.is_open,
        authorities: settings.authorities,
        sign_in_every: every.map(|every| every.to_string()),
        is_disabled: provider.is_disabled,
        created_at: moment(provider.created_at),
        created_by: provider.created_by,
    }
}

impl ProviderWish {
    fn named(self, name: String) -> Result<Provider, Error> {
        let every = self.sign_in_every.map(|text| text.parse::<HumanDuration>()).transpose();
        let every = every.map_err(Error::invalid)?.map(HumanDuration::get);
        let millis = |every: Duration| u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
        Ok(Provider {
            name,
            kind: self.kind.parse().map_err(Error::invalid)?,
            settings: ProviderSettings {
                title: self.title,
                issuer: self.issuer,
                client_id: self.client_id,
                scopes: self.scopes,
                name_claim: self.name_claim,
                groups_claim: self.groups_claim,
                groups: self.groups,
                allowed_domains: self.allowed_domains,
                allowed_groups: self.allowed_groups,
                is_open: self.is_open,
                authorities: self.authorities,
                sign_in_every: every.map(millis),
            },
            secret: self.client_secret.filter(|secret| !secret.is_empty()).map(Secret::new),
            is_disabled: self.is_disabled,
            created_at: Timestamp::from_millis(0),
            created_by: String::new(),
        })
    }
}

/// List the providers that people may choose
///
/// For whoever asks: these are the buttons of the sign-in page.
#[utoipa::path(
    get,
    path = "/providers/public",
    tag = "providers",
    security(()),
    responses((status = 200, body = Choices))
)]
pub(super) async fn choices(State(app): State<Arc<App>>) -> Result<Json<Choices>, Error> {
    let choices = app.auth.sign_in_choices().await?;
    let providers = choices.into_iter().map(|choice| ChoiceView {
        start: format!("/auth/{}/start", choice.name),
        name: choice.name,
        title: choice.title,
        kind: choice.kind.as_str().to_owned(),
    });
    Ok(Json(Choices { providers: providers.collect() }))
}

/// List providers
#[utoipa::path(get, path = "/providers", tag = "providers", responses((status = 200, body = Providers)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
    Extension(info): Extension<Info>,
) -> Result<Json<Providers>, Error> {
    let providers = app.auth.administer(&principal)?.providers().await?;
    let providers = providers.into_iter().map(|provider| view(provider, &info)).collect();
    Ok(Json(Providers { providers }))
}

/// Show a provider
#[utoipa::path(
    get,
    path = "/providers/{name}",
    tag = "providers",
    params(("name" = String, Path)),
    responses((status = 200, body = ProviderView))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    Extension(info): Extension<Info>,
    Path(name): Path<String>,
) -> Result<Json<ProviderView>, Error> {
    Ok(Json(view(app.auth.administer(&principal)?.provider(&name).await?, &info)))
}

/// Let people sign in by a provider
///
/// Makes it, or changes the one of its name.
#[utoipa::path(
    put,
    path = "/providers/{name}",
    tag = "providers",
    params(("name" = String, Path)),
    request_body = ProviderWish,
    responses((status = 200, body = ProviderView))
)]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    principal: Principal,
    Extension(info): Extension<Info>,
    Path(name): Path<String>,
    Input(wish): Input<ProviderWish>,
) -> Result<Json<ProviderView>, Error> {
    let administer = app.auth.administer(&principal)?;
    Ok(Json(view(administer.put_provider(wish.named(name)?).await?, &info)))
}

/// Let nobody sign in by a provider, or no longer
///
/// While it is disabled, sessions and tokens of those whom it vouches for rest.
#[utoipa::path(
    patch,
    path = "/providers/{name}",
    tag = "providers",
    params(("name" = String, Path)),
    request_body = TrustSwitch,
    responses((status = 200, body = ProviderView))
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    principal: Principal,
    Extension(info): Extension<Info>,
    Path(name): Path<String>,
    Input(wish): Input<TrustSwitch>,
) -> Result<Json<ProviderView>, Error> {
    let administer = app.auth.administer(&principal)?;
    Ok(Json(view(administer.disable_provider(&name, wish.is_disabled).await?, &info)))
}

/// Remove a provider
///
/// Accounts that it vouched for stay with their tokens, but nobody can sign in to them.
#[utoipa::path(
    delete,
    path = "/providers/{name}",
    tag = "providers",
    params(("name" = String, Path)),
    responses((status = 204))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<StatusCode, Error> {
    app.auth.administer(&principal)?.remove_provider(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}
