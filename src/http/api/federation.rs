//! Federation rules: which tokens of an issuer, or which certificates, are somebody here.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::input::Input;
use super::issuers::TrustSwitch;
use super::moment;
use crate::app::App;
use crate::auth::{Principal, Tried};
use crate::clock::Timestamp;
use crate::http::Error;
use crate::meta::{Condition, FederationRule, Subject, Test};
use crate::secret::Secret;

/// Stands for client certificates, where issuers are named.
const CERTIFICATE: &str = "certificate";

/// What a rule asks of one claim: exactly one of `is`, `in`, `like` and `has`.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConditionView {
    /// The claim; a dot leads into one that has parts.
    #[schema(example = "repository_owner")]
    claim: String,
    /// It is this, letter for letter.
    is: Option<String>,
    /// It is one of these.
    r#in: Option<Vec<String>>,
    /// It matches a pattern: `*` for what holds no `/` and no `:`, `**` for anything.
    like: Option<String>,
    /// It is a list with this in it.
    has: Option<String>,
}

/// A federation rule.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FederationRuleView {
    name: String,
    /// The issuer whose tokens it is about; `certificate` for client certificates.
    issuer: String,
    /// Instead of the issuer's; nothing for those.
    audiences: Vec<String>,
    /// All of them have to hold.
    conditions: Vec<ConditionView>,
    /// The account that it makes of whoever it accepts, such as `robot:ci`; nothing for a workload of its own.
    acts_as: Option<String>,
    /// Whom rules of access name for those it accepts.
    subject: String,
    description: String,
    is_disabled: bool,
    created_at: String,
    created_by: String,
}

/// All federation rules.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FederationRules {
    rules: Vec<FederationRuleView>,
}

/// A federation rule to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FederationRuleWish {
    /// The issuer whose tokens it is about; `certificate` for client certificates.
    issuer: String,
    /// Instead of the issuer's; nothing for those.
    #[serde(default)]
    audiences: Vec<String>,
    /// All of them have to hold.
    conditions: Vec<ConditionView>,
    /// The account that it makes of whoever it accepts, such as `robot:ci`; nothing for a workload of its own.
    acts_as: Option<String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    is_disabled: bool,
}

/// A token to be tried.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Trial {
    #[schema(value_type = String, format = Password)]
    token: String,
}

/// What would become of a token.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FederationTrialView {
    /// Whether it would be let in.
    is_accepted: bool,
    /// Who it would be; or why it is nobody.
    becomes: String,
    /// Whom rules of access may be about when it comes.
    subjects: Vec<String>,
    /// The issuer that it names, as it is called here.
    issuer: Option<String>,
    /// What is wrong with the token itself; its claims are not to be believed then.
    flaw: Option<String>,
    /// What it says.
    #[schema(value_type = Object)]
    claims: Map<String, Value>,
    expires_at: Option<String>,
    /// What each rule about its issuer says.
    rules: Vec<TriedRuleView>,
}

/// What a rule says of a token.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TriedRuleView {
    name: String,
    accepts: bool,
    /// What does not hold.
    refusal: Option<String>,
}

impl From<Condition> for ConditionView {
    fn from(condition: Condition) -> Self {
        let view = Self { claim: condition.claim, ..Self::default() };
        match condition.test {
            Test::Is(text) => Self { is: Some(text), ..view },
            Test::In(texts) => Self { r#in: Some(texts), ..view },
            Test::Like(text) => Self { like: Some(text), ..view },
            Test::Has(text) => Self { has: Some(text), ..view },
        }
    }
}

impl TryFrom<ConditionView> for Condition {
    type Error = Error;

