//! Directories: LDAP servers that vouch for users.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Input;
use super::moment;
use crate::app::App;
use crate::auth::{DirectoryKind, Principal, Step};
use crate::config::HumanDuration;
use crate::http::Error;
use crate::meta::{Directory, DirectorySettings, GroupMapping, PasswordChange};
use crate::secret::Secret;

/// What a group of a directory is called here.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MappingView {
    /// Its DN, or its name alone.
    #[schema(example = "cn=devs,ou=groups,dc=example,dc=org")]
    from: String,
    /// The group here.
    #[schema(example = "devs")]
    to: String,
}

/// A directory. The password of the one who searches is never shown.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub(super) struct DirectoryView {
    name: String,
    is_enabled: bool,
    /// Its servers, tried in this order.
    urls: Vec<String>,
    /// Whether `ldap://` is turned into TLS before anything is said.
    starttls: bool,
    /// PEM of the authorities that its certificates are signed by; empty: those that the machine trusts.
    authorities: String,
    /// Who searches; empty: nobody in particular.
    bind_dn: String,
    has_bind_password: bool,
    user_base: String,
    user_filter: String,
    name_attribute: String,
    id_attribute: String,
    full_name_attribute: String,
    email_attribute: String,
    /// `none`, `member-of`, `search` or `nested`.
    groups: String,
    group_base: String,
    group_filter: String,
    group_name_attribute: String,
    mapping: Vec<MappingView>,
    only_mapped: bool,
    /// How long its answers are believed.
    remember: String,
    timeout: String,
    /// How many accounts it vouches for; only where one directory is shown.
    account_count: Option<u64>,
    created_at: String,
    updated_at: String,
}

/// Directories in the order in which they are asked about unknown names.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Directories {
    directories: Vec<DirectoryView>,
}

/// A directory to be made. What is left out has the default of its kind.
#[derive(Deserialize, ToSchema)]
#[serde(try_from = "serde_json::Map<String, serde_json::Value>")]
pub(super) struct NewDirectory {
    /// What it is called; its groups are `NAME/GROUP`.
    name: String,
    /// `ldap` or `active-directory`; decides the defaults. `ldap` if it is left out.
    kind: Option<String>,
    #[serde(flatten)]
    change: DirectoryChange,
}

/// What of a directory is to be changed; what is left out stays.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DirectoryChange {
    /// Shutting a directory ends the logins that it vouched for.
    is_enabled: Option<bool>,
    /// Its servers, tried in this order: `ldaps://host` or `ldap://host:port`.
    urls: Option<Vec<String>>,
    /// Whether `ldap://` is turned into TLS before anything is said; without it passwords can be read by whoever hears
    /// them.
    starttls: Option<bool>,
    /// PEM of the authorities that its certificates are signed by; empty: those that the machine trusts.
    authorities: Option<String>,
    /// Who searches; empty: nobody in particular.
    bind_dn: Option<String>,
    /// The password that goes with it; empty: none.
    #[schema(value_type = Option<String>, format = Password)]
    bind_password: Option<String>,
    /// Below which entry users are looked for.
    user_base: Option<String>,
    /// Which entry a user is (RFC 4515); `{user}` stands for the name that they log in with.
    user_filter: Option<String>,
    /// The attribute that holds an account's name.
    name_attribute: Option<String>,
    /// The attribute that names an entry for ever, also after it is renamed; empty: its DN does.
    id_attribute: Option<String>,
    /// The attribute that holds the name as people write it.
    full_name_attribute: Option<String>,
    /// The attribute that holds an address.
    email_attribute: Option<String>,
    /// How groups are found: `none`; `member-of`, as the user's entry lists them; `search`, by `group_filter`; `nested`, as
    /// Active Directory finds groups within groups.
    groups: Option<String>,
    /// Groups that do not lie below it do not count. Empty: anywhere, or below `user_base` where they are searched for.
    group_base: Option<String>,
    /// Which groups a user is in; `{dn}` and `{user}` stand for their entry and their account's name.
    group_filter: Option<String>,
    /// The attribute that holds a group's name.
    group_name_attribute: Option<String>,
    /// What some of its groups are called here.
    mapping: Option<Vec<MappingView>>,
    /// Whether other groups do not count.
    only_mapped: Option<bool>,
    /// How long its answers are believed, such as `5m`; `0s`: it is asked each time.
    remember: Option<String>,
    /// How long an answer may take, such as `5s`.
    timeout: Option<String>,
}

