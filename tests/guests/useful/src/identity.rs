//! Knows the users of its settings, and takes writing away from those whose name begins with `guest`.

use berth_plugin::{
    Authenticator, Authorization, AuthorizationRequest, Authorizer, CallContext, Credential, Error,
    Verdict, config,
};

use crate::Useful;

impl Authenticator for Useful {
    fn authenticate(_context: CallContext, credential: Credential) -> Result<Verdict, Error> {
        let (Some(name), "basic") = (&credential.name, credential.kind.as_str()) else {
            return Ok(Verdict::Pass);
        };
        match config::get(&format!("users.{name}")) {
            None => Ok(Verdict::Pass),
            Some(password) if password.as_bytes() == credential.value => {
                Ok(Verdict::accept(name, vec!["people".into()], 60))
            }
            Some(_) => Ok(Verdict::reject("wrong password")),
        }
    }
}

impl Authorizer for Useful {
    fn authorize(request: AuthorizationRequest) -> Result<Authorization, Error> {
        let is_guest = request.principal.is_some_and(|person| person.subject.starts_with("guest"));
        let mut actions = request.actions;
        // More than was asked about: it must not matter.
        actions.push("delete".into());
        if is_guest {
            actions.retain(|action| action == "pull" || action == "delete");
        }
        let reason = is_guest.then(|| "guests only read".into());
        Ok(Authorization { actions, reason, cache_seconds: 0 })
    }
}
