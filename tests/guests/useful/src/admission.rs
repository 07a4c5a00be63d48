//! Says what the setting `say` wants, and what it sees.

use berth_plugin::{
    Admission, Decision, Error, Image, Request, Severity, config, kv, log, metrics,
};

use crate::Useful;

impl Admission for Useful {
    fn admit(request: Request, image: Option<&Image>) -> Result<Decision, Error> {
        log::info("asked");
        metrics::count("asked", &[("operation", &request.operation)], 1);
        let decision = match config::get("say").unwrap_or_default().as_str() {
            "deny" => {
                let who = request.principal.map_or_else(|| "nobody".into(), |one| one.subject);
                Decision::deny(
                    "no",
                    format!("{who} may not {} {}", request.operation, request.repository),
                )
            }
            "warn" => Decision::allow().warn("this is\r\nold"),
            "hold" => Decision::hold("not scanned yet"),
            "count" => {
                let before = kv::get("count")?.map_or(0, |bytes| bytes.len());
                kv::set("count", &vec![b'x'; before + 1])?;
                Decision::allow().note("count", (before + 1).to_string()).for_seconds(60)
            }
            "scans" => {
                let image = image.ok_or_else(|| Error::Invalid("there is no image".into()))?;
                let critical: usize = image
                    .scans()?
                    .iter()
                    .map(|scan| {
                        image.findings(&scan.scanner, Severity::Critical).map(|all| all.len())
                    })
                    .sum::<Result<usize, Error>>()?;
                match critical {
                    0 => Decision::allow(),
                    number => Decision::deny("severity", format!("{number} critical findings")),
                }
            }
            "fail" => return Err(Error::Unavailable("not now".into())),
            _ => Decision::allow(),
        };
        Ok(decision)
    }
}
