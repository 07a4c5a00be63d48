//! Rules about images, from the plugin's settings. Each rule has the name of its setting, which whoever is refused reads.

mod findings;
mod glob;
mod image;
pub mod settings;

use berth_plugin::{Admission, Decision, Error, Image, Plugin, Problem, Request, clock, config};

use crate::settings::Settings;

/// How long the same answer is good where nothing in it changes by itself.
const LASTING: u32 = 3600;
/// … and where it hangs on what scanners find.
const PASSING: u32 = 15;

struct Policy;

/// A rule that is broken.
pub(crate) struct Broken {
    pub(crate) rule: &'static str,
    pub(crate) message: String,
}

impl Broken {
    pub(crate) fn new(rule: &'static str, message: impl Into<String>) -> Self {
        Self { rule, message: message.into() }
    }
}

impl Plugin for Policy {
    const NAME: &'static str = "policy";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn check_config() -> Vec<Problem> {
        match Settings::read(&config::json()) {
            Ok(_) => Vec::new(),
            Err((key, message)) => vec![Problem::with(key, message)],
        }
    }
}

impl Admission for Policy {
    fn admit(request: Request, image: Option<&Image>) -> Result<Decision, Error> {
        let settings = Settings::read(&config::json())
            .map_err(|(key, message)| Error::Invalid(format!("{key}: {message}")))?;
        let Some(image) = image else { return Ok(Decision::allow()) };
        let now = clock::now().as_secs();
        let mut broken = Vec::new();
        // When something is pulled or moved, it was judged by itself already.
        if request.operation == "push" || settings.has_time() {
            image::check(&settings, image, now, request.operation == "push", &mut broken)?;
        }
        // While it is pushed, nobody can have looked at it.
        let by_findings = request.operation != "push" && settings.has_findings();
        if by_findings {
            findings::check(&settings, &request.repository, image, now, &mut broken)?;
        }
        let seconds = if by_findings || settings.has_time() { PASSING } else { LASTING };
        Ok(decision(&broken).for_seconds(seconds))
    }
}

fn decision(broken: &[Broken]) -> Decision {
    let Some(first) = broken.first() else { return Decision::allow() };
    let messages: Vec<_> = broken.iter().map(|broken| broken.message.as_str()).collect();
    let mut decision = Decision::deny(first.rule, messages.join("; "));
    for broken in broken {
        decision = decision.note(broken.rule, broken.message.as_str());
    }
    decision
}

berth_plugin::export!(Policy: admission);
