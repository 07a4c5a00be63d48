//! Making, changing and removing groups.

use super::{AdminError, Administer};
use crate::meta::{Group, Member, MemberChanged, Subject};

/// Whether text can name a group that is made here: what a rule can name after `group:`, without the `/` that names of a
/// provider's groups hold.
#[must_use]
pub fn is_group_name(text: &str) -> bool {
    !text.contains('/') && format!("group:{text}").parse::<Subject>().is_ok()
}

fn unknown(name: &str) -> AdminError {
    AdminError::Unknown { what: "group", name: super::shown(name) }
}

impl Administer<'_> {
    /// Up to `limit` groups in the order of their names, those after `after`.
    pub async fn groups(&self, after: &str, limit: u64) -> Result<Vec<Group>, AdminError> {
        Ok(self.auth.meta.list_groups(after, limit).await?)
    }

    /// A group with its members.
    pub async fn group(&self, name: &str) -> Result<(Group, Vec<Member>), AdminError> {
        self.auth.meta.find_group(name).await?.ok_or_else(|| unknown(name))
    }

    /// Makes a group.
    pub async fn add_group(&self, name: &str, description: &str) -> Result<Group, AdminError> {
        if !is_group_name(name) {
            return Err(AdminError::InvalidName {
                what: "a group",
                name: super::shown(name),
                rule: "use up to 255 characters without `/` or line breaks",
            });
        }
        if !self.auth.meta.add_group(name, description, self.actor()).await? {
            return Err(AdminError::NameTaken { what: "a group", name: name.to_owned() });
        }
        Ok(self.group(name).await?.0)
    }

    /// Changes what a group is for.
    pub async fn describe_group(&self, name: &str, description: &str) -> Result<Group, AdminError> {
        if !self.auth.meta.describe_group(name, description, self.actor()).await? {
            return Err(unknown(name));
        }
        Ok(self.group(name).await?.0)
    }

    /// Removes a group and the rules about it.
    pub async fn remove_group(&self, name: &str) -> Result<(), AdminError> {
        if self.auth.meta.remove_group(name, self.actor()).await? {
            Ok(())
        } else {
            Err(unknown(name))
        }
    }

    /// Puts an account into a group, or takes it out.
    pub async fn set_member(
        &self,
        group: &str,
        member: &str,
        is_member: bool,
    ) -> Result<(), AdminError> {
        match self.auth.meta.set_member(group, member, is_member, self.actor()).await? {
            MemberChanged::Done => Ok(()),
            MemberChanged::NoGroup => Err(unknown(group)),
            MemberChanged::NoAccount => {
                Err(AdminError::Unknown { what: "account", name: super::shown(member) })
            }
        }
    }
}