    fn try_from(view: ConditionView) -> Result<Self, Error> {
        let test = match (view.is, view.r#in, view.like, view.has) {
            (Some(text), None, None, None) => Test::Is(text),
            (None, Some(texts), None, None) => Test::In(texts),
            (None, None, Some(text), None) => Test::Like(text),
            (None, None, None, Some(text)) => Test::Has(text),
            _ => {
                return Err(Error::invalid(
                    "a condition has exactly one of `is`, `in`, `like` and `has`",
                ));
            }
        };
        Ok(Self { claim: view.claim, test })
    }
}

impl From<FederationRule> for FederationRuleView {
    fn from(rule: FederationRule) -> Self {
        let subject = rule.acts_as.clone().unwrap_or_else(|| Subject::workload(&rule.name));
        Self {
            name: rule.name,
            issuer: rule.issuer.unwrap_or_else(|| CERTIFICATE.to_owned()),
            audiences: rule.audiences,
            conditions: rule.conditions.into_iter().map(Into::into).collect(),
            acts_as: rule.acts_as.map(|subject| subject.to_string()),
            subject: subject.to_string(),
            description: rule.description,
            is_disabled: rule.is_disabled,
            created_at: moment(rule.created_at),
            created_by: rule.created_by,
        }
    }
}

impl FederationRuleWish {
    fn named(self, name: String) -> Result<FederationRule, Error> {
        let conditions = self.conditions.into_iter().map(TryInto::try_into);
        Ok(FederationRule {
            name,
            issuer: Some(self.issuer).filter(|issuer| issuer != CERTIFICATE),
            audiences: self.audiences,
            conditions: conditions.collect::<Result<_, _>>()?,
            acts_as: self.acts_as.map(|text| text.parse()).transpose().map_err(Error::invalid)?,
            description: self.description.chars().take(1000).collect(),
            is_disabled: self.is_disabled,
            created_at: Timestamp::from_millis(0),
            created_by: String::new(),
        })
    }
}

impl From<Tried> for FederationTrialView {
    fn from(tried: Tried) -> Self {
        let rules = tried.rules.into_iter().map(|rule| TriedRuleView {
            name: rule.name,
            accepts: rule.refusal.is_none(),
            refusal: rule.refusal,
        });
        Self {
            is_accepted: tried.becomes.is_ok(),
            becomes: tried.becomes.unwrap_or_else(|why| why),
            subjects: tried.subjects,
            issuer: tried.issuer,
            flaw: tried.flaw,
            claims: tried.claims,
            expires_at: tried.expires_at.map(moment),
            rules: rules.collect(),
        }
    }
}

/// List federation rules
#[utoipa::path(
    get,
    path = "/federation/rules",
    tag = "federation",
    responses((status = 200, body = FederationRules))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<FederationRules>, Error> {
    let rules = app.auth.administer(&principal)?.federation_rules().await?;
    Ok(Json(FederationRules { rules: rules.into_iter().map(Into::into).collect() }))
}

/// Show a federation rule
#[utoipa::path(
    get,
    path = "/federation/rules/{name}",
    tag = "federation",
    params(("name" = String, Path)),
    responses((status = 200, body = FederationRuleView))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<Json<FederationRuleView>, Error> {
    Ok(Json(app.auth.administer(&principal)?.federation_rule(&name).await?.into()))
}

/// Make a federation rule
///
/// Makes it, or changes the one of its name. What it accepts may do what rules of access say of `workload:NAME`.
#[utoipa::path(
    put,
    path = "/federation/rules/{name}",
    tag = "federation",
    params(("name" = String, Path)),
    request_body = FederationRuleWish,
    responses((status = 200, body = FederationRuleView))
)]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
    Input(wish): Input<FederationRuleWish>,
) -> Result<Json<FederationRuleView>, Error> {
    let administer = app.auth.administer(&principal)?;
    Ok(Json(administer.put_federation_rule(wish.named(name)?).await?.into()))
}

/// Make a federation rule accept nobody, or no longer
#[utoipa::path(
    patch,
    path = "/federation/rules/{name}",
    tag = "federation",
    params(("name" = String, Path)),
    request_body = TrustSwitch,
    responses((status = 200, body = FederationRuleView))
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
    Input(wish): Input<TrustSwitch>,
) -> Result<Json<FederationRuleView>, Error> {
    let administer = app.auth.administer(&principal)?;
    Ok(Json(administer.disable_federation_rule(&name, wish.is_disabled).await?.into()))
}

/// Remove a federation rule
///
/// What its workload was allowed goes with it.
#[utoipa::path(
    delete,
    path = "/federation/rules/{name}",
    tag = "federation",
    params(("name" = String, Path)),
    responses((status = 204))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<StatusCode, Error> {
    app.auth.administer(&principal)?.remove_federation_rule(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Try a token
///
/// Says which rules would accept it, or what is wrong with it. Nothing is issued for it.
#[utoipa::path(
    post,
    path = "/federation/try",
    tag = "federation",
    request_body = Trial,
    responses((status = 200, body = FederationTrialView))
)]
pub(super) async fn try_token(
    State(app): State<Arc<App>>,
    principal: Principal,
    Input(trial): Input<Trial>,
) -> Result<Json<FederationTrialView>, Error> {
    let administer = app.auth.administer(&principal)?;
    Ok(Json(administer.try_token(&Secret::new(trial.token)).await?.into()))
}
