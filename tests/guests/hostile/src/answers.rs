//! Answers that no plugin should give.

use berth_plugin::{
    Admission, Authenticator, CallContext, Credential, Decision, Descriptor, Digest, Document,
    Error, Event, EventSink, Finding, Image, InputStream, ReplicationTarget, Report, Request,
    Scanner, Severity, Verdict, config,
};

use crate::Hostile;
use crate::deeds::act;

fn wanted() -> String {
    config::get("do").unwrap_or_default()
}

impl Admission for Hostile {
    fn admit(_request: Request, image: Option<&Image>) -> Result<Decision, Error> {
        Ok(match wanted().as_str() {
            "huge-answer" => Decision::allow().warn("x".repeat(40 << 20)),
            "many-warnings" => {
                (0..1000).fold(Decision::allow(), |decision, _| decision.warn("\r\nX: y\u{1b}[2J"))
            }
            "mute-denial" => Decision::deny("rule", ""),
            "broken-detail" => {
                let mut decision = Decision::deny("rule", "message");
                if let berth_plugin::Outcome::Deny(denial) = &mut decision.outcome {
                    denial.detail = Some("{".into());
                }
                decision
            }
            _ => Decision::allow().note("said", act(image)?),
        })
    }
}

impl Scanner for Hostile {
    fn scan(_context: CallContext, image: &Image) -> Result<Report, Error> {
        let mut report = Report::empty();
        match wanted().as_str() {
            "huge-answer" => {
                let finding = Finding::new("id", Severity::Low, "x".repeat(1 << 10));
                report.findings = vec![finding; 100_000];
            }
            "many-findings" => {
                report.findings = vec![Finding::new("i", Severity::Low, ""); 100_001];
            }
            "nameless-finding" => report.findings.push(Finding::new("", Severity::Low, "title")),
            "strange-document" => report.documents.push(Document {
                artifact_type: "no media type".into(),
                media_type: "text/plain".into(),
                annotations: Vec::new(),
                content: Vec::new(),
            }),
            _ => report.attributes.push(("said".into(), act(Some(image))?)),
        }
        Ok(report)
    }
}

impl Authenticator for Hostile {
    fn authenticate(_context: CallContext, _credential: Credential) -> Result<Verdict, Error> {
        Ok(match wanted().as_str() {
            "no-subject" => Verdict::accept("", Vec::new(), 0),
            "control-subject" => Verdict::accept("ann\nadmin", Vec::new(), 0),
            "many-groups" => Verdict::accept("ann", vec!["g".into(); 10_000], 0),
            "impostor" => {
                let mut verdict = Verdict::accept("admin", Vec::new(), u32::MAX);
                if let Verdict::Accepted(accepted) = &mut verdict {
                    accepted.principal.issuer = "berth".into();
                }
                verdict
            }
            _ => act(None).map(|_| Verdict::Pass)?,
        })
    }
}

impl ReplicationTarget for Hostile {
    fn find_manifest(
        _context: CallContext,
        _repository: String,
        _reference: String,
    ) -> Result<Option<Digest>, Error> {
        Ok(Some("sha256:short".into()))
    }

    fn missing(
        _context: CallContext,
        _repository: String,
        _blobs: Vec<Digest>,
    ) -> Result<Vec<Digest>, Error> {
        Ok(vec![format!("sha256:{}", "0".repeat(64))])
    }

    fn put_blob(
        _context: CallContext,
        _repository: String,
        _blob: Descriptor,
        _content: InputStream,
    ) -> Result<(), Error> {
        act(None).map(drop)
    }

    fn put_manifest(
        _context: CallContext,
        _repository: String,
        _reference: String,
        _manifest: Descriptor,
        _content: Vec<u8>,
    ) -> Result<Digest, Error> {
        Ok(String::new())
    }

    fn delete(_context: CallContext, _repository: String, _reference: String) -> Result<(), Error> {
        Err(Error::Internal("x".repeat(10_000)))
    }
}

impl EventSink for Hostile {
    fn deliver(_context: CallContext, events: Vec<Event>) -> Result<u32, Error> {
        Ok(u32::try_from(events.len()).unwrap_or(0) + 1)
    }
}