/// By hand, as what is not known would be passed over beside `flatten`.
impl TryFrom<serde_json::Map<String, serde_json::Value>> for NewDirectory {
    type Error = serde_json::Error;

    fn try_from(
        mut fields: serde_json::Map<String, serde_json::Value>,
    ) -> Result<Self, serde_json::Error> {
        let name = fields.remove("name").unwrap_or_default();
        let kind = fields.remove("kind").unwrap_or_default();
        Ok(Self {
            name: serde_json::from_value(name)?,
            kind: serde_json::from_value(kind)?,
            change: serde_json::from_value(fields.into())?,
        })
    }
}

/// How a directory is to be tried.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TrialWish {
    /// Somebody to look for.
    user: Option<String>,
    /// Their password, to be tried as well.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<String>,
}

/// One thing that was tried.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StepView {
    /// `connect`, `tls`, `bind`, `search`, `user`, `password` or `groups`.
    step: String,
    is_good: bool,
    /// What came of it, in words.
    detail: String,
}

/// What came of trying a directory.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DirectoryTrial)]
pub(super) struct TrialView {
    /// Whether everything worked.
    is_good: bool,
    steps: Vec<StepView>,
}

impl DirectoryView {
    fn new(directory: Directory, account_count: Option<u64>) -> Self {
        let settings = directory.settings;
        let mapping = settings.mapping.into_iter();
        Self {
            name: directory.name.to_string(),
            is_enabled: settings.is_enabled,
            urls: settings.urls,
            starttls: settings.starttls,
            authorities: settings.authorities,
            bind_dn: settings.bind_dn,
            has_bind_password: directory.bind_password.is_some(),
            user_base: settings.user_base,
            user_filter: settings.user_filter,
            name_attribute: settings.name_attribute,
            id_attribute: settings.id_attribute,
            full_name_attribute: settings.full_name_attribute,
            email_attribute: settings.email_attribute,
            groups: settings.groups.as_str().to_owned(),
            group_base: settings.group_base,
            group_filter: settings.group_filter,
            group_name_attribute: settings.group_name_attribute,
            mapping: mapping.map(|one| MappingView { from: one.from, to: one.to }).collect(),
            only_mapped: settings.only_mapped,
            remember: settings.remember.to_string(),
            timeout: settings.timeout.to_string(),
            account_count,
            created_at: moment(directory.created_at),
            updated_at: moment(directory.updated_at),
        }
    }
}

impl From<Step> for StepView {
    fn from(step: Step) -> Self {
        Self { step: step.name.to_owned(), is_good: step.is_good, detail: step.detail }
    }
}

fn duration(wanted: Option<&str>, so_far: HumanDuration) -> Result<HumanDuration, Error> {
    wanted.map_or(Ok(so_far), |text| text.parse().map_err(Error::invalid))
}

impl DirectoryChange {
    /// The settings after the change.
    fn apply(
        self,
        so_far: DirectorySettings,
    ) -> Result<(DirectorySettings, PasswordChange), Error> {
        let mapping = self.mapping.map(|mapping| {
            mapping.into_iter().map(|one| GroupMapping { from: one.from, to: one.to }).collect()
        });
        let password = match self.bind_password {
            None => PasswordChange::Keep,
            Some(text) if text.is_empty() => PasswordChange::Forget,
            Some(text) => PasswordChange::Set(Secret::new(text)),
        };
        let groups = match self.groups {
            Some(text) => text.parse().map_err(Error::invalid)?,
            None => so_far.groups,
        };
        let settings = DirectorySettings {
            is_enabled: self.is_enabled.unwrap_or(so_far.is_enabled),
            urls: self.urls.unwrap_or(so_far.urls),
            starttls: self.starttls.unwrap_or(so_far.starttls),
            authorities: self.authorities.unwrap_or(so_far.authorities),
            bind_dn: self.bind_dn.unwrap_or(so_far.bind_dn),
            user_base: self.user_base.unwrap_or(so_far.user_base),
            user_filter: self.user_filter.unwrap_or(so_far.user_filter),
            name_attribute: self.name_attribute.unwrap_or(so_far.name_attribute),
            id_attribute: self.id_attribute.unwrap_or(so_far.id_attribute),
            full_name_attribute: self.full_name_attribute.unwrap_or(so_far.full_name_attribute),
            email_attribute: self.email_attribute.unwrap_or(so_far.email_attribute),
            groups,
            group_base: self.group_base.unwrap_or(so_far.group_base),
            group_filter: self.group_filter.unwrap_or(so_far.group_filter),
            group_name_attribute: self.group_name_attribute.unwrap_or(so_far.group_name_attribute),
            mapping: mapping.unwrap_or(so_far.mapping),
            only_mapped: self.only_mapped.unwrap_or(so_far.only_mapped),
            remember: duration(self.remember.as_deref(), so_far.remember)?,
            timeout: duration(self.timeout.as_deref(), so_far.timeout)?,
        };
        Ok((settings, password))
    }
}

