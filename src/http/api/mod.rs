//! The admin API, `/api/v1`: JSON, one file per resource. What the command line and the UI can do, a script can.
//!
//! Its description (OpenAPI 3.1) is made from the handlers and the types that they take and give.

mod access;
mod advisories;
mod backups;
mod bindings;
mod certificates;
mod directories;
mod doctor;
mod event_stream;
mod events;
mod federation;
mod gc;
mod groups;
mod immutability;
mod input;
mod issuers;
mod jobs;
mod keys;
mod layers;
mod locks;
mod manifests;
mod plugin_views;
mod plugins;
mod providers;
mod quarantine;
mod quotas;
mod replication;
mod replication_targets;
mod repositories;
mod retention;
mod robots;
mod roles;
mod scans;
mod schedules;
mod scrub;
mod session;
mod setup;
mod statistics;
mod system;
mod tags;
mod tokens;
mod trash;
mod users;
mod vulnerabilities;
mod webhooks;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header;
use serde::Serialize;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, ResponseBuilder, ServerBuilder};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::clock::Timestamp;

/// Entries of a page whose size the client leaves to us, and the most that it may ask for.
const PAGE: u64 = 1000;

fn documented() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(session::show, session::sign_in, session::sign_out))
        .routes(routes!(setup::check))
        .routes(routes!(setup::finish))
        .routes(routes!(repositories::list))
        .routes(routes!(repositories::show, repositories::change, repositories::delete))
        .routes(routes!(repositories::access))
        .routes(routes!(repositories::timeline))
        .routes(routes!(statistics::repository))
        .routes(routes!(manifests::show))
        .routes(routes!(manifests::referrers))
        .routes(routes!(layers::files))
        .routes(routes!(layers::content))
        .routes(routes!(tags::list))
        .routes(routes!(tags::show, tags::point, tags::delete))
        .routes(routes!(tags::history))
        .routes(routes!(scans::show, scans::request))
        .routes(routes!(scans::findings))
        .routes(routes!(scans::packages))
        .routes(routes!(vulnerabilities::list))
        .routes(routes!(vulnerabilities::packages))
        .routes(routes!(quarantine::list))
        .routes(routes!(quarantine::release))
        .routes(routes!(quarantine::rules))
        .routes(routes!(quarantine::put_rule, quarantine::remove_rule))
        .routes(routes!(advisories::status))
        .routes(routes!(advisories::import, advisories::fetch, advisories::remove))
        .routes(routes!(locks::list, locks::add))
        .routes(routes!(locks::show, locks::remove))
        .routes(routes!(immutability::list, immutability::add))
        .routes(routes!(immutability::show, immutability::remove))
        .routes(routes!(retention::list))
        .routes(routes!(retention::show, retention::put, retention::remove))
        .routes(routes!(retention::dry_run))
        .routes(routes!(retention::runs, retention::run))
        .routes(routes!(users::list, users::add))
        .routes(routes!(users::show, users::change, users::remove))
        .routes(routes!(users::set_password))
        .routes(routes!(users::sessions, users::end_sessions))
        .routes(routes!(robots::list, robots::add))
        .routes(routes!(robots::show, robots::change, robots::remove))
        .routes(routes!(tokens::list, tokens::add))
        .routes(routes!(tokens::show, tokens::remove))
        .routes(routes!(tokens::rotate))
        .routes(routes!(groups::list, groups::add))
        .routes(routes!(groups::show, groups::change, groups::remove))
        .routes(routes!(groups::add_member, groups::remove_member))
        .routes(routes!(directories::list, directories::add))
        .routes(routes!(directories::show, directories::change, directories::remove))
        .routes(routes!(directories::test))
        .routes(routes!(roles::list))
        .routes(routes!(roles::put, roles::remove))
        .routes(routes!(bindings::list, bindings::add))
        .routes(routes!(bindings::show, bindings::remove))
        .routes(routes!(issuers::list))
        .routes(routes!(issuers::show, issuers::put, issuers::change, issuers::remove))
        .routes(routes!(federation::list))
        .routes(routes!(federation::show, federation::put, federation::change, federation::remove))
        .routes(routes!(federation::try_token))
        .routes(routes!(providers::choices))
        .routes(routes!(providers::list))
        .routes(routes!(providers::show, providers::put, providers::change, providers::remove))
        .routes(routes!(access::why))
        .routes(routes!(events::list))
        .routes(routes!(events::head))
        .routes(routes!(events::verify))
        .routes(routes!(event_stream::follow))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::show))
        .routes(routes!(jobs::cancel))
        .routes(routes!(jobs::retry))
        .routes(routes!(schedules::list))
        .routes(routes!(webhooks::list, webhooks::add))
        .routes(routes!(webhooks::show, webhooks::change, webhooks::remove))
        .routes(routes!(webhooks::deliveries))
        .routes(routes!(webhooks::redeliver))
        .routes(routes!(plugins::list, plugins::install))
        .routes(routes!(plugins::bundled))
        .routes(routes!(plugins::upload))
        .routes(routes!(plugins::inspect))
        .routes(routes!(plugins::show, plugins::change, plugins::remove))
        .routes(routes!(plugins::upgrade))
        .routes(routes!(plugins::roll_back))
        .routes(routes!(plugins::logs))
        .routes(routes!(replication_targets::list, replication_targets::add))
        .routes(routes!(
            replication_targets::show,
            replication_targets::change,
            replication_targets::remove
        ))
        .routes(routes!(replication_targets::check))
        .routes(routes!(replication::list, replication::add))
        .routes(routes!(replication::show, replication::change, replication::remove))
        .routes(routes!(replication::run))
        .routes(routes!(replication::states))
        .routes(routes!(keys::list))
        .routes(routes!(keys::rotate))
        .merge(upkeep())
}

