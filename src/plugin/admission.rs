//! Admission: plugins that decide whether an operation may go on.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use wasmtime::component::Resource;

use super::binding::{Fail, Mode};
use super::bindings::berth::plugin::types;
use super::bindings::exports::berth::plugin::admission_hook as wit;
use super::call::{Answered, CallContext};
use super::host::descriptor;
use super::host::image::LentImage;
use super::image::ImageSource;
use super::installed::Broken;
use super::loaded::Loaded;
use super::memo::{Memo, Question};
use super::plugins::{Active, Inner};
use super::trace::shortened;
use super::{CallError, Hook, PluginName, Plugins};
use crate::clock::Clock;
use crate::oci::{Descriptor, Reference, RepositoryName};

/// What is decided about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// A manifest is stored.
    Push,
    /// A tag is pointed at a manifest.
    Tag,
    /// A manifest is read.
    Pull,
    /// A manifest or tag is removed.
    Delete,
    /// A manifest is copied to another place.
    Replicate,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Push, Self::Tag, Self::Pull, Self::Delete, Self::Replicate];

    /// Its name in `plugins/wit`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Tag => "tag",
            Self::Pull => "pull",
            Self::Delete => "delete",
            Self::Replicate => "replicate",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Somebody who asks, as plugins see them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// What they are called where they are known.
    pub subject: String,
    /// Who says so.
    pub issuer: String,
    /// Groups that they are in.
    pub groups: Vec<String>,
    /// What else is known.
    pub attributes: BTreeMap<String, String>,
}

impl From<Person> for types::Principal {
    fn from(person: Person) -> Self {
        Self {
            subject: person.subject,
            issuer: person.issuer,
            groups: person.groups,
            attributes: person.attributes.into_iter().collect(),
        }
    }
}

/// An operation that plugins are asked about.
#[derive(Clone, Debug)]
pub struct AdmissionRequest {
    /// What the call is about.
    pub context: CallContext,
    /// The operation.
    pub operation: Operation,
    /// Where.
    pub repository: RepositoryName,
    /// The tag, or the digest by which it was asked for.
    pub reference: Option<Reference>,
    /// The manifest.
    pub target: Option<Descriptor>,
    /// What the tag points at until then.
    pub previous: Option<Descriptor>,
    /// Who asks; `None`: nobody in particular.
    pub person: Option<Person>,
    /// What else is known.
    pub attributes: BTreeMap<String, String>,
}

/// What came of asking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it may go on.
    pub outcome: Outcome,
    /// For the client.
    pub warnings: Vec<String>,
    /// For the audit log: what each plugin said.
    pub notes: Vec<Note>,
}

/// Whether an operation may go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It may.
    #[default]
    Allowed,
    /// It may, and is not served by tag until it is released.
    Held {
        /// Who holds it.
        plugin: PluginName,
        /// Why.
        reason: String,
    },
    /// It may not.
    Denied {
        /// Who denies it.
        plugin: PluginName,
        /// The rule that was broken.
        rule: String,
        /// For a person.
        message: String,
        /// For programs.
        detail: Option<serde_json::Value>,
    },
    /// A plugin that has to be asked has no answer.
    Unavailable {
        /// Which.
        plugin: PluginName,
        /// Why; for the log, not for the client.
        error: CallError,
        /// When it makes sense to ask again.
        retry_after: Duration,
    },
}

/// What one plugin said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Which plugin.
    pub plugin: PluginName,
    /// `allow`, `deny`, `hold`, or why there was no answer.
    pub said: &'static str,
    /// Whether it was only looked at.
    pub is_dry_run: bool,
    /// What it wants to have written down.
    pub audit: BTreeMap<String, String>,
}

/// A plugin's decision.
#[derive(Clone, Debug)]
struct Decision {
    outcome: Decided,
    warnings: Vec<String>,
    audit: BTreeMap<String, String>,
    cache_seconds: u32,
}

#[derive(Clone, Debug)]
enum Decided {
    Allow,
    Deny { rule: String, message: String, detail: Option<serde_json::Value> },
    Hold(String),
}

/// Who is asked about which operation, and what they have said before.
#[derive(Debug)]
pub(super) struct Admissions {
    /// A bit for each operation that anybody decides about.
    any: AtomicU8,
    chains: RwLock<Arc<Chains>>,
    memo: Memo<Decision>,
}

#[derive(Debug, Default)]
struct Chains {
    asked: BTreeMap<Operation, Vec<Arc<Loaded>>>,
    /// Those that have no answer to anything.
    broken: Vec<Arc<Broken>>,
}

impl Chains {
    /// Whoever would have to be asked and cannot be.
    fn stopped_by(&self, request: &AdmissionRequest) -> Option<&Broken> {
        let stops = |one: &&Arc<Broken>| {
            one.decides_about(request.operation)
                && one.stops(Hook::Admission, Some(&request.repository))
        };
        self.broken.iter().find(stops).map(|found| &**found)
    }
}