/// List directories
#[utoipa::path(get, path = "/directories", tag = "directories", responses((status = 200, body = Directories)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<Directories>, Error> {
    let directories = app.auth.administer(&principal)?.directories().await?;
    let directories = directories.into_iter().map(|one| DirectoryView::new(one, None)).collect();
    Ok(Json(Directories { directories }))
}

/// Make a directory
///
/// From then on it is asked about users who are not known here; nobody tries whether it works.
#[utoipa::path(
    post,
    path = "/directories",
    tag = "directories",
    request_body = NewDirectory,
    responses((status = 201, body = DirectoryView))
)]
pub(super) async fn add(
    State(app): State<Arc<App>>,
    principal: Principal,
    Input(new): Input<NewDirectory>,
) -> Result<(StatusCode, Json<DirectoryView>), Error> {
    let administer = app.auth.administer(&principal)?;
    let kind = new.kind.map_or(Ok(DirectoryKind::Ldap), |kind| kind.parse());
    let defaults = kind.map_err(Error::invalid)?.defaults();
    let (settings, password) = new.change.apply(defaults)?;
    let password = match password {
        PasswordChange::Set(password) => Some(password),
        PasswordChange::Keep | PasswordChange::Forget => None,
    };
    let directory = administer.add_directory(&new.name, settings, password).await?;
    Ok((StatusCode::CREATED, Json(DirectoryView::new(directory, Some(0)))))
}

/// Show a directory
#[utoipa::path(
    get,
    path = "/directories/{name}",
    tag = "directories",
    params(("name" = String, Path)),
    responses((status = 200, body = DirectoryView))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<Json<DirectoryView>, Error> {
    let (directory, accounts) = app.auth.administer(&principal)?.directory(&name).await?;
    Ok(Json(DirectoryView::new(directory, Some(accounts))))
}

/// Change a directory
#[utoipa::path(
    patch,
    path = "/directories/{name}",
    tag = "directories",
    params(("name" = String, Path)),
    request_body = DirectoryChange,
    responses((status = 200, body = DirectoryView))
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
    Input(wanted): Input<DirectoryChange>,
) -> Result<Json<DirectoryView>, Error> {
    let administer = app.auth.administer(&principal)?;
    let (before, _) = administer.directory(&name).await?;
    let (settings, password) = wanted.apply(before.settings)?;
    let (directory, accounts) = administer.change_directory(&name, settings, password).await?;
    Ok(Json(DirectoryView::new(directory, Some(accounts))))
}

/// Remove a directory
///
/// The accounts that it vouched for stay, and nobody gets in with them.
#[utoipa::path(
    delete,
    path = "/directories/{name}",
    tag = "directories",
    params(("name" = String, Path)),
    responses((status = 204))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<StatusCode, Error> {
    app.auth.administer(&principal)?.remove_directory(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Try a directory
///
/// Step by step, up to the first that fails: each server, then a search, then a user if one is named. Nothing is changed.
#[utoipa::path(
    post,
    path = "/directories/{name}/test",
    tag = "directories",
    params(("name" = String, Path)),
    request_body = TrialWish,
    responses((status = 200, body = TrialView))
)]
pub(super) async fn test(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
    Input(wish): Input<TrialWish>,
) -> Result<Json<TrialView>, Error> {
    let administer = app.auth.administer(&principal)?;
    let password = wish.password.map(Secret::new);
    let trial = administer.try_directory(&name, wish.user.as_deref(), password.as_ref()).await?;
    let is_good = trial.is_good();
    let steps = trial.steps.into_iter().map(Into::into).collect();
    Ok(Json(TrialView { is_good, steps }))
}
