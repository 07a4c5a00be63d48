//! Making, changing, trying and removing directories.

use super::{AdminError, Administer};
use crate::auth::ldap::{Trial, check_settings, is_directory_name};
use crate::meta::{Directory, DirectorySettings, NewDirectory, PasswordChange};
use crate::secret::Secret;

fn unknown(name: &str) -> AdminError {
    AdminError::Unknown { what: "directory", name: super::shown(name) }
}

impl Administer<'_> {
    /// All directories in the order in which they are asked.
    pub async fn directories(&self) -> Result<Vec<Directory>, AdminError> {
        Ok(self.auth.meta.list_directories().await?)
    }

    /// A directory, and how many accounts it vouches for.
    pub async fn directory(&self, name: &str) -> Result<(Directory, u64), AdminError> {
        let found = self.auth.meta.find_directory(name).await?;
        let directory = found.ok_or_else(|| unknown(name))?;
        Ok((directory, self.auth.meta.count_accounts_of(name).await?))
    }

    /// Makes a directory. Nobody asks it yet whether it works.
    pub async fn add_directory(
        &self,
        name: &str,
        settings: DirectorySettings,
        bind_password: Option<Secret<String>>,
    ) -> Result<Directory, AdminError> {
        if !is_directory_name(name) {
            return Err(AdminError::InvalidName {
                what: "a directory",
                name: super::shown(name),
                rule: "use up to 64 lower-case letters, digits and `-`",
            });
        }
        let bind_password = bind_password.filter(|password| !password.expose().is_empty());
        check_settings(&settings, bind_password.is_some()).map_err(AdminError::Invalid)?;
        // Both stand before the names of their groups.
        if self.auth.trusted().await?.providers().iter().any(|known| known.name == name) {
            return Err(AdminError::NameTaken {
                what: "a sign-in provider",
                name: name.to_owned(),
            });
        }
        let new = NewDirectory { name: name.to_owned(), settings, bind_password };
        if !self.auth.meta.add_directory(new, self.actor()).await? {
            return Err(AdminError::NameTaken { what: "a directory", name: name.to_owned() });
        }
        Ok(self.directory(name).await?.0)
    }

    /// Changes a directory.
    pub async fn change_directory(
        &self,
        name: &str,
        settings: DirectorySettings,
        password: PasswordChange,
    ) -> Result<(Directory, u64), AdminError> {
        let (before, _) = self.directory(name).await?;
        let has_password = match &password {
            PasswordChange::Keep => before.bind_password.is_some(),
            PasswordChange::Set(password) => !password.expose().is_empty(),
            PasswordChange::Forget => false,
        };
        check_settings(&settings, has_password).map_err(AdminError::Invalid)?;
        if !self.auth.meta.change_directory(name, settings, password, self.actor()).await? {
            return Err(unknown(name));
        }
        self.directory(name).await
    }

    /// Removes a directory. The accounts that it vouched for stay, and nobody gets in with them.
    pub async fn remove_directory(&self, name: &str) -> Result<(), AdminError> {
        let removed = self.auth.meta.remove_directory(name, self.actor()).await?;
        removed.then_some(()).ok_or_else(|| unknown(name))
    }

    /// Tries a directory step by step; with a user's name, whether they are found, and with their password, whether it is
    /// taken. Nothing is changed.
    pub async fn try_directory(
        &self,
        name: &str,
        user: Option<&str>,
        password: Option<&Secret<String>>,
    ) -> Result<Trial, AdminError> {
        let (directory, _) = self.directory(name).await?;
        Ok(self.auth.directories.try_out(directory, user, password).await)
    }
}