impl Admissions {
    pub(super) fn new(clock: Clock) -> Self {
        Self { any: AtomicU8::new(0), chains: RwLock::default(), memo: Memo::new(clock) }
    }

    pub(super) fn set(&self, active: &Active) {
        let mut chains: BTreeMap<Operation, Vec<Arc<Loaded>>> = BTreeMap::new();
        for loaded in active.plugins.values() {
            let Some(ask) = loaded.manifest.hooks.get(&Hook::Admission) else { continue };
            for operation in Operation::ALL {
                if ask.operations.contains(operation.as_str()) {
                    chains.entry(operation).or_default().push(Arc::clone(loaded));
                }
            }
        }
        let order = |loaded: &Arc<Loaded>| {
            (
                loaded.bound(Hook::Admission).map_or(0, |bound| bound.binding.order),
                loaded.name.clone(),
            )
        };
        chains.values_mut().for_each(|chain| chain.sort_by_key(order));
        let broken: Vec<_> = active.broken.values().cloned().collect();
        let is_asked = |operation: &Operation| {
            chains.contains_key(operation) || broken.iter().any(|one| one.decides_about(*operation))
        };
        let any = Operation::ALL.iter().filter(|operation| is_asked(operation));
        let any = any.fold(0, |any, operation| any | operation.bit());
        *self.chains.write() = Arc::new(Chains { asked: chains, broken });
        self.any.store(any, Ordering::Release);
    }
}

impl Plugins {
    /// Whether any plugin decides about an operation; it costs nothing to ask.
    #[must_use]
    pub fn decides_about(&self, operation: Operation) -> bool {
        self.0.admissions.any.load(Ordering::Acquire) & operation.bit() != 0
    }

    /// Asks all plugins that decide about an operation, one after the other, until one denies it.
    pub async fn admit(&self, request: &AdmissionRequest, image: Option<&ImageSource>) -> Verdict {
        let mut verdict = Verdict::default();
        if !self.decides_about(request.operation) {
            return verdict;
        }
        let chains = Arc::clone(&self.0.admissions.chains.read());
        if let Some(broken) = chains.stopped_by(request) {
            let (plugin, error) =
                (broken.name.clone(), CallError::NotInForce(broken.reason.clone()));
            let retry_after = error.retry_after();
            verdict.outcome = Outcome::Unavailable { plugin, error, retry_after };
            return verdict;
        }
        for loaded in chains.asked.get(&request.operation).into_iter().flatten() {
            let Ok(bound) = loaded.bound(Hook::Admission) else { continue };
            if !bound.binding.covers(&request.repository) {
                continue;
            }
            let is_dry_run = request.context.is_dry_run || bound.binding.mode == Mode::DryRun;
            let decision = self.0.decide(loaded, request, image, is_dry_run).await;
            let (said, audit) = match &decision {
                Ok(decision) => (decision.outcome.as_str(), decision.audit.clone()),
                Err(error) => (error.kind(), BTreeMap::new()),
            };
            let plugin = loaded.name.clone();
            verdict.notes.push(Note { plugin: plugin.clone(), said, is_dry_run, audit });
            if bound.binding.mode == Mode::DryRun {
                continue;
            }
            verdict.take(plugin, bound.binding.mode, bound.fail, decision);
            if matches!(verdict.outcome, Outcome::Denied { .. } | Outcome::Unavailable { .. }) {
                break;
            }
        }
        verdict
    }
}

impl Decided {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny { .. } => "deny",
            Self::Hold(_) => "hold",
        }
    }
}

impl Verdict {
    fn take(
        &mut self,
        plugin: PluginName,
        mode: Mode,
        fail: Fail,
        decision: Result<Decision, CallError>,
    ) {
        let decision = match (decision, fail) {
            (Ok(decision), _) => decision,
            (Err(_), Fail::Open) => {
                self.warnings.push(format!("{plugin} has no answer; it was not asked to decide"));
                return;
            }
            (Err(error), Fail::Closed) => {
                let retry_after = error.retry_after();
                self.outcome = Outcome::Unavailable { plugin, error, retry_after };
                return;
            }
        };
        self.warnings.extend(decision.warnings);
        match (decision.outcome, mode) {
            (Decided::Allow, _) => {}
            (Decided::Deny { rule, message, detail }, Mode::Enforce) => {
                self.outcome = Outcome::Denied { plugin, rule, message, detail };
            }
            (Decided::Deny { rule, message, .. }, _) => {
                self.warnings.push(format!("{plugin} would deny this ({rule}): {message}"));
            }
            (Decided::Hold(reason), Mode::Enforce) => {
                // The first one that holds it is named; a denial later on counts for more.
                if self.outcome == Outcome::Allowed {
                    self.outcome = Outcome::Held { plugin, reason };
                }
            }
            (Decided::Hold(reason), _) => {
                self.warnings.push(format!("{plugin} would hold this: {reason}"));
            }
        }
    }
}

