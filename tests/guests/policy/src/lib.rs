//! A policy as a vendor would write it: an image must have an annotation.

use berth_plugin::{Admission, Decision, Error, Image, Plugin, Request, config};

struct RequireAnnotation;

impl Plugin for RequireAnnotation {
    const NAME: &'static str = "test.policy";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
}

impl Admission for RequireAnnotation {
    fn admit(_request: Request, image: Option<&Image>) -> Result<Decision, Error> {
        let key = config::get("annotation").unwrap_or_default();
        let annotations = image.map(Image::annotations).unwrap_or_default();
        if annotations.iter().any(|(name, _)| *name == key) {
            return Ok(Decision::allow());
        }
        Ok(Decision::deny("require-annotation", format!("annotate the image with {key}")))
    }
}

berth_plugin::export!(RequireAnnotation: admission);
