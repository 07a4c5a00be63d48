//! Lets nobody change repositories for a while. Which ones, the binding of its hook says.

use berth_plugin::{Admission, Decision, Error, Image, Plugin, Request, config};

struct Freeze;

impl Plugin for Freeze {
    const NAME: &'static str = "freeze";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
}

impl Admission for Freeze {
    fn admit(request: Request, _image: Option<&Image>) -> Result<Decision, Error> {
        let who = request.principal.map(|principal| principal.subject).unwrap_or_default();
        if config::list("except").contains(&who) {
            return Ok(Decision::allow());
        }
        Ok(Decision::deny("freeze", config::get("message").unwrap_or_default()))
    }
}

berth_plugin::export!(Freeze: admission);