/// What Berth is, what it does by itself, and what is wrong with it.
fn upkeep() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(doctor::look))
        .routes(routes!(backups::list, backups::start))
        .routes(routes!(backups::standing))
        .routes(routes!(backups::verify))
        .routes(routes!(statistics::registry))
        .routes(routes!(system::show))
        .routes(routes!(system::configuration))
        .routes(routes!(system::warnings))
        .routes(routes!(gc::status))
        .routes(routes!(gc::run))
        .routes(routes!(trash::list, trash::empty))
        .routes(routes!(trash::list_of, trash::empty_of))
        .routes(routes!(trash::undelete))
        .routes(routes!(trash::roll_back))
        .routes(routes!(scrub::status))
        .routes(routes!(scrub::run))
        .routes(routes!(scrub::damaged))
        .routes(routes!(quotas::list, quotas::set, quotas::remove))
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::from(documented()).route("/openapi.json", get(openapi))
}

/// `GET /api/v1/openapi.json`: for whoever asks; it is the same for every Berth of this version.
async fn openapi() -> Response {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| {
        description().to_pretty_json().expect("a description is representable in JSON")
    });
    ([(header::CONTENT_TYPE, "application/json")], text.as_str()).into_response()
}

/// The description of the admin API.
pub(super) fn description() -> OpenApi {
    let mut api = documented().into_openapi();
    api.info.title = "Berth admin API".into();
    api.info.version = env!("CARGO_PKG_VERSION").into();
    api.info.description = Some(
        "A repository's name is one segment of a path: write `/` in it as `%2F`. Lists hold 1,000 entries at most; `next` is \
         what asks for the following page, `null` on the last one."
            .into(),
    );
    api.info.license = None;
    api.servers = Some(vec![ServerBuilder::new().url("/api/v1").build()]);
    let components = api.components.get_or_insert_default();
    components.schemas.insert("ErrorBody".into(), ErrorBody::schema());
    components.schemas.insert("ErrorEntry".into(), ErrorEntry::schema());
    let schemes = [
        (
            "password",
            SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Basic).build()),
        ),
        ("token", SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build())),
        ("session", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("berth_session")))),
        (
            "certificate",
            SecurityScheme::MutualTls { description: None, deprecated: None, extensions: None },
        ),
    ];
    let requirements = schemes.iter().map(|(name, _)| SecurityRequirement::new(*name, [""; 0]));
    api.security = Some(requirements.collect());
    for (name, scheme) in schemes {
        components.add_security_scheme(name, scheme);
    }
    let error = || {
        let content = Content::new(Some(RefOr::Ref(Ref::from_schema_name("ErrorBody"))));
        ResponseBuilder::new()
            .description("what was wrong, as everywhere in this registry")
            .content("application/json", content)
            .build()
    };
    for (path, item) in &mut api.paths.paths {
        let operations = [
            ("get", &mut item.get),
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("patch", &mut item.patch),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            // Handlers of different resources have the same name; those who make clients want one for each.
            let words = path.split(|c: char| !c.is_ascii_alphanumeric());
            let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
            operation.operation_id = Some(format!("{method}_{}", words.join("_")));
            operation.responses.responses.insert("default".into(), RefOr::T(error()));
        }
    }
    api
}

/// What every refusal and every failure is answered with.
#[derive(Debug, Serialize, ToSchema)]
struct ErrorBody {
    errors: Vec<ErrorEntry>,
}

/// One thing that was wrong.
#[derive(Debug, Serialize, ToSchema)]
struct ErrorEntry {
    /// For programs.
    #[schema(example = "NOT_FOUND")]
    code: String,
    /// For people: what happened, and what to do.
    message: String,
}

/// A moment as the API writes it: RFC 3339 in UTC.
fn moment(at: Timestamp) -> String {
    at.to_string()
}
