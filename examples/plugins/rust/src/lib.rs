//! Refuses the tag `latest`, and images that do not say where they come from.

use berth_plugin::{Admission, Decision, Error, Image, Plugin, Request, config};

struct Policy;

impl Plugin for Policy {
    const NAME: &'static str = "example.policy-rust";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
}

impl Admission for Policy {
    fn admit(request: Request, image: Option<&Image>) -> Result<Decision, Error> {
        if request.reference.as_deref() == Some("latest") {
            return Ok(Decision::deny("no-latest", "push a version instead of latest"));
        }
        let key = config::get("annotation").unwrap_or_default();
        let annotations = image.map(Image::annotations).unwrap_or_default();
        if annotations.iter().any(|(name, _)| *name == key) {
            return Ok(Decision::allow());
        }
        let message = format!("annotate the image with {key}");
        Ok(Decision::deny("required-annotation", message))
    }
}

berth_plugin::export!(Policy: admission);
