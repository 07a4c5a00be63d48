//! Why somebody may, or may not, do something.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::{Explanation, Principal, Rule};
use crate::http::Error;
use crate::http::extract::Query;
use crate::meta::Subject;
use crate::oci::{Action, RepositoryName};

/// A rule that was looked at.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RuleView {
    id: i64,
    subject: String,
    effect: String,
    role: Option<String>,
    actions: Vec<String>,
    pattern: String,
}

/// A decision, and what led to it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Why {
    subject: String,
    action: String,
    repository: String,
    is_allowed: bool,
    /// What decided, in words.
    because: String,
    /// The rule that decided, if one did.
    rule: Option<RuleView>,
    /// Whom rules may be about when they ask.
    subjects: Vec<String>,
    /// All rules about them that fit the repository, whatever they say of the action.
    fitting_rules: Vec<RuleView>,
}

impl From<&Rule> for RuleView {
    fn from(rule: &Rule) -> Self {
        Self {
            id: rule.id,
            subject: rule.subject.to_string(),
            effect: rule.effect.as_str().to_owned(),
            role: rule.role.clone(),
            actions: rule.actions.iter().map(|action| action.to_string()).collect(),
            pattern: rule.pattern.to_string(),
        }
    }
}

/// Explain a decision
///
/// By the very function that decides. One may ask about oneself, about repositories that one manages, and administrators
/// about everything.
#[utoipa::path(
    get,
    path = "/access/why",
    tag = "access",
    params(
        ("subject" = String, Query, description = "`user:ann`, `robot:ci`, `workload:build` or `everyone`", example = "user:ann"),
        ("action" = String, Query, example = "push"),
        ("repository" = String, Query, example = "team/app")
    ),
    responses((status = 200, body = Why))
)]
pub(super) async fn why(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
) -> Result<Json<Why>, Error> {
    let field =
        |name: &str| query.get(name).ok_or_else(|| Error::invalid(format!("`{name}` is missing")));
    let subject: Subject = field("subject")?.parse().map_err(Error::invalid)?;
    let action: Action = field("action")?.parse().map_err(Error::invalid)?;
    let name: RepositoryName = field("repository")?.parse().map_err(Error::invalid)?;
    let Explanation { is_allowed, because, rule, subjects, fitting } =
        app.auth.why(&principal, &subject, action, &name).await?;
    Ok(Json(Why {
        subject: subject.to_string(),
        action: action.to_string(),
        repository: name.to_string(),
        is_allowed,
        because,
        rule: rule.as_deref().map(Into::into),
        subjects: subjects.iter().map(ToString::to_string).collect(),
        fitting_rules: fitting.iter().map(|rule| (&**rule).into()).collect(),
    }))
}