impl Inner {
    async fn decide(
        &self,
        loaded: &Arc<Loaded>,
        request: &AdmissionRequest,
        image: Option<&ImageSource>,
        is_dry_run: bool,
    ) -> Result<Decision, CallError> {
        let question = self.question(loaded, request);
        if let Some(known) = self.admissions.memo.find(question) {
            return Ok(known);
        }
        let bound = loaded.bound(Hook::Admission)?;
        let context = CallContext { is_dry_run, ..request.context.clone() };
        let asked = to_wit(request, context.to_wit(&bound.turnstile.limits));
        let (exports, image) = (Arc::clone(&loaded.exports), image.cloned());
        let decision = self
            .caller
            .call(
                loaded,
                Hook::Admission,
                &context,
                move |store, instance| {
                    async move {
                        let Some(admission) = &exports.admission else {
                            wasmtime::bail!("the hook is not exported")
                        };
                        let guest = admission.load(&mut *store, instance)?;
                        let lent = match image {
                            Some(image) => Some(store.data_mut().table.push(LentImage(image))?),
                            None => None,
                        };
                        let borrowed = lent.map(|lent| Resource::new_borrow(lent.rep()));
                        guest.call_admit(store, &asked, borrowed).await as Answered<wit::Decision>
                    }
                    .boxed()
                },
                read,
            )
            .await?;
        // A trial says nothing about the next time.
        if !is_dry_run {
            self.admissions.memo.keep(question, decision.clone(), decision.cache_seconds);
        }
        Ok(decision)
    }

    fn question(&self, loaded: &Loaded, request: &AdmissionRequest) -> Question {
        let digest = |descriptor: &Option<Descriptor>| {
            descriptor.as_ref().map(|one| one.digest.as_str().to_owned()).unwrap_or_default()
        };
        let person = request.person.as_ref().map(|person| {
            serde_json::to_string(person).expect("a person is text, and text is JSON")
        });
        let attributes = serde_json::to_string(&request.attributes).expect("text is JSON");
        let parts = [
            loaded.number.to_string(),
            request.operation.as_str().to_owned(),
            request.repository.as_str().to_owned(),
            request.reference.as_ref().map(ToString::to_string).unwrap_or_default(),
            digest(&request.target),
            digest(&request.previous),
            person.unwrap_or_default(),
            attributes,
        ];
        self.admissions.memo.question(parts.iter().map(String::as_bytes))
    }
}

fn to_wit(request: &AdmissionRequest, context: types::CallContext) -> wit::AdmissionRequest {
    wit::AdmissionRequest {
        context,
        operation: request.operation.as_str().to_owned(),
        repository: request.repository.as_str().to_owned(),
        reference: request.reference.as_ref().map(ToString::to_string),
        target: request.target.as_ref().map(descriptor),
        previous: request.previous.as_ref().map(descriptor),
        principal: request.person.clone().map(Into::into),
        attributes: request.attributes.clone().into_iter().collect(),
    }
}

/// Headers and terminals get what is left.
const LONGEST_WARNING: usize = 500;
const MOST_WARNINGS: usize = 8;
const LONGEST_MESSAGE: usize = 2000;

fn read(decision: wit::Decision) -> Result<Decision, CallError> {
    let outcome = match decision.outcome {
        wit::Outcome::Allow => Decided::Allow,
        wit::Outcome::Hold(reason) => Decided::Hold(printable(reason, LONGEST_MESSAGE)),
        wit::Outcome::Deny(denial) => {
            let detail = denial.detail.map(|detail| serde_json::from_str(&detail)).transpose();
            let detail = detail.map_err(|error| {
                CallError::Malformed(format!("the detail of its denial is no JSON: {error}"))
            })?;
            let message = printable(denial.message, LONGEST_MESSAGE);
            if message.is_empty() {
                return Err(CallError::Malformed("it denies without a message".into()));
            }
            Decided::Deny { rule: printable(denial.rule, 100), message, detail }
        }
    };
    let warnings = decision.warnings.into_iter().take(MOST_WARNINGS);
    let audit = decision.audit.into_iter().take(32);
    Ok(Decision {
        outcome,
        warnings: warnings.map(|warning| printable(warning, LONGEST_WARNING)).collect(),
        audit: audit.map(|(key, value)| (printable(key, 100), printable(value, 500))).collect(),
        cache_seconds: decision.cache_seconds,
    })
}

/// Text that does not move a cursor and does not end a header.
pub(super) fn printable(text: String, longest: usize) -> String {
    let text = if text.chars().any(char::is_control) {
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    } else {
        text
    };
    shortened(text, longest)
}
