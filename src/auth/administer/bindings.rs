//! Making and removing rules and roles.

use super::{AdminError, Administer, Manage, is_role_name, unknown_subject};
use crate::meta::{
    Binding, BindingAdded, BindingFilter, BindingRemoved, NewBinding, Role, RoleChanged, Subject,
    SubjectKind, What,
};
use crate::oci::{Action, Actions, RepositoryName, RepositoryPattern};

/// A description is read by people.
const MOST_DESCRIPTION_BYTES: usize = 64 << 10;

impl Administer<'_> {
    /// Up to `limit` rules in the order of their numbers, those after `after`.
    pub async fn bindings(
        &self,
        filter: BindingFilter,
        after: i64,
        limit: u64,
    ) -> Result<Vec<Binding>, AdminError> {
        Ok(self.auth.meta.list_bindings(filter, after, limit).await?)
    }

    /// Makes a role, or changes what it may do.
    pub async fn put_role(
        &self,
        name: &str,
        actions: Actions,
        description: &str,
    ) -> Result<Role, AdminError> {
        if !is_role_name(name) {
            return Err(AdminError::InvalidName {
                what: "a role",
                name: super::shown(name),
                rule: "use up to 64 lower-case letters, digits and `-`",
            });
        }
        if actions.is_empty() {
            return Err(AdminError::Invalid(format!("the role `{name}` would allow nothing")));
        }
        let changed = self.auth.meta.put_role(name, actions, description, self.actor()).await?;
        settle(changed, name)?;
        let found = self.auth.meta.find_role(name).await?;
        found.ok_or_else(|| AdminError::Unknown { what: "role", name: name.to_owned() })
    }

    /// Removes a role that no rule uses.
    pub async fn remove_role(&self, name: &str) -> Result<(), AdminError> {
        settle(self.auth.meta.remove_role(name, self.actor()).await?, name)
    }
}

fn settle(changed: RoleChanged, name: &str) -> Result<(), AdminError> {
    match changed {
        RoleChanged::Done => Ok(()),
        RoleChanged::Unknown => Err(AdminError::Unknown { what: "role", name: super::shown(name) }),
        RoleChanged::BuiltIn => Err(AdminError::BuiltInRole(name.to_owned())),
        RoleChanged::InUse(rules) => Err(AdminError::RoleInUse { name: name.to_owned(), rules }),
    }
}

impl Manage<'_> {
    /// Makes a rule about the repositories that are managed.
    pub async fn add_binding(&self, rule: NewBinding) -> Result<Binding, AdminError> {
        if rule.pattern != self.pattern {
            return Err(AdminError::Invalid("the rule is about other repositories".into()));
        }
        check(&rule)?;
        let (subject, what) = (rule.subject.clone(), rule.what.clone());
        match self.auth.meta.add_binding(rule, self.grant.actor()).await? {
            BindingAdded::Done(id) => {
                let found = self.auth.meta.find_binding(id).await?;
                found.ok_or_else(|| AdminError::Unknown { what: "rule", name: id.to_string() })
            }
            BindingAdded::NoRole => {
                Err(AdminError::Unknown { what: "role", name: what.to_string() })
            }
            BindingAdded::NoSubject => Err(unknown_subject(&subject)),
        }
    }

    /// Removes a rule about the repositories that are managed.
    pub async fn remove_binding(&self, binding: &Binding) -> Result<(), AdminError> {
        if binding.rule.pattern != self.pattern {
            return Err(AdminError::Invalid("the rule is about other repositories".into()));
        }
        match self.auth.meta.remove_binding(binding.id, self.grant.actor()).await? {
            BindingRemoved::Done => Ok(()),
            BindingRemoved::Unknown => {
                Err(AdminError::Unknown { what: "rule", name: binding.id.to_string() })
            }
            BindingRemoved::LastAdministrator => {
                Err(AdminError::LastAdministrator(binding.rule.subject.name().to_owned()))
            }
        }
    }

    /// The rules with this very pattern.
    pub async fn bindings(&self) -> Result<Vec<Binding>, AdminError> {
        let filter = BindingFilter { subject: None, pattern: Some(self.pattern.clone()) };
        Ok(self.auth.meta.list_bindings(filter, 0, 10_000).await?)
    }

    /// Says what a repository is about, as Markdown.
    pub async fn describe(&self, name: &RepositoryName, text: String) -> Result<(), AdminError> {
        if text.len() > MOST_DESCRIPTION_BYTES {
            let what = format!("the description is longer than {MOST_DESCRIPTION_BYTES} bytes");
            return Err(AdminError::Invalid(what));
        }
        if self.auth.meta.describe_repository(name, text, self.grant.actor()).await? {
            return Ok(());
        }
        Err(AdminError::Unknown { what: "repository", name: name.to_string() })
    }

    /// Lets anybody pull from one repository, or no longer. Rules on wider patterns are not touched, and may say the same.
    pub async fn set_public(&self, name: &RepositoryName, public: bool) -> Result<(), AdminError> {
        let rule = NewBinding {
            subject: Subject::everyone(),
            effect: crate::meta::Effect::Allow,
            what: What::Role("reader".into()),
            pattern: RepositoryPattern::exactly(name),
            note: String::new(),
        };
        if public {
            return self.add_binding(rule).await.map(drop);
        }
        for binding in self.bindings().await? {
            let same = binding.rule.subject == rule.subject
                && binding.rule.effect == rule.effect
                && binding.actions.has(Action::Pull);
            if same {
                self.remove_binding(&binding).await?;
            }
        }
        Ok(())
    }
}

/// What would be a mistake for sure.
fn check(rule: &NewBinding) -> Result<(), AdminError> {
    if matches!(&rule.what, What::Actions(actions) if actions.is_empty()) {
        return Err(AdminError::Invalid("the rule names no action".into()));
    }
    let anybody = matches!(rule.subject.kind(), SubjectKind::Everyone);
    let writes = match &rule.what {
        What::Role(name) => name != "reader",
        What::Actions(actions) => !actions.without(Actions::of(&[Action::Pull])).is_empty(),
    };
    if anybody && writes && rule.effect == crate::meta::Effect::Allow {
        return Err(AdminError::Invalid(
            "everyone may be allowed to pull and nothing else: use `authenticated` for all who are logged in"
                .into(),
        ));
    }
    Ok(())
}

impl crate::auth::Auth {
    /// All roles, the built-in ones first.
    pub async fn roles(&self) -> Result<Vec<Role>, AdminError> {
        Ok(self.meta.list_roles().await?)
    }

    /// A rule by its number.
    pub async fn binding(&self, id: i64) -> Result<Binding, AdminError> {
        let found = self.meta.find_binding(id).await?;
        found.ok_or_else(|| AdminError::Unknown { what: "rule", name: id.to_string() })
    }
}
